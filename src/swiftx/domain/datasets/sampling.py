"""How many rows of one data set are used, and which."""

from __future__ import annotations

from array import array

from swiftx.domain.datasets.orders import order_of
from swiftx.domain.ports.random import Draws


def sampled(rows: int, count: int, *, draws: Draws | None) -> array[int]:
    """Return the indices of `count` of `rows` rows: whole copies in order, then a part of one.

    Args:
        rows: At least 1.
        draws: Makes the partial copy a random one without replacement; None takes the first rows.

    Example:
        >>> sampled(3, 5, draws=None).tolist()
        [0, 1, 2, 0, 1]
    """
    copies, remainder = divmod(count, rows)
    order = order_of(range(rows), rows=rows) * copies
    if remainder:
        order.extend(draws.permutation(rows)[:remainder] if draws else range(remainder))
    return order
