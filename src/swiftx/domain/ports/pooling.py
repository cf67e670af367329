"""Port: one vector a sequence: embeddings, the logits of classes, the score of a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class PoolingEngine(Protocol):
    """Reads one vector of numbers off each sequence; what they mean says the `PoolingPlan` it was made of.

    A vector depends on its own sequence only: not on the others, their number, or their lengths.
    """

    @property
    def size(self) -> int:
        """How many numbers a vector has."""
        ...

    def pool(self, prompts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        """Return a vector for each sequence of token ids, in order; an empty list for none.

        Raises:
            UsageError: A sequence is empty, or longer than the model allows.
            BackendError: The library failed.
        """
        ...
