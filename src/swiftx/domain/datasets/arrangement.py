"""Sizes of data sets → the order of training and validation rows. Index arithmetic only.

They are arrays: a list of Python numbers takes five times the room, and a data set may have millions of rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from swiftx.domain.datasets.mixing import interleaved
from swiftx.domain.datasets.orders import order_of
from swiftx.domain.datasets.splitting import SEED_BOUND, Part, split
from swiftx.domain.ports.random import Draws, Shuffler


class Arrangement(NamedTuple):
    """Row indices into all data sets laid end to end."""

    train: Sequence[int]
    validation: Sequence[int]


class Mix(NamedTuple):
    """How several data sets become one."""

    probabilities: Sequence[float]
    stopping_strategy: str


def arrange(
    parts: Sequence[Part],
    *,
    ratio: float,
    shuffle: bool,
    seed: int,
    shuffler: Shuffler,
    mix: Mix | None = None,
) -> Arrangement:
    """Return which rows are used, where and in which order.

    All data sets share one stream of draws, taken in their order: the order of data sets matters.

    Args:
        ratio: Share of validation in each data set.
        mix: Interleaves the data sets; None puts one after another.

    Raises:
        UsageError, DataError: See `split` and `interleaved`.
    """
    draws = shuffler.draws(seed)
    train: list[array[int]] = []
    validation: list[array[int]] = []
    offset, total = 0, sum(part.rows for part in parts)
    for part in parts:
        sides = split(part, ratio=ratio, shuffle=shuffle, draws=draws, shuffler=shuffler)
        for rows, side in zip((train, validation), sides, strict=True):
            if side:
                rows.append(order_of((offset + index for index in side), rows=total))
        offset += part.rows
    mixed = [_mixed(rows, mix, draws=draws, shuffler=shuffler) for rows in (train, validation)]
    if shuffle:
        mixed = [_shuffled(rows, draws=draws, shuffler=shuffler) for rows in mixed]
    return Arrangement(*mixed)


def _mixed(
    rows: Sequence[array[int]], mix: Mix | None, *, draws: Draws, shuffler: Shuffler
) -> array[int]:
    if mix is None:
        return _end_to_end(rows)
    generator = shuffler.generator(draws.below(SEED_BOUND))  # drawn even where nothing is mixed
    if len(rows) <= 1:
        return _end_to_end(rows)
    order = interleaved(
        [len(part) for part in rows],
        mix.probabilities,
        stopping_strategy=mix.stopping_strategy,
        generator=generator,
    )
    return array(_kind(rows), (rows[part][index] for part, index in order))


def _end_to_end(rows: Sequence[array[int]]) -> array[int]:
    if len(rows) == 1:
        return rows[0]
    whole = array(_kind(rows))
    for each in rows:
        whole += each
    return whole


def _kind(rows: Sequence[array[int]]) -> str:
    return rows[0].typecode if rows else "I"


def _shuffled(rows: array[int], *, draws: Draws, shuffler: Shuffler) -> array[int]:
    if not rows:
        return rows
    order = shuffler.generator(draws.below(SEED_BOUND)).permutation(len(rows))
    return array(rows.typecode, map(rows.__getitem__, order))
