"""Rows and random orders without files and without numpy."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from tests.fakes.storage import InMemoryStorage

from swiftx.domain.ports.rows import RawRow
from swiftx.errors import NotFound, StorageError


class InMemoryRows:
    """A `RowSource` over a mapping of file path to rows; a path that others start with is a folder.

    In a folder, a subset is the folder below it, and a split is a file `<split>.jsonl` or no such name.
    """

    def __init__(self, files: Mapping[str, Sequence[RawRow]]) -> None:
        self._files = files

    def files(self, path: str, *, subset: str | None = None, split: str = "train") -> Sequence[str]:
        if path in self._files:
            return [path]
        folder = path if subset is None else f"{path}/{subset}"
        below = sorted(file for file in self._files if file.startswith(f"{folder}/"))
        splits = {file: _split_of(file) for file in below}
        if any(splits.values()):
            below = [file for file in below if (splits[file] or "train") == split]
        elif split != "train":
            below = []
        if not below:
            raise NotFound(f"There is no data file in {folder!r}.")
        return below

    def rows(self, path: str, *, start: int = 0) -> Iterator[RawRow]:
        if path not in self._files:
            raise NotFound(f"There is no data file {path!r}.")
        for row in self._files[path][start:]:
            yield deepcopy(row)

    def digest(self, path: str) -> str:
        if path not in self._files:
            raise NotFound(f"There is no file {path!r}.")
        return str(hash(json.dumps(self._files[path], default=str)))


class InMemorySink:
    """A `RowSink` that keeps the rows of each path.

    Args:
        storage: Where the paths are seen as files, and from where they can be removed.
    """

    def __init__(self, storage: InMemoryStorage | None = None) -> None:
        self.files: dict[str, list[RawRow]] = {}
        self._path: str | None = None
        self._storage = storage
        self.seen: set[str] = set()

    def open(self, path: str) -> int:
        self._path = path
        if self._storage is not None:
            if path in self.seen and not self._storage.is_file(path):
                del self.files[path]
            self.seen.add(path)
            self._storage.put(path, "")
        return len(self.files.setdefault(path, []))

    def rows(self, path: str, *, start: int = 0) -> Iterator[RawRow]:
        yield from deepcopy(self.files[path][start:])

    def write(self, rows: Sequence[RawRow]) -> None:
        if self._path is None:
            raise StorageError("rows were written before a file was opened")
        self.files[self._path] += deepcopy(list(rows))

    def close(self) -> None:
        self._path = None


class SeededStream:
    """Draws and generators in one, on the standard library's generator."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def permutation(self, count: int) -> list[int]:
        return self._random.sample(range(count), count)

    def below(self, bound: int) -> int:
        return self._random.randrange(bound)

    def choices(self, probabilities: Sequence[float]) -> Iterator[int]:
        while True:
            yield from self._random.choices(range(len(probabilities)), probabilities, k=100)


class SeededShuffler:
    """A `Shuffler` whose orders are reproducible, but not numpy's."""

    def draws(self, seed: int) -> SeededStream:
        return SeededStream(seed)

    def generator(self, seed: int) -> SeededStream:
        return SeededStream(seed + 1)


def _split_of(file: str) -> str | None:
    name = file.rpartition("/")[2].partition(".")[0]
    return name if name in ("train", "validation", "test") else None


def chat(query: str, response: str) -> dict[str, Any]:
    """A row of one question and one answer in the message format."""
    return {
        "messages": [
            {"role": "user", "content": query},
            {"role": "assistant", "content": response},
        ]
    }
