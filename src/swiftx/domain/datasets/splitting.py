"""Rows of one data set → training rows and validation rows, after sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from swiftx.domain.datasets.orders import order_of
from swiftx.domain.datasets.sampling import sampled
from swiftx.domain.ports.random import Draws, Shuffler
from swiftx.errors import ArgError, DataError, UsageError

SEED_BOUND = 2**31 - 1
"""Seeds of a `Generator` are drawn below this (numpy's largest int32)."""


class Part(NamedTuple):
    """The size of one data set: usable rows (at least 1), and rows wanted (None for all)."""

    source: str
    rows: int
    wanted: int | None


class Split(NamedTuple):
    """Row indices of one data set."""

    train: Sequence[int]
    validation: Sequence[int]


def split(part: Part, *, ratio: float, shuffle: bool, draws: Draws, shuffler: Shuffler) -> Split:
    """Return which rows are trained and which validate; no row does both.

    Args:
        ratio: Share of validation, 0 to 1; at least one row when it is neither.
        draws: Moved on by every random decision, so that the next data set gets others.

    Raises:
        UsageError: `ratio` is not between 0 and 1, or it asks for more validation rows than there are.
        DataError: No row is left to train on.
    """
    if not 0 <= ratio <= 1:
        message = f"split_dataset_ratio is {ratio}, not a number from 0 to 1"
        raise UsageError([ArgError("split_dataset_ratio", message)])
    source, rows, _ = part
    wanted = rows if part.wanted is None else part.wanted
    sampling = draws if shuffle else None
    if ratio == 0:
        return Split(sampled(rows, wanted, draws=sampling), [])
    if ratio == 1:
        _refuse_repeats(rows, wanted, source=source)
        return Split([], sampled(rows, wanted, draws=sampling))
    held = max(int(min(rows, wanted) * ratio), 1)
    if held >= rows or held >= wanted:
        raise DataError(
            f"{min(rows, wanted)} rows split by {ratio} leave no row to train on",
            source=source,
            hint="Lower --split_dataset_ratio, or give the validation rows with --val_dataset.",
        )
    order: Sequence[int] = range(rows)
    validation, rest = order[rows - held :], order[: rows - held]
    if shuffle:
        order = shuffler.generator(draws.below(SEED_BOUND)).permutation(rows)
        validation, rest = order[:held], order[held:]
    train = sampled(len(rest), wanted - held, draws=sampling)
    return Split(order_of((rest[index] for index in train), rows=rows), validation)


def _refuse_repeats(rows: int, wanted: int, *, source: str) -> None:
    if wanted > rows:
        message = f"{source!r} has {rows} rows, fewer than the {wanted} that its '#' asks for"
        hint = "Validation rows are not repeated; lower the count."
        raise UsageError([ArgError("val_dataset", message, hint=hint)])
