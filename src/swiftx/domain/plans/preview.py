"""Rows of a data set as they are shown before training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.plans.data import RowOrigin
from swiftx.domain.plans.encoded import Encoded


class Piece(NamedTuple):
    """Which part of a row that was split something is.

    Attributes:
        number: From 0.
        of: How many there are.
    """

    number: int
    of: int


class TokenText(NamedTuple):
    """What some tokens stand for: mostly one, several where a character is spread over them."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Two renderings of a row, compared: with the declared template and with the tokenizer's own.

    Attributes:
        position: Index of the first token that differs; None when all are equal or none were compared.
        before: Text of the last few tokens that agree.
        declared, own: Text of the next few tokens of either; empty where a rendering has ended.
        reason: Why the row cannot be compared; None when it was.
    """

    position: int | None = None
    before: str = ""
    declared: str = ""
    own: str = ""
    reason: str | None = None

    @property
    def is_identical(self) -> bool:
        """Whether the row was compared and does not differ."""
        return self.position is None and self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSequence:
    """One sequence of a row.

    Attributes:
        side: None for the row itself (the chosen answer of a pair); `rejected`, `positive` or
            `negative` for what it is compared with.
        texts: Of the tokens, in order; empty when nobody reads them.
    """

    encoded: Encoded
    side: str | None = None
    texts: tuple[TokenText, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """What became of one row, or of a piece of it.

    Attributes:
        index: Number of the row in everything that was read, from 0.
        origin: Where it was read.
        error: Why it cannot be used; None when it can.
        standard: The row before the template, when that is asked for.
        piece: Number of the piece, and how many there are; None when the row was not split.
        sequences: The row itself, then its sides; empty before the template, or with an error.
        extras: Columns that are learned from beside the text (`label`, `margin`).
        parity: Of the row itself; None when it was not asked for.
    """

    index: int
    origin: RowOrigin
    error: str | None = None
    standard: StandardRow | None = None
    piece: Piece | None = None
    sequences: tuple[PreviewSequence, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)
    parity: Parity | None = None
