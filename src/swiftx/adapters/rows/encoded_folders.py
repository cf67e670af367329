"""Folders of encoded rows: made under a hidden name, renamed when they are whole.

A folder has an Arrow file for each set of rows (`train/rows.arrow`) and `encoded_rows.json`, written last,
which says how large they are.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

from swiftx.adapters.rows.encoded_arrow import ArrowRows, ArrowWriter
from swiftx.domain.ports.encoded import OpenedFolder
from swiftx.errors import DataError, StorageError

MANIFEST = "encoded_rows.json"
_ROWS = "rows.arrow"
_FORMAT = 1
_DRAFT = ".draft-"
_LOCK = "lock"
_OLD_ENOUGH_S = 60  # a younger draft may be about to be locked by its owner


class FolderStore:
    """The `EncodedStore` of this machine's disk.

    Args:
        scratch: Folder for drafts without a path.
    """

    def __init__(self, scratch: str) -> None:
        self._scratch = scratch

    def draft(self, path: str | None = None, *, replaces: bool = False) -> Draft:
        parent = self._scratch if path is None else os.path.dirname(os.path.abspath(path))
        if path is not None and replaces:
            _refuse_foreign(path)
        try:
            os.makedirs(parent, exist_ok=True)
            _sweep(parent)
            return Draft(parent, path, replaces=replaces)
        except OSError as error:
            raise _failure(parent, error) from error

    def open(self, path: str) -> OpenedFolder | None:
        manifest = os.path.join(path, MANIFEST)
        try:
            with open(manifest, encoding="utf-8") as file:
                content = json.load(file)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise DataError(f"it is damaged: {error}", source=manifest) from error
        except OSError as error:
            raise StorageError(f"{manifest}: cannot be read: {error.strerror}") from error
        if not isinstance(content, Mapping) or content.get("format") != _FORMAT:
            raise DataError("it is of another version of swiftx", source=manifest)
        return OpenedFolder(
            content["note"],
            {name: _whole_rows(path, name, sizes) for name, sizes in content["rows"].items()},
            partial(_lines, path),
        )

    @contextmanager
    def turn(self, path: str) -> Iterator[None]:
        folder, name = os.path.split(os.path.abspath(path))
        try:
            os.makedirs(folder, exist_ok=True)
            lock = os.open(os.path.join(folder, f".turn-{name}"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise _failure(folder, error) from error
        try:
            with suppress(OSError):  # a file system without locks: some work may be done twice
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


class _Finished(NamedTuple):
    """A set of rows that is whole."""

    sizes: Mapping[str, int]
    rows: weakref.ref[ArrowRows]


class Draft:
    """The `FolderDraft` of a hidden folder, removed with the last rows that were read from it."""

    def __init__(self, parent: str, path: str | None, *, replaces: bool) -> None:
        self._path = path
        self._replaces = replaces
        self.folder = _hidden(parent)
        self._lock = _locked(self.folder)
        self._finished: dict[str, _Finished] = {}
        self._remove = weakref.finalize(self, _remove, self.folder, self._lock, os.getpid())

    def writer(self, name: str) -> _Writer:
        folder = os.path.join(self.folder, name)
        try:
            os.makedirs(folder)
        except OSError as error:
            raise _failure(folder, error) from error
        return _Writer(self, name, os.path.join(folder, _ROWS))

    def add_lines(self, name: str, lines: Iterable[str]) -> None:
        path = os.path.join(self.folder, name)
        try:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _failure(path, error) from error

    def finished(self, name: str, rows: ArrowRows) -> None:
        """Remember how large a set is; its rows keep the draft, not the other way round."""
        sizes = {"rows": len(rows), "bytes": os.path.getsize(rows.path)}
        self._finished[name] = _Finished(sizes, weakref.ref(rows))

    def keep(self, note: Mapping[str, Any]) -> None:
        if self._path is None:
            raise StorageError("a draft without a path cannot be kept")
        sets = {name: finished.sizes for name, finished in self._finished.items()}
        content = {"format": _FORMAT, "note": note, "rows": sets}
        try:
            _write(os.path.join(self.folder, MANIFEST), json.dumps(content, ensure_ascii=False))
            for name in self._finished:
                _sync(os.path.join(self.folder, name, _ROWS))
                _sync(os.path.join(self.folder, name))
            os.unlink(os.path.join(self.folder, _LOCK))
            _sync(self.folder)
            self._rename(self._path)
        except OSError as error:
            raise _failure(self._path, error) from error

    def _rename(self, path: str) -> None:
        if self._replaces and os.path.exists(os.path.join(path, MANIFEST)):
            _hide(path)
        try:
            os.rename(self.folder, path)
        except OSError:
            if os.path.exists(os.path.join(path, MANIFEST)):
                return  # another process was faster; its rows are the same
            raise
        self._remove.detach()
        os.close(self._lock)
        _sync(os.path.dirname(os.path.abspath(path)))
        for name, finished in self._finished.items():
            rows = finished.rows()
            if rows is not None:
                rows.path = os.path.join(path, name, _ROWS)


class _Writer(ArrowWriter):
    """Tells the draft when its rows are whole."""

    def __init__(self, draft: Draft, name: str, path: str) -> None:
        super().__init__(path, owner=draft)
        self._draft = draft
        self._name = name

    def finish(self) -> ArrowRows:
        rows = super().finish()
        self._draft.finished(self._name, rows)
        return rows


def _whole_rows(folder: str, name: str, sizes: Mapping[str, Any]) -> ArrowRows:
    path = os.path.join(folder, name, _ROWS)
    found = os.path.getsize(path) if os.path.exists(path) else 0
    if found != sizes["bytes"]:
        raise DataError(f"it has {found} bytes, not {sizes['bytes']}", source=path)
    rows = ArrowRows(path)
    if len(rows) != sizes["rows"]:
        raise DataError(f"it has {len(rows)} rows, not {sizes['rows']}", source=path)
    return rows


def _hidden(parent: str) -> str:
    """Make a folder that everybody may read who may read what is made here."""
    path = os.path.join(parent, f"{_DRAFT}{secrets.token_hex(8)}")
    os.mkdir(path)
    return path


def _refuse_foreign(path: str) -> None:
    """Raise when a folder is in the way that is not ours, or has more in it than rows.

    Raises:
        StorageError: It would be lost.
    """
    try:
        entries = os.listdir(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _failure(path, error) from error
    foreign = sorted(name for name in entries if not _is_of_rows(path, name))
    if foreign or (entries and MANIFEST not in entries):
        raise StorageError(
            f"{path}: cannot be replaced: it holds {(foreign or sorted(entries))[0]!r}, "
            "and is no folder of encoded rows",
            hint="Choose another folder.",
        )


def _is_of_rows(folder: str, name: str) -> bool:
    path = os.path.join(folder, name)
    if os.path.isdir(path):
        return set(os.listdir(path)) <= {_ROWS}
    return name == MANIFEST or name.endswith(".jsonl")


def _hide(path: str) -> None:
    """Remove a folder in one step, as far as anybody sees."""
    hidden = _hidden(os.path.dirname(os.path.abspath(path)))
    try:
        os.rename(path, os.path.join(hidden, "old"))
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _lines(folder: str, name: str) -> Iterator[str]:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", newline="\n") as file:
            yield from file
    except FileNotFoundError:
        return


def _locked(folder: str) -> int:
    """Return a lock that this program holds for as long as it, or a child of it, lives."""
    lock = os.open(os.path.join(folder, _LOCK), os.O_CREAT | os.O_RDWR, 0o600)
    with suppress(OSError):  # a file system without locks: the draft is never swept
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def _sweep(parent: str) -> None:
    """Remove drafts of programs that were killed."""
    for entry in os.scandir(parent):
        if not entry.name.startswith(_DRAFT):
            continue
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime < _OLD_ENOUGH_S:
                continue
            lock = os.open(os.path.join(entry.path, _LOCK), os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(lock)


def _remove(folder: str, lock: int, owner: int) -> None:
    if os.getpid() == owner:  # not in a child that inherited the draft
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failure(path: str, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: cannot be written: {error.strerror or error}",
        hint="Check the free space and the permissions of its folder, or set SWIFTX_CACHE.",
    )
