"""Orders of rows in as little room as they need: a data set may have millions."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

_SMALL = 1 << 32


def order_of(indices: Iterable[int], *, rows: int) -> array[int]:
    """Return indices of so many rows as an array: four bytes each, or eight where four do not do.

    Example:
        >>> order_of(range(3), rows=3).tolist()
        [0, 1, 2]
    """
    return array(index_kind(rows), indices)


def index_kind(rows: int) -> str:
    """Return the type code of an array of indices below a number of rows."""
    return "I" if rows <= _SMALL else "q"
