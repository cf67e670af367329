"""One row after its template: token ids with what is trained of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

IGNORE = -100
"""Label of a token that is not trained (the convention of torch's cross entropy)."""


SIDES = ("main", "rejected", "positive", "negative")
"""What a sequence of a row can be."""


class Part(NamedTuple):
    """One of the sequences of a row: what it is (one of `SIDES`), and its tokens."""

    side: str
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Token ids, labels and loss weights of one sequence of T tokens, or of several end to end.

    Attributes:
        input_ids: int, shape (T,).
        labels: int, shape (T,); the input id where the token is trained, -100 elsewhere.
            Empty for a prompt (inference).
        loss_weights: float, shape (T,); None when every weight is 0 or 1 (then the labels say it all).
        row: Index of the row in its data set, for messages.
        channel: The row's `channel`, when it has one.
        cut: Tokens that truncation took away.
        parts: Where the row is several sequences (a question and its documents): each of them, in order;
            their lengths add up to T. Empty for one sequence.
        target: What the row as a whole is trained towards: a class, numbers, how alike its texts are. None
            where tokens are trained.
    """

    input_ids: Sequence[int]
    labels: Sequence[int] = ()
    loss_weights: Sequence[float] | None = None
    row: int = -1
    channel: str | None = None
    cut: int = 0
    parts: tuple[Part, ...] = ()
    target: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return len(self.input_ids)
