"""Files in a dictionary."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from swiftx.errors import DataError, StorageError


class InMemoryStorage:
    """A `Storage` over a mapping of paths to contents; a path that ends in `/` is an empty folder."""

    def __init__(
        self, files: Mapping[str, str | bytes] | None = None, *, cwd: str = "/desk"
    ) -> None:
        self._cwd = cwd
        self._files: dict[str, bytes] = {}
        self._folders = {"/"}
        self.make_dir(cwd)
        for path, content in (files or {}).items():
            if path.endswith("/"):
                self.make_dir(path)
            else:
                self.put(path, content)

    def exists(self, path: str) -> bool:
        return self.is_file(path) or self.is_dir(path)

    def is_file(self, path: str) -> bool:
        return self.absolute(path) in self._files

    def is_dir(self, path: str) -> bool:
        return self.absolute(path) in self._folders

    def names(self, path: str) -> Sequence[str]:
        folder = self.absolute(path).rstrip("/") + "/"
        below = (
            each.removeprefix(folder)
            for each in (*self._files, *self._folders)
            if each.startswith(folder) and each != folder
        )
        return sorted({name.partition("/")[0] for name in below})

    def absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._cwd, path))

    def read_text(self, path: str) -> str:
        try:
            content = self._files[self.absolute(path)]
        except KeyError:
            raise StorageError(f"{path!r} cannot be read: there is no such file.") from None
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"not UTF-8 at offset {error.start}", source=path) from None

    def write_text(self, path: str, text: str) -> None:
        self.put(path, text)

    def write_lines(self, path: str, lines: Iterable[str]) -> None:
        self.put(path, "".join(lines))

    def make_dir(self, path: str) -> None:
        folder = self.absolute(path)
        while folder not in self._folders:
            if folder in self._files:
                raise StorageError(f"{path!r} cannot be made: {folder!r} is a file.")
            self._folders.add(folder)
            folder = posixpath.dirname(folder)

    def take_back(self, path: str) -> None:
        absolute = self.absolute(path)
        self._files.pop(absolute, None)
        folder = posixpath.dirname(absolute)
        if not self.names(folder):
            self._folders.discard(folder)

    def put(self, path: str, content: str | bytes) -> None:
        """Write text or bytes; the port itself writes text only."""
        absolute = self.absolute(path)
        if absolute in self._folders:
            raise StorageError(f"{path!r} cannot be written: it is a folder.")
        self.make_dir(posixpath.dirname(absolute))
        self._files[absolute] = content if isinstance(content, bytes) else content.encode()
