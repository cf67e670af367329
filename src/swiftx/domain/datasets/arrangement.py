"""Sizes of data sets → the order of training and validation rows. Index arithmetic only.

They are arrays: a list of Python numbers takes five times the room, and a data set may have millions of rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from swiftx.domain.datasets.mixing import interleaved
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
    train: list[Sequence[int]] = []
    validation: list[Sequence[int]] = []
    offset = 0
    for part in parts:
        sides = split(part, ratio=ratio, shuffle=shuffle, draws=draws, shuffler=shuffler)
        for rows, side in zip((train, validation), sides, strict=True):
            if side:
                rows.append(array("q", (offset + index for index in side)))
        offset += part.rows
    mixed = [_mixed(rows, mix, draws=draws, shuffler=shuffler) for rows in (train, validation)]
    if shuffle:
        mixed = [_shuffled(rows, draws=draws, shuffler=shuffler) for rows in mixed]
    return Arrangement(*mixed)


def _mixed(
    rows: Sequence[Sequence[int]], mix: Mix | None, *, draws: Draws, shuffler: Shuffler
) -> Sequence[int]:
    if mix is None:
        return array("q", chain.from_iterable(rows))
    generator = shuffler.generator(draws.below(SEED_BOUND))  # drawn even where nothing is mixed
    if len(rows) <= 1:
        return rows[0] if rows else array("q")
    order = interleaved(
        [len(part) for part in rows],
        mix.probabilities,
        stopping_strategy=mix.stopping_strategy,
        generator=generator,
    )
    return array("q", (rows[part][index] for part, index in order))


def _shuffled(rows: Sequence[int], *, draws: Draws, shuffler: Shuffler) -> Sequence[int]:
    if not rows:
        return rows
    order = shuffler.generator(draws.below(SEED_BOUND)).permutation(len(rows))
    return array("q", (rows[index] for index in order))
