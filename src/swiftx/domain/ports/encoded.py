"""Ports: encoded rows outside memory."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from swiftx.domain.plans.encoded import Encoded


class StoredRows(Sequence[Encoded]):
    """Rows as they were written, read one at a time, their numbers in arrays. May be pickled."""

    @property
    @abstractmethod
    def lengths(self) -> array[int]:
        """Tokens of each row, in order; known without reading the rows."""


class RowWriter(Protocol):
    """Takes rows in order, and keeps only a few of them in memory."""

    def add(self, rows: Sequence[Encoded]) -> None:
        """Append rows.

        Raises:
            StorageError: They cannot be written, for example because the disk is full.
        """
        ...

    def finish(self) -> StoredRows:
        """Return all rows; nothing can be added after it."""
        ...


class OpenedFolder(NamedTuple):
    """A whole folder of rows.

    Attributes:
        note: What was kept beside the rows.
        rows: By name.
        lines: Yields the lines that were kept under a name; none for a name that is not there.
    """

    note: Mapping[str, Any]
    rows: Mapping[str, StoredRows]
    lines: Callable[[str], Iterator[str]]


class FolderDraft(Protocol):
    """A folder in the making. Rows that were finished can be read before and after it is kept."""

    def writer(self, name: str) -> RowWriter: ...

    def add_lines(self, name: str, lines: Iterable[str]) -> None:
        """Write lines, each with its line end, into a file of the folder.

        Raises:
            StorageError: They cannot be written.
        """
        ...

    def keep(self, note: Mapping[str, Any]) -> None:
        """Give the folder its name, whole and durable.

        A folder of rows that has the name already stays, unless the draft is to replace it.

        Args:
            note: JSON-like values to keep beside the rows.

        Raises:
            StorageError: It cannot be written.
        """
        ...


class EncodedStore(Protocol):
    """Folders of encoded rows. What a killed run leaves never looks like a whole folder."""

    def draft(self, path: str | None = None, *, replaces: bool = False) -> FolderDraft:
        """Return a new folder; without a path it is gone when its rows are, or with this program.

        Args:
            path: The name that it gets when it is kept.
            replaces: Whether an older folder of rows gives way to it then.

        Raises:
            StorageError: It cannot be made, or what has its name is to be replaced and holds more than rows.
        """
        ...

    def open(self, path: str) -> OpenedFolder | None:
        """Return the folder that was kept at a path; None when there is none.

        Raises:
            DataError: The folder is damaged, or of another version.
        """
        ...

    def turn(self, path: str) -> AbstractContextManager[None]:
        """Let one process at a time look for a path and make it, on this machine; the others wait."""
        ...
