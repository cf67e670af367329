"""Reading one epoch of a stream, from its beginning or from a mark that an earlier reading left.

A mark holds numbers of rows only. Going on from it draws the rows before it again as numbers, which gives
the same order of the same rows, and reads the few that had been read ahead and not been used.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.datasets.loading import (
    Chunk,
    DataPorts,
    Dataset,
    format_of,
    nothing_usable,
    standard_row,
)
from swiftx.domain.datasets.report import DropTally
from swiftx.domain.plans.data import DataPlan, RowOrigin
from swiftx.errors import DataError

OriginalRow = tuple[StandardRow, RowOrigin]
_SEED_BOUND = 2**32


class Slice(NamedTuple):
    """Usable rows `start` to `stop` of a data set, in file order; no `stop` reads to the end."""

    dataset: Dataset
    start: int
    stop: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceMark:
    """How far a slice was read.

    Attributes:
        passes: Times that it was read to its end.
        read: Rows of the files read since, usable or not.
        length: Rows of the files read until its end; None before that was reached.
        ends: For each file that was read to its end, the rows up to there.
        dropped: Numbers of the rows that cannot be used.
    """

    passes: int = 0
    read: int = 0
    length: int | None = None
    ends: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMark:
    """How far a stream was read in an epoch.

    Attributes:
        drawn: Rows that were taken from the stream.
        slices: How far each of its slices was read for them.
    """

    drawn: int = 0
    slices: tuple[SliceMark, ...] = ()

    def after(self, before: StreamMark) -> StreamMark:
        """Return this mark whole, when it holds the dropped rows since another one only."""
        if not before.slices:
            return self
        pairs = zip(self.slices, before.slices, strict=True)
        merged = (replace(new, dropped=old.dropped + new.dropped) for new, old in pairs)
        return replace(self, slices=tuple(merged))

    def as_json(self) -> dict[str, Any]:
        """Return the mark as JSON-like values."""
        slices = [
            {
                "passes": part.passes,
                "read": part.read,
                "length": part.length,
                "ends": list(part.ends),
                "dropped": list(part.dropped),
            }
            for part in self.slices
        ]
        return {"drawn": self.drawn, "slices": slices}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> StreamMark:
        """Return the mark that `as_json` gave."""
        slices = (
            SliceMark(**{**part, "ends": tuple(part["ends"]), "dropped": tuple(part["dropped"])})
            for part in values["slices"]
        )
        return cls(drawn=values["drawn"], slices=tuple(slices))


class Found(NamedTuple):
    """A usable row of a slice.

    Attributes:
        row: None for a row before the mark, which is read only if it turns out to be needed.
    """

    slice: int
    number: int
    row: OriginalRow | None


Arranged = Callable[[Sequence[Iterable[Found]]], Iterator[Found]]
"""The rows of several slices → all of them in the order of an epoch."""


class StreamReader:
    """Iterates over the rows of one epoch with where each was read.

    Args:
        slices: What is read.
        arranged: Mixes and shuffles it; must do the same for numbers as for rows.
        mark: Where to go on; None begins.
        wanted: Numbers of rows taken before the mark that are needed again; see `recalled`.

    Raises:
        DataError, StorageError: As the files are read; a slice without a usable row.
    """

    def __init__(
        self,
        slices: Sequence[Slice],
        arranged: Arranged,
        plan: DataPlan,
        ports: DataPorts,
        *,
        mark: StreamMark | None = None,
        wanted: Collection[int] = (),
    ) -> None:
        self.tally = DropTally()
        self.recalled: dict[int, OriginalRow] = {}
        marks = (SliceMark(),) * len(slices) if mark is None or not mark.slices else mark.slices
        self._readers = [
            _SliceReader(number, part, plan, ports, self.tally, at)
            for number, (part, at) in enumerate(zip(slices, marks, strict=True))
        ]
        self._found = arranged(self._readers)
        self._drawn = 0
        self._read_ahead: dict[tuple[int, int], OriginalRow] = {}
        if mark is not None and mark.drawn:
            self._go_to(mark, wanted)

    def __iter__(self) -> StreamReader:
        return self

    def __next__(self) -> OriginalRow:
        found = next(self._found)
        self._drawn += 1
        return found.row or self._read_ahead[found.slice, found.number]

    @property
    def drawn(self) -> int:
        """Rows that were taken since the beginning of the epoch."""
        return self._drawn

    def mark(self) -> StreamMark:
        """Return how far reading is; of the dropped rows, those since the last call."""
        return StreamMark(drawn=self._drawn, slices=tuple(each.mark() for each in self._readers))

    def _go_to(self, mark: StreamMark, wanted: Collection[int]) -> None:
        """Draw the rows before the mark as numbers, and read those that were read ahead."""
        again: dict[int, Found] = {}
        for number in range(mark.drawn):
            found = next(self._found, None)
            if found is None or found.row is not None:
                raise DataError(
                    "the data are not those that the checkpoint was made with",
                    hint="resume with the same data sets, or add --ignore_data_skip true",
                )
            self._readers[found.slice].ahead[found.number] -= 1
            if number in wanted:
                again[number] = found
        self._drawn = mark.drawn
        needed: list[set[int]] = [
            {number for number, times in enumerate(reader.ahead) if times}
            for reader in self._readers
        ]
        for found in again.values():
            needed[found.slice].add(found.number)
        for reader, numbers in zip(self._readers, needed, strict=True):
            for number, row in reader.fetched(numbers):
                self._read_ahead[reader.number, number] = row
        self.recalled = {
            number: self._read_ahead[found.slice, found.number] for number, found in again.items()
        }


class _SliceReader:
    """The rows of a slice; every iteration is another pass over the files.

    Attributes:
        ahead: By number of the row: times that it was given before the mark. Who draws counts down.
    """

    def __init__(
        self,
        number: int,
        part: Slice,
        plan: DataPlan,
        ports: DataPorts,
        tally: DropTally,
        at: SliceMark,
    ) -> None:
        self.number = number
        self._part, self._plan, self._ports, self._tally = part, plan, ports, tally
        self._at = at
        self._begun = 0
        self._now = replace(at, passes=0, dropped=())
        self._ends = list(at.ends)
        self._dropped: list[int] = []
        self.ahead = array("i", bytes(4 * (at.read if at.length is None else at.length)))

    def mark(self) -> SliceMark:
        dropped, self._dropped = tuple(self._dropped), []
        return replace(self._now, ends=tuple(self._ends), dropped=dropped)

    def __iter__(self) -> Iterator[Found]:
        turn, self._begun = self._begun, self._begun + 1
        begin, stop = self._part.start, self._part.stop
        kept = 0
        for number, row in self._usable(turn):
            kept += 1
            if kept > begin:
                if row is None:
                    self.ahead[number] += 1
                yield Found(self.number, number, row)
            if stop is not None and kept >= stop:
                break
        if kept <= begin:
            raise self._nothing(begin)
        if self._now.length is None:
            self._now = replace(self._now, length=self._now.read)
        self._now = replace(self._now, passes=turn + 1, read=0)

    def fetched(self, numbers: Collection[int]) -> Iterator[tuple[int, OriginalRow]]:
        """Yield rows by their numbers, reading from the first to the last of them."""
        if not numbers:
            return
        last = max(numbers)
        for number, row in self._read(min(numbers), tally=DropTally()):
            if row is not None and number in numbers:
                yield number, row
            if number >= last:
                return

    def _usable(self, turn: int) -> Iterator[tuple[int, OriginalRow | None]]:
        """Yield the usable rows of a pass; those that the mark knows are not read."""
        known = 0
        if turn <= self._at.passes:
            known = self._at.read if turn == self._at.passes else self._at.length or 0
            dropped = set(self._at.dropped)
        self._now = replace(self._now, passes=turn, read=known)
        if known:
            yield from ((number, None) for number in range(known) if number not in dropped)
        if turn < self._at.passes:
            return
        for number, row in self._read(known, tally=self._tally if turn == 0 else DropTally()):
            self._now = replace(self._now, read=number + 1)
            if row is not None:
                yield number, row
            elif turn == 0:  # later passes drop the same rows
                self._dropped.append(number)

    def _read(self, start: int, *, tally: DropTally) -> Iterator[tuple[int, OriginalRow | None]]:
        """Yield rows of the files from a number on; None for those that cannot be used."""
        first = 0
        for index, chunk in enumerate(self._part.dataset.chunks):
            end = self._ends[index] if index < len(self._ends) else None
            if end is not None and start >= end:
                first = end
                continue
            number = first - 1
            for number, row in self._chunk(chunk, first, max(start, first), tally):
                yield number, row
            first = end if end is not None else max(number + 1, start)
            if end is None:
                self._ends.append(first)

    def _chunk(
        self, chunk: Chunk, first: int, start: int, tally: DropTally
    ) -> Iterator[tuple[int, OriginalRow | None]]:
        pick = _Pick(self._ports, self._plan.data_seed)
        format_ = format_of(chunk, self._plan, pick=pick if self._plan.random_response else None)
        for number, raw in enumerate(chunk.rows(start - first), start):
            pick.number = number
            origin = RowOrigin(chunk.source, number - first)
            row = standard_row(
                raw, chunk, format_, origin=origin, strict=self._plan.strict, tally=tally
            )
            yield number, None if row is None else (row, origin)

    def _nothing(self, begin: int) -> DataError:
        if not begin:
            return nothing_usable(self._part.dataset, self._tally)
        return DataError(
            f"there is no row after the first {begin}, which are held for validation",
            source=self._part.dataset.name,
            hint="Lower the count after '#'.",
        )


class _Pick:
    """Chooses among the responses of a row by its number alone, whatever was read before it."""

    def __init__(self, ports: DataPorts, seed: int) -> None:
        self._ports, self._seed = ports, seed
        self.number = 0

    def __call__(self, choices: int) -> int:
        return self._ports.shuffler.draws((self._seed + self.number) % _SEED_BOUND).below(choices)
