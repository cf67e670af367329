"""Rows in a nameless temporary file: a data set need not fit into memory."""

from __future__ import annotations

import marshal
import os
import pickle
import tempfile
import weakref
from array import array

from swiftx.domain.chat.rows import PlainRow
from swiftx.domain.ports.rows import RawRow
from swiftx.errors import StorageError

_HELD_BYTES = 1 << 20
_STRIDE = 16
_PLAIN, _MARSHALLED, _PICKLED = b"t", b"m", b"p"


class SpooledRows:
    """The `RowShelf` of a file that no other program sees, and that ends with this one.

    The last rows are in memory, so a small data set makes no file at all.

    Args:
        folder: Where the file takes its room.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file: int | None = None
        # Where every sixteenth row starts, and how long each row is: half the room of 64 bits a row.
        self._starts, self._lengths = array("Q"), array("I")
        self._held = bytearray()
        self._written = 0

    def append(self, row: RawRow, /) -> None:
        if not len(self._lengths) % _STRIDE:
            self._starts.append(self._written + len(self._held))
        packed = _packed(row)
        self._held += packed
        self._lengths.append(len(packed))
        if len(self._held) >= _HELD_BYTES:
            self._flush()

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, index: int, /) -> RawRow:
        if not 0 <= index < len(self):
            raise IndexError(index)
        stride = index // _STRIDE
        start = self._starts[stride] + sum(self._lengths[stride * _STRIDE : index])
        end = start + self._lengths[index]
        if start >= self._written or self._file is None:
            return _unpacked(self._held[start - self._written : end - self._written])
        # Not by a seek, which forked processes would share.
        return _unpacked(os.pread(self._file, end - start, start))

    def _flush(self) -> None:
        try:
            if self._file is None:
                self._file = _nameless(self._folder)
                weakref.finalize(self, os.close, self._file)
            view = memoryview(bytes(self._held))
            while view:
                count = os.pwrite(self._file, view, self._written)
                self._written += count
                view = view[count:]
        except OSError as error:
            raise self._failure(error) from error
        self._held.clear()

    def _failure(self, error: OSError) -> StorageError:
        return StorageError(
            f"{self._folder}: rows cannot be kept there: {error.strerror or error}",
            hint="Free some space, or set SWIFTX_CACHE to a folder on a larger disk.",
        )


def _nameless(folder: str) -> int:
    os.makedirs(folder, exist_ok=True)
    handle, path = tempfile.mkstemp(dir=folder)
    os.unlink(path)
    return handle


def _packed(row: RawRow) -> bytes:
    """Return a row as bytes; `marshal` is the quickest way, but knows plain values only."""
    if type(row) is PlainRow:
        return _PLAIN + marshal.dumps((row.roles, row.contents))
    try:
        return _MARSHALLED + marshal.dumps(dict(row))
    except ValueError:
        return _PICKLED + pickle.dumps(row)


def _unpacked(content: bytes | bytearray) -> RawRow:
    kind, view = content[:1], memoryview(content)[1:]
    if kind == _PLAIN:
        return PlainRow(*marshal.loads(view))
    row: RawRow = marshal.loads(view) if kind == _MARSHALLED else pickle.loads(view)
    return row
