"""Where rows were read, in a few bytes for many of them: a data set may have millions."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import overload

from swiftx.domain.plans.data import RowOrigin


class Origins(Sequence[RowOrigin]):
    """The origins of rows, in order; rows that follow one another in a file take no room."""

    def __init__(self) -> None:
        self._count = 0
        # Of each stretch of a file: the number of its first row here, its file, and its first row there.
        self._starts = array("q")
        self._sources: list[str] = []
        self._rows = array("q")
        self._next: tuple[str, int] | None = None

    def append(self, origin: RowOrigin) -> None:
        """Put the origin of one more row at the end."""
        source, row = origin
        if origin != self._next:
            self._starts.append(self._count)
            self._sources.append(source)
            self._rows.append(row)
        self._next = (source, row + 1)
        self._count += 1

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> RowOrigin: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RowOrigin]: ...
    def __getitem__(self, index: int | slice) -> RowOrigin | Sequence[RowOrigin]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index < 0:
            index += self._count
        if not 0 <= index < self._count:
            raise IndexError(index)
        stretch = bisect_right(self._starts, index) - 1
        return RowOrigin(
            self._sources[stretch], self._rows[stretch] + index - self._starts[stretch]
        )
