"""Pooling engines without a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from threading import Event

from swiftx.errors import ArgError, BackendError, UsageError

_WAIT_S = 10


class CountingPooling:
    """Gives a sequence the counts of its tokens modulo `size`, with a little of its first token.

    Args:
        size: Numbers of a vector.
        score: Makes the vector instead.
        max_model_len: Longest sequence.

    Attributes:
        prompts: All sequences that were given, in order.
    """

    def __init__(
        self,
        size: int = 4,
        *,
        score: Callable[[Sequence[int]], tuple[float, ...]] | None = None,
        max_model_len: int | None = None,
    ) -> None:
        self.size = size
        self.prompts: list[Sequence[int]] = []
        self._score = score or self._counts
        self._max_model_len = max_model_len

    def pool(self, prompts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        for prompt in prompts:
            if not prompt or len(prompt) > (self._max_model_len or len(prompt)):
                raise UsageError([ArgError("max_length", f"{len(prompt)} tokens do not fit.")])
        self.prompts += prompts
        return [self._score(prompt) for prompt in prompts]

    def _counts(self, prompt: Sequence[int]) -> tuple[float, ...]:
        counts = [0.01 * prompt[0] + 0.001] * self.size
        for token in prompt:
            counts[token % self.size] += 1.0
        length = math.hypot(*counts)
        return tuple(count / length for count in counts)


class HeldPooling:
    """Gives a sequence its length; computes when it is let, and remembers the batches.

    Attributes:
        begun: Set when a batch has come.
        batches: First tokens of the sequences, by batch.
        fails: First tokens of sequences with which a batch fails.
    """

    size = 1

    def __init__(self, *fails: int) -> None:
        self.begun = Event()
        self.may_go_on = Event()
        self.batches: list[list[int]] = []
        self.fails = fails

    def pool(self, prompts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        self.batches.append([prompt[0] for prompt in prompts])
        self.begun.set()
        assert self.may_go_on.wait(_WAIT_S)
        if any(prompt[0] in self.fails for prompt in prompts):
            raise BackendError("The device's memory is full.")
        return [(float(len(prompt)),) for prompt in prompts]
