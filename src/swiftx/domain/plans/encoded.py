"""One row after its template: token ids with what is trained of them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from operator import sub
from typing import NamedTuple, overload

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


class EncodedBlock(Sequence[Encoded]):
    """Rows of one sequence each, end to end: nothing but token ids and labels.

    No object is made of a row before it is asked for, so many rows are handed on at the cost of one.

    Args:
        input_ids: C ints of all rows, shape (T,).
        labels: C ints, shape (T,).
        ends: C long longs, shape (N + 1,); row i has the tokens from `ends[i]` to before `ends[i + 1]`.
        rows: Their indices in their data set, shape (N,).
    """

    def __init__(
        self, *, input_ids: array[int], labels: array[int], ends: array[int], rows: Sequence[int]
    ) -> None:
        self.input_ids = input_ids
        self.labels = labels
        self.ends = ends
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Encoded: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Encoded]: ...
    def __getitem__(self, index: int | slice) -> Encoded | Sequence[Encoded]:
        place = range(len(self))[index]
        if isinstance(place, range):
            return [self[each] for each in place]
        tokens = slice(self.ends[place], self.ends[place + 1])
        return Encoded(
            input_ids=self.input_ids[tokens], labels=self.labels[tokens], row=self.rows[place]
        )

    @property
    def lengths(self) -> array[int]:
        """Tokens of each row."""
        return array("q", map(sub, self.ends[1:], self.ends))
