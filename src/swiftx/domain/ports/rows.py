"""Ports: rows in, rows out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

RawRow = Mapping[str, Any]


class RowSource(Protocol):
    """Finds and reads data files: jsonl, json, csv, tsv, txt, parquet and arrow."""

    def files(self, path: str, *, subset: str | None = None, split: str = "train") -> Sequence[str]:
        """Return the data files of a folder in a fixed order; a file is its own only data file.

        A folder's own description of its subsets and splits counts; without one, a subset is a folder
        or file of that name, and files whose names tell no split belong to every split.

        Raises:
            NotFound: Nothing is there, or the folder has no data file of that subset and split.
        """
        ...

    def rows(self, path: str, *, start: int = 0) -> Iterator[RawRow]:
        """Yield the rows of a data file in its order, as column to JSON-like value.

        Nothing is read before the iterator is advanced. An empty file has no rows. Rows before number
        `start` are passed over, unread where the kind of file allows.

        Raises:
            NotFound: No such file, or not of a known kind.
            DataError: A row cannot be read (not UTF-8, not JSON, …); names the file and row or line.
            StorageError: The file cannot be opened or read.
            MissingDependency: The library for this kind of file is not installed.
        """
        ...

    def digest(self, path: str) -> str:
        """Return text that is another one for every other content of a file.

        Raises:
            NotFound: No such file.
            StorageError: The file cannot be read.
        """
        ...


class RowShelf(Protocol):
    """Holds rows for reading them again, in any order. A list is one.

    Rows come back equal to what was put in. Processes that are forked may all read.
    """

    def append(self, row: RawRow, /) -> None:
        """Put a row at the end.

        Raises:
            StorageError: There is no room for it.
        """
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> RawRow: ...


class RowSink(Protocol):
    """Appends rows to a jsonl file.

    Rows are in the file when `write` returns, and durable when `close` does. A write that fails leaves
    no part of its rows. A torn last line of an earlier run that was killed is removed by `open`.
    """

    def open(self, path: str) -> int:
        """Create or continue a file, and return how many rows it has; makes missing folders.

        Raises:
            StorageError: It cannot be created or written.
        """
        ...

    def write(self, rows: Sequence[RawRow]) -> None:
        """Append rows.

        Raises:
            StorageError: They could not be written, for example because the disk is full.
        """
        ...

    def rows(self, path: str, *, start: int = 0) -> Iterator[RawRow]:
        """Yield the rows of a file that was written so, whatever its name; earlier ones than `start` unread.

        Raises:
            StorageError: It cannot be read.
            DataError: A row is not JSON; names the file and the row.
        """
        ...

    def close(self) -> None: ...
