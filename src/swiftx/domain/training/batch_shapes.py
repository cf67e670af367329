"""The largest batch of a run, which decides how much memory it needs."""

from __future__ import annotations

import random
from collections.abc import Sequence

from swiftx.domain.plans.memory import BatchShape
from swiftx.domain.training.batches import batches

_ORDERS = 8
"""Orders that are drawn where the sum of a batch depends on which rows meet."""


def largest_batch(
    lengths: Sequence[int],
    size: int,
    *,
    flat: bool,
    packs: Sequence[Sequence[int]] | None = None,
    seed: int = 0,
) -> BatchShape:
    """Return the shape of the largest batch that an epoch is likely to have.

    Padded rows are as long as the longest one of their batch, so that the longest of all decides. Rows that
    are laid end to end add up to what the order of the epoch makes of them: the largest of a few orders is
    taken.

    Args:
        lengths: Tokens of each row, at least one row.
        size: Rows of a batch; packs of them with `packs`.
        flat: Whether the rows of a batch are laid end to end.
        packs: Numbers of the rows that share a sequence.
        seed: Of the orders.

    Example:
        >>> largest_batch([5, 9, 2], 2, flat=False)
        BatchShape(rows=2, tokens=9)
    """
    if packs is not None:
        lengths = [sum(lengths[row] for row in pack) for pack in packs]
    if not flat:
        return BatchShape(rows=min(size, len(lengths)), tokens=max(lengths))
    draw = random.Random(seed)
    longest = 0
    for _ in range(_ORDERS):
        order = draw.sample(range(len(lengths)), len(lengths))
        sums = (sum(lengths[row] for row in rows) for rows in batches(order, size))
        longest = max(longest, *sums)
    return BatchShape(rows=1, tokens=longest)
