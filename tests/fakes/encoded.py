"""Encoded rows in memory."""

from __future__ import annotations

import copy
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, overload

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.ports.encoded import OpenedFolder, StoredRows


class InMemoryEncodedRows(StoredRows):
    def __init__(self, rows: Sequence[Encoded]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Encoded: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Encoded]: ...
    def __getitem__(self, index: int | slice) -> Encoded | Sequence[Encoded]:
        return self._rows[index]

    @property
    def lengths(self) -> array[int]:
        return array("i", map(len, self._rows))


class InMemoryWriter:
    def __init__(self, finished: dict[str, StoredRows], name: str) -> None:
        self._rows: list[Encoded] = []
        self._finished = finished
        self._name = name

    def add(self, rows: Sequence[Encoded]) -> None:
        self._rows += [
            replace(
                row,
                input_ids=array("i", row.input_ids),
                labels=array("i", row.labels),
                loss_weights=None if row.loss_weights is None else array("f", row.loss_weights),
            )
            for row in rows
        ]

    def finish(self) -> StoredRows:
        rows = self._finished[self._name] = InMemoryEncodedRows(self._rows)
        return rows


class InMemoryDraft:
    def __init__(self, store: InMemoryEncodedStore, path: str | None, replaces: bool) -> None:
        self._store = store
        self._path = path
        self._replaces = replaces
        self._finished: dict[str, StoredRows] = {}
        self._lines: dict[str, list[str]] = {}

    def writer(self, name: str) -> InMemoryWriter:
        return InMemoryWriter(self._finished, name)

    def add_lines(self, name: str, lines: Iterable[str]) -> None:
        self._lines[name] = list(lines)

    def keep(self, note: Mapping[str, Any]) -> None:
        assert self._path is not None
        folder = OpenedFolder(
            copy.deepcopy(dict(note)),
            dict(self._finished),
            lambda name: iter(self._lines.get(name, ())),
        )
        if self._replaces:
            self._store.folders.pop(self._path, None)
            self._store.broken.pop(self._path, None)
        self._store.folders.setdefault(self._path, folder)


class InMemoryEncodedStore:
    """Attributes: `folders`, those that were kept, by path; `broken`, errors of paths that are damaged."""

    def __init__(self) -> None:
        self.folders: dict[str, OpenedFolder] = {}
        self.broken: dict[str, Exception] = {}

    def draft(self, path: str | None = None, *, replaces: bool = False) -> InMemoryDraft:
        return InMemoryDraft(self, path, replaces)

    def open(self, path: str) -> OpenedFolder | None:
        if path in self.broken:
            raise self.broken[path]
        return self.folders.get(path)

    def turn(self, path: str) -> AbstractContextManager[None]:
        return nullcontext()
