"""Appending rows to a jsonl file so that a killed run or a full disk leaves only whole rows."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path

from swiftx.domain.ports.rows import RawRow
from swiftx.errors import DataError, StorageError

_TAIL_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20


class JsonlSink:
    """The `RowSink` of this machine's files."""

    def __init__(self) -> None:
        self._file: FileIO | None = None
        self._path = ""

    def open(self, path: str) -> int:
        self.close()
        self._path = path
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            file = FileIO(path, "ab+")
        except OSError as error:
            raise self._failure(error) from error
        self._file = file
        try:
            _mend(file)
            return _lines(file)
        except OSError as error:
            self.close()
            raise self._failure(error) from error

    def rows(self, path: str, *, start: int = 0) -> Iterator[RawRow]:
        try:
            with open(path, "rb") as file:
                for number, line in enumerate(file):
                    if number >= start:
                        yield _row(line, path, number)
        except OSError as error:
            raise StorageError(f"{path}: cannot be read: {error.strerror or error}") from error

    def write(self, rows: Sequence[RawRow]) -> None:
        if self._file is None:
            raise StorageError("rows were written before a file was opened")
        lines = "".join(json.dumps(row, ensure_ascii=False, default=_text) + "\n" for row in rows)
        before = os.fstat(self._file.fileno()).st_size
        try:
            _write_all(self._file, lines.encode("utf-8"))
        except OSError as error:
            self._file.truncate(before)
            raise self._failure(error) from error

    def close(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            with file:
                os.fsync(file.fileno())
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> StorageError:
        return StorageError(
            f"{self._path}: cannot be written: {error.strerror or error}",
            hint="Check the free space and the permissions of its folder.",
        )


def _text(value: object) -> str:
    """Return what JSON has no form for as text: bytes of an image in base64."""
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)


def _write_all(file: FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


def _row(line: bytes, path: str, number: int) -> RawRow:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", source=path, row=number) from error
    if not isinstance(row, dict):
        raise DataError("a JSON object was expected", source=path, row=number)
    return row


def _lines(file: FileIO) -> int:
    file.seek(0)
    return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))


def _mend(file: FileIO) -> None:
    """Make the file end with a whole line: end a whole row, cut off a torn one."""
    start = size = file.seek(0, os.SEEK_END)
    tail = b""
    while start and b"\n" not in tail:
        start = max(start - _TAIL_BYTES, 0)
        file.seek(start)
        tail = file.read(size - start)
    torn = tail.rpartition(b"\n")[2]
    if not torn:
        return
    try:
        json.loads(torn)
    except ValueError:
        file.truncate(size - len(torn))
    else:
        _write_all(file, b"\n")
