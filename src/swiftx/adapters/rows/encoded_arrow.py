"""Encoded rows in an Arrow file: written in batches, read through a memory map."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple, overload

import pyarrow as pa
import pyarrow.ipc

from swiftx.domain.plans.encoded import SIDES, Encoded, EncodedBlock, Part
from swiftx.domain.ports.encoded import StoredRows
from swiftx.errors import DataError, StorageError

_SCHEMA = pa.schema(
    {
        "input_ids": pa.list_(pa.int32()),
        "labels": pa.list_(pa.int32()),
        "loss_weights": pa.list_(pa.float32()),
        "row": pa.int64(),
        "channel": pa.string(),
        "cut": pa.int32(),
        "part_lengths": pa.list_(pa.int32()),
        "part_sides": pa.list_(pa.int32()),
        "target": pa.list_(pa.float32()),
    }
)
_TOKENS_A_BATCH = 1 << 20


class ArrowWriter:
    """The `RowWriter` of an Arrow file; holds at most a few megabytes.

    Args:
        path: The file to make.
        owner: Kept alive by the rows that are read.
    """

    def __init__(self, path: str, *, owner: object = None) -> None:
        self.path = path
        self._owner = owner
        self._waiting = _Batch()
        self._batches: list[int] = []
        try:
            self._file = pa.OSFile(path, "wb")
            self._writer = pa.ipc.new_file(self._file, _SCHEMA)
        except OSError as error:
            raise _failure(path, error) from error

    def add(self, rows: Sequence[Encoded]) -> None:
        if isinstance(rows, EncodedBlock):
            self._waiting.add_block(rows)
            rows = ()
        for row in rows:
            self._waiting.add(row)
            if self._waiting.tokens >= _TOKENS_A_BATCH:
                self._flush()
        if self._waiting.tokens >= _TOKENS_A_BATCH:
            self._flush()

    def finish(self) -> ArrowRows:
        self._flush()
        try:
            self._writer.close()
            self._file.close()
        except OSError as error:
            raise _failure(self.path, error) from error
        # Counted while writing: to read it here would bring parts of every batch into memory.
        return ArrowRows(self.path, owner=self._owner, batches=self._batches)

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, _Batch()
        if not batch.numbers:
            return
        try:
            self._writer.write_batch(batch.arrow())
            self._batches.append(len(batch.numbers))
        except OSError as error:
            raise _failure(self.path, error) from error


class ArrowRows(StoredRows):
    """The rows of an Arrow file.

    Args:
        path: The file.
        owner: Kept alive with the rows.
        batches: How many rows each batch has; None reads it.

    Raises:
        DataError: The file is not whole, or no file of encoded rows.
        StorageError: It cannot be opened.
    """

    def __init__(
        self, path: str, *, owner: object = None, batches: Sequence[int] | None = None
    ) -> None:
        self.path = path
        self._owner = owner
        try:
            self._reader = pa.ipc.open_file(pa.memory_map(path))
        except pa.ArrowInvalid as error:
            raise DataError(f"the Arrow file is damaged: {error}", source=path) from error
        except OSError as error:
            raise StorageError(f"{path}: cannot be read: {error.strerror or error}") from error
        if self._reader.schema != _SCHEMA:
            raise DataError("these are no encoded rows of this version", source=path)
        self._views: dict[int, _View] = {}
        self._starts = list(accumulate(self._batches() if batches is None else batches, initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> Encoded: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Encoded]: ...
    def __getitem__(self, index: int | slice) -> Encoded | Sequence[Encoded]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        batch = bisect_right(self._starts, index) - 1
        return self._view(batch).row(index - self._starts[batch])

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrowRows, (self.path,)

    @cached_property
    def lengths(self) -> array[int]:
        return array("i", self._lengths())

    def _lengths(self) -> Iterator[int]:
        for batch in range(len(self._starts) - 1):
            ends = self._view(batch).ids.ends
            yield from (ends[i + 1] - ends[i] for i in range(len(ends) - 1))

    def _batches(self) -> Iterator[int]:
        for index in range(self._reader.num_record_batches):
            yield self._reader.get_batch(index).num_rows

    def _view(self, batch: int) -> _View:
        if batch not in self._views:
            self._views[batch] = _View.of(self._reader.get_batch(batch))
        return self._views[batch]


class _Batch:
    """Rows end to end, on their way to the file."""

    def __init__(self) -> None:
        self._ids, self._labels, self._weights = array("i"), array("i"), array("f")
        self._lengths, self._sides, self._targets = array("i"), array("i"), array("f")
        names = ("ids", "labels", "weights", "parts", "targets")
        self._ends = {name: array("i", [0]) for name in names}
        self._unweighted: list[bool] = []
        self._whole: list[bool] = []
        self._untargeted: list[bool] = []
        self._channels: list[str | None] = []
        self._cuts = array("i")
        self.numbers = array("q")

    @property
    def tokens(self) -> int:
        return len(self._ids)

    def add(self, row: Encoded) -> None:
        self._ids.extend(row.input_ids)
        self._labels.extend(row.labels)
        if row.loss_weights is not None:
            self._weights.extend(iter(row.loss_weights))  # an array extends by its own kind only
        self._ends["ids"].append(len(self._ids))
        self._ends["labels"].append(len(self._labels))
        self._ends["weights"].append(len(self._weights))
        self._lengths.extend(part.length for part in row.parts)
        self._sides.extend(SIDES.index(part.side) for part in row.parts)
        self._targets.extend(row.target or ())
        self._ends["parts"].append(len(self._lengths))
        self._ends["targets"].append(len(self._targets))
        self._whole.append(not row.parts)
        self._untargeted.append(row.target is None)
        self._unweighted.append(row.loss_weights is None)
        self._channels.append(row.channel)
        self._cuts.append(row.cut)
        self.numbers.append(row.row)

    def add_block(self, block: EncodedBlock) -> None:
        count = len(block)
        for name, column, numbers in (
            ("ids", self._ids, block.input_ids),
            ("labels", self._labels, block.labels),
        ):
            self._ends[name].extend(map(len(column).__add__, block.ends[1:]))
            column += numbers
        for name in ("weights", "parts", "targets"):  # empty lists: they end where the last one did
            self._ends[name] += self._ends[name][-1:] * count
        for absent in (self._whole, self._untargeted, self._unweighted):
            absent += [True] * count
        self._channels += [None] * count
        self._cuts += array("i", [0]) * count
        self.numbers.extend(block.rows)

    def arrow(self) -> pa.RecordBatch:
        columns = [
            _lists(self._ends["ids"], self._ids, pa.int32()),
            _lists(self._ends["labels"], self._labels, pa.int32()),
            _lists(self._ends["weights"], self._weights, pa.float32(), absent=self._unweighted),
            _flat(self.numbers, pa.int64()),
            _texts(self._channels),
            _flat(self._cuts, pa.int32()),
            _lists(self._ends["parts"], self._lengths, pa.int32(), absent=self._whole),
            _lists(self._ends["parts"], self._sides, pa.int32(), absent=self._whole),
            _lists(self._ends["targets"], self._targets, pa.float32(), absent=self._untargeted),
        ]
        return pa.record_batch(columns, schema=_SCHEMA)


class _Lists(NamedTuple):
    """A column of lists: all numbers end to end as bytes, and where each list ends."""

    numbers: memoryview
    ends: memoryview
    kind: str

    @classmethod
    def of(cls, column: Any, kind: str) -> _Lists:
        numbers = memoryview(column.values.buffers()[1] or b"").cast("B")
        return cls(
            numbers, memoryview(column.offsets.buffers()[1]).cast("i")[: len(column) + 1], kind
        )

    def __call__(self, index: int) -> array[Any]:
        found = array(self.kind)
        found.frombytes(self.numbers[4 * self.ends[index] : 4 * self.ends[index + 1]])
        return found


class _View(NamedTuple):
    """The rows of one batch, in place."""

    ids: _Lists
    labels: _Lists
    weights: _Lists | None
    unweighted: Sequence[bool]
    numbers: memoryview
    channels: Any
    cuts: memoryview
    lengths: _Lists | None
    sides: _Lists | None
    targets: _Lists | None
    untargeted: Sequence[bool]

    @classmethod
    def of(cls, batch: Any) -> _View:
        ids, labels, weights, numbers, channels, cuts, lengths, sides, targets = batch.columns
        weighted, targeted = (each.null_count < len(each) for each in (weights, targets))
        parted = lengths.null_count < len(lengths)
        return cls(
            _Lists.of(ids, "i"),
            _Lists.of(labels, "i"),
            _Lists.of(weights, "f") if weighted else None,
            weights.is_null().to_pylist() if weighted else (),
            memoryview(numbers.buffers()[1]).cast("q"),
            channels if channels.null_count < len(channels) else None,
            memoryview(cuts.buffers()[1]).cast("i"),
            _Lists.of(lengths, "i") if parted else None,
            _Lists.of(sides, "i") if parted else None,
            _Lists.of(targets, "f") if targeted else None,
            targets.is_null().to_pylist() if targeted else (),
        )

    def row(self, index: int) -> Encoded:
        weighted = self.weights is not None and not self.unweighted[index]
        return Encoded(
            input_ids=self.ids(index),
            labels=self.labels(index),
            loss_weights=self.weights(index) if self.weights is not None and weighted else None,
            row=self.numbers[index],
            channel=None if self.channels is None else self.channels[index].as_py(),
            cut=self.cuts[index],
            parts=self._parts(index),
            target=tuple(self.targets(index))
            if self.targets is not None and not self.untargeted[index]
            else None,
        )

    def _parts(self, index: int) -> tuple[Part, ...]:
        if self.lengths is None or self.sides is None:
            return ()
        pairs = zip(self.sides(index), self.lengths(index), strict=True)
        return tuple(Part(SIDES[side], length) for side, length in pairs)


def _lists(
    ends: array[int], numbers: array[Any], kind: Any, *, absent: Sequence[bool] | None = None
) -> Any:
    if absent is not None and all(absent):
        return pa.nulls(len(absent), pa.list_(kind))
    mask = pa.array(absent) if absent is not None and any(absent) else None
    return pa.ListArray.from_arrays(_flat(ends, pa.int32()), _flat(numbers, kind), mask=mask)


def _texts(values: Sequence[str | None]) -> Any:
    # `pa.array` imports pandas where that is installed, which takes longer than writing 20,000 rows.
    absent = all(value is None for value in values)
    return pa.nulls(len(values), pa.string()) if absent else pa.array(values, pa.string())


def _flat(numbers: array[Any], kind: Any) -> Any:
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])


def _failure(path: str, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: cannot be written: {error.strerror or error}",
        hint="Check the free space and the permissions of its folder.",
    )
