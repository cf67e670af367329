"""Parquet and Arrow files, in batches, through pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

try:
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet as pq
except ImportError as error:
    from swiftx.errors import MissingDependency

    raise MissingDependency("pyarrow", extra="parquet") from error

from swiftx.domain.ports.rows import RawRow
from swiftx.errors import DataError

_BATCH = 1000
_BROKEN = (pa.ArrowException, UnicodeDecodeError, OverflowError)
"""What pyarrow raises over bytes that are no table."""


def _parquet(path: str, start: int) -> Iterator[RawRow]:
    try:
        with pq.ParquetFile(path) as file:
            groups = range(file.metadata.num_row_groups)
            for group in groups:
                rows = file.metadata.row_group(group).num_rows
                if start < rows:
                    break
                start -= rows
            else:
                return
            for batch in file.iter_batches(batch_size=_BATCH, row_groups=list(groups[group:])):
                yield from _rows(batch, start, batch.num_rows)
                start = max(0, start - batch.num_rows)
    except _BROKEN as error:
        raise DataError(f"not a valid parquet file: {error}", source=path) from error


def _arrow(path: str, start: int) -> Iterator[RawRow]:
    """Yield the rows of either form: the stream, which the `datasets` library writes, or the file."""
    try:
        with pa.memory_map(path) as source:
            try:
                batches = iter(pa.ipc.open_stream(source))
            except pa.ArrowInvalid:
                reader = pa.ipc.open_file(source)
                batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
            for batch in batches:
                for first in range(start, batch.num_rows, _BATCH):
                    yield from _rows(batch, first, _BATCH)
                start = max(0, start - batch.num_rows)
    except _BROKEN as error:
        raise DataError(f"not a valid arrow file: {error}", source=path) from error


def _rows(batch: pa.RecordBatch, start: int, count: int) -> list[RawRow]:
    """Return rows of a batch whose offsets are known to lie within it: pyarrow would follow any."""
    part = batch.slice(start, count)
    part.validate(full=True)
    rows: list[RawRow] = part.to_pylist()
    return rows


READERS: dict[str, Callable[[str, int], Iterator[RawRow]]] = {"parquet": _parquet, "arrow": _arrow}
