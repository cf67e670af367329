"""Rows that become tokens, sequences and batches while they are used: `--streaming`.

Every process reads the whole stream and takes its share of every batch, so that the number of processes
changes no step. A batch comes with the position behind it: from there another reading goes on exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, cast

from swiftx.domain.datasets.pipeline import PreparedRows
from swiftx.domain.datasets.report import DropTally, describe
from swiftx.domain.datasets.row_encoding import TOO_LONG, UNUSABLE, said
from swiftx.domain.datasets.sequences import ANSWERS, RowUse
from swiftx.domain.datasets.stream_reading import OriginalRow, StreamMark, StreamReader
from swiftx.domain.datasets.streaming import RowStream
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.ports.batch_stream import StreamedBatch
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.truncation import TooLong
from swiftx.domain.training.encoding import RowEncoder
from swiftx.domain.training.packing import pack
from swiftx.errors import DataError

_AT_ONCE = 32
"""Rows that go through the tokenizer together; more would be made again when a run is resumed."""

PACKING_WINDOW = 128
"""Rows that are packed together, as many as the reference takes."""


_Encode = Callable[[Sequence[OriginalRow], DropTally], Sequence[Sequence[Encoded]]]


class Place(NamedTuple):
    """Where a piece of a row is in an epoch.

    Attributes:
        row: Number of the row.
        piece: Number of the piece; 0 for a row that was not split.
    """

    row: int
    piece: int


class _Row(NamedTuple):
    """A row, or a piece of one, with its place in the epoch."""

    place: Place
    encoded: Encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPosition:
    """Where a stream goes on.

    Attributes:
        epoch: Passes over the data that are done.
        mark: How far the rows of this epoch were read.
        waiting: Places of rows that are read already and come next, sequence by sequence.
        carried: Places of rows that are put into a sequence together with rows that are not read yet.
    """

    epoch: int = 0
    mark: StreamMark = field(default_factory=StreamMark)
    waiting: tuple[tuple[Place, ...], ...] = ()
    carried: tuple[Place, ...] = ()

    def after(self, before: StreamPosition) -> StreamPosition:
        """Return this position whole; its mark holds the dropped rows since another one only."""
        if self.epoch != before.epoch:
            return self
        return StreamPosition(
            epoch=self.epoch,
            mark=self.mark.after(before.mark),
            waiting=self.waiting,
            carried=self.carried,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the position as JSON-like values."""
        return {
            "epoch": self.epoch,
            "mark": self.mark.as_json(),
            "waiting": [list(map(list, places)) for places in self.waiting],
            "carried": list(map(list, self.carried)),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> StreamPosition:
        """Return the position that `as_json` gave."""
        return cls(
            epoch=values["epoch"],
            mark=StreamMark.from_json(values["mark"]),
            waiting=tuple(_places(rows) for rows in values["waiting"]),
            carried=_places(values["carried"]),
        )


def _places(values: Sequence[Sequence[int]]) -> tuple[Place, ...]:
    return tuple(Place(*value) for value in values)


@dataclass(frozen=True, slots=True)
class _News:
    """What a batch says to its stream.

    Attributes:
        position: Where the stream goes on, for `StreamPosition.after` the batch before.
        dropped: Rows that were left out since the batch before.
    """

    position: StreamPosition
    dropped: DropTally


class TokenStream:
    """The `BatchStream` of data sets.

    Attributes:
        dropped: Rows that were left out so far, each time that they came.

    Args:
        rows: What is read.
        template: Turns conversations into token ids.
        use: What the rows are for.
        strict: Raise at the first row that cannot be used.
        capacity: Tokens of a packed sequence; None: each row by itself.
    """

    def __init__(
        self,
        rows: RowStream,
        template: ChatTemplate,
        *,
        use: RowUse = ANSWERS,
        strict: bool = False,
        capacity: int | None = None,
    ) -> None:
        self._rows = rows
        self._template = template
        self._use = use
        self._strict = strict
        self._capacity = capacity
        self.dropped = DropTally()
        self._position = StreamPosition()

    @property
    def epoch(self) -> int:
        return self._position.epoch

    def take(self, batch: StreamedBatch) -> bool:
        news = cast(_News, batch.news)
        self.dropped.extend(news.dropped)
        before, self._position = self._position, news.position.after(self._position)
        return self.epoch > before.epoch

    def state(self) -> Mapping[str, Any]:
        return self._position.as_json()

    def go_to(self, state: Mapping[str, Any] | None) -> None:
        self._position = StreamPosition() if state is None else StreamPosition.from_json(state)

    def batches(
        self, size: int, *, rank: int = 0, world_size: int = 1, drop_last: bool = False
    ) -> Iterator[StreamedBatch]:
        position = self._position
        while True:
            epoch = _Epoch(self._rows, self._encoded, self._capacity, position)
            fresh, batch = position.mark.drawn == 0, None
            for batch in self._epoch(epoch, size, rank, world_size, drop_last):
                yield batch
            if batch is None and fresh:
                raise self._nothing(epoch.dropped, size * world_size)
            position = StreamPosition(epoch=position.epoch + 1)

    def _epoch(
        self, epoch: _Epoch, size: int, rank: int, world_size: int, drop_last: bool
    ) -> Iterator[StreamedBatch]:
        """Yield the batches of an epoch; the position after the last one is the next epoch."""
        before: Sequence[Encoded] | None = None
        position = epoch.position
        while True:
            sequences = list(islice(epoch, size * world_size))
            each = min(size, len(sequences) // world_size)
            if each and not (drop_last and each < size):
                if before is not None:
                    yield StreamedBatch(rows=before, news=_News(position, epoch.news()))
                mine = sequences[rank * each : (rank + 1) * each]
                before, position = [row for rows in mine for row in rows], epoch.mark()
            if len(sequences) < size * world_size:
                break
        if before is not None:
            following = StreamPosition(epoch=position.epoch + 1)
            yield StreamedBatch(rows=before, news=_News(following, epoch.news()))

    def _encoded(self, rows: Sequence[OriginalRow], dropped: DropTally) -> list[Sequence[Encoded]]:
        """Return the rows as tokens, each in one piece or several; none for one that cannot be used."""
        prepared = PreparedRows([row for row, _ in rows], [origin for _, origin in rows])
        encoder = RowEncoder(prepared, self._template, self._use)
        encoded: list[Sequence[Encoded]] = []
        for index, _, outcome in encoder.outcomes(encoder.read(range(len(rows)))):
            if isinstance(outcome, Encoded):
                encoded.append(self._template.pieces(outcome))
                continue
            origin = prepared.origin(index)
            if self._strict:
                raise DataError(said(outcome), source=origin.source, row=origin.row)
            reason = TOO_LONG if isinstance(outcome, TooLong) else UNUSABLE
            dropped.add(reason, origin, said(outcome))
            encoded.append(())
        return encoded

    def _nothing(self, dropped: DropTally, needed: int) -> DataError:
        reasons = "; ".join(f"{each.reason}: {describe(each)}" for each in dropped.dropped())
        return DataError(
            f"the stream does not fill one batch of {needed} in all. {reasons}".rstrip(),
            source=", ".join(each.dataset.name for each in self._rows.slices),
            hint="`swiftx preview` shows what becomes of each row",
        )


class _Epoch:
    """Iterates over the sequences of an epoch, each a tuple of rows.

    Attributes:
        dropped: All rows that were left out.
    """

    def __init__(
        self, rows: RowStream, encode: _Encode, capacity: int | None, position: StreamPosition
    ) -> None:
        self.position = position
        self._encode, self._capacity = encode, capacity
        waiting = (place for places in position.waiting for place in places)
        wanted = {place.row for place in (*position.carried, *waiting)}
        self._reader: StreamReader = rows.reader(position.epoch, mark=position.mark, wanted=wanted)
        self.dropped = self._reader.tally
        self._told: Mapping[str, int] = {}
        again = self._again()
        self._ready = deque(tuple(again[each] for each in rows) for rows in position.waiting)
        self._carried = [again[each] for each in position.carried]
        self._ended = False

    def __iter__(self) -> _Epoch:
        return self

    def __next__(self) -> tuple[Encoded, ...]:
        while not self._ready:
            if self._ended:
                raise StopIteration
            self._read()
        return tuple(row.encoded for row in self._ready.popleft())

    def mark(self) -> StreamPosition:
        """Return where the epoch goes on; of the dropped rows, those since the last call."""
        return StreamPosition(
            epoch=self.position.epoch,
            mark=self._reader.mark(),
            waiting=tuple(tuple(row.place for row in rows) for rows in self._ready),
            carried=tuple(row.place for row in self._carried),
        )

    def news(self) -> DropTally:
        """Return what was left out since the last call."""
        news = self.dropped.since(self._told)
        self._told = self.dropped.counts()
        return news

    def _again(self) -> dict[Place, _Row]:
        """Return the rows that had been read and not used."""
        numbers = list(self._reader.recalled)
        rows = self._encode(list(self._reader.recalled.values()), DropTally())
        return {row.place: row for row in _placed(numbers, rows)}

    def _read(self) -> None:
        first = self._reader.drawn
        count = _AT_ONCE if self._capacity is None else PACKING_WINDOW
        drawn = list(islice(self._reader, count))
        self._ended = len(drawn) < count
        numbers = range(first, first + len(drawn))
        rows = list(_placed(numbers, self._encode(drawn, self.dropped)))
        if self._capacity is None:
            self._ready.extend((row,) for row in rows)
        else:
            self._pack([*self._carried, *rows], self._capacity)

    def _pack(self, rows: Sequence[_Row], capacity: int) -> None:
        """Put rows into sequences; the emptiest waits for the rows that follow."""
        lengths = [len(row.encoded) for row in rows]
        bins = pack(lengths, capacity)
        self._carried = []
        if bins and not self._ended:
            filled = [sum(lengths[row] for row in each) for each in bins]
            emptiest = filled.index(min(filled))
            if filled[emptiest] < capacity:
                self._carried = [rows[row] for row in bins.pop(emptiest)]
        self._ready.extend(tuple(rows[row] for row in each) for each in bins)


def _placed(numbers: Sequence[int], rows: Sequence[Sequence[Encoded]]) -> Iterator[_Row]:
    """Yield the pieces of rows with the places they have."""
    for number, pieces in zip(numbers, rows, strict=True):
        for piece, encoded in enumerate(pieces):
            yield _Row(Place(number, piece), encoded)
