"""Rows of several sequences: put end to end, and taken apart again."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from swiftx.domain.plans.encoded import Encoded, Part


def joined(sequences: Sequence[tuple[str, Encoded]]) -> Encoded:
    """Return one row of several sequences, each given with what it is.

    Tokens that truncation took away are counted together; labels and weights go along where all have them.
    """
    rows = [row for _, row in sequences]
    labelled = all(len(row.labels) for row in rows)
    weighted = labelled and any(row.loss_weights is not None for row in rows)
    return Encoded(
        input_ids=_chain("i", [row.input_ids for row in rows]),
        labels=_chain("i", [row.labels for row in rows]) if labelled else array("i"),
        loss_weights=_chain("d", [weights_of(row) for row in rows]) if weighted else None,
        cut=sum(row.cut for row in rows),
        parts=tuple(Part(side, len(row)) for side, row in sequences),
    )


def sequences_of(row: Encoded) -> Iterator[tuple[str, Encoded]]:
    """Yield the sequences of a row with what they are; a row of one sequence is `main`."""
    if not row.parts:
        yield "main", row
        return
    start = 0
    for side, length in row.parts:
        part = slice(start, start + length)
        weights = row.loss_weights
        yield (
            side,
            replace(
                row,
                input_ids=row.input_ids[part],
                labels=row.labels[part],
                loss_weights=None if weights is None else weights[part],
                parts=(),
            ),
        )
        start += length


def weights_of(row: Encoded) -> Sequence[float]:
    """Return the weights of a row; without any, they are 1 at its labels."""
    if row.loss_weights is not None:
        return row.loss_weights
    return [float(label >= 0) for label in row.labels]


def _chain(kind: str, parts: Sequence[Sequence[Any]]) -> Any:
    whole: array[Any] = array(kind)
    for part in parts:
        whole.extend(iter(part))
    return whole
