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
                yield from batch.slice(start).to_pylist()
                start = max(0, start - batch.num_rows)
    except pa.ArrowInvalid as error:
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
                    yield from batch.slice(first, _BATCH).to_pylist()
                start = max(0, start - batch.num_rows)
    except pa.ArrowInvalid as error:
        raise DataError(f"not a valid arrow file: {error}", source=path) from error


READERS: dict[str, Callable[[str, int], Iterator[RawRow]]] = {"parquet": _parquet, "arrow": _arrow}
