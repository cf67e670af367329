"""Files and folders of this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from swiftx.errors import DataError, StorageError


class LocalStorage:
    """The file system, with whole-or-nothing writes and errors that name the path."""

    def exists(self, path: str) -> bool:
        return _probe(os.path.exists, path)

    def is_file(self, path: str) -> bool:
        return _probe(os.path.isfile, path)

    def is_dir(self, path: str) -> bool:
        return _probe(os.path.isdir, path)

    def names(self, path: str) -> Sequence[str]:
        try:
            return sorted(os.listdir(path))
        except (OSError, ValueError):
            return []

    def absolute(self, path: str) -> str:
        return os.path.abspath(os.path.expanduser(path))

    def read_text(self, path: str) -> str:
        with _named(path, "read"), open(path, "rb") as file:
            content = file.read()
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"not UTF-8: byte {content[error.start]:#04x} at offset {error.start}",
                source=path,
                hint="Save the file as UTF-8, for example with `iconv -t UTF-8`.",
            ) from error

    def write_text(self, path: str, text: str) -> None:
        self.write_lines(path, [text])

    def write_lines(self, path: str, lines: Iterable[str]) -> None:
        target = os.path.realpath(path)
        with _named(path, "write"):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            _replace(target, (_encoded(line, path) for line in lines))

    def make_dir(self, path: str) -> None:
        with _named(path, "create"):
            os.makedirs(path, exist_ok=True)

    def take_back(self, path: str) -> None:
        with _named(path, "remove"), suppress(FileNotFoundError):
            os.unlink(path)
        with suppress(OSError):  # it holds more, or is not there
            os.rmdir(os.path.dirname(os.path.abspath(path)))


def _encoded(text: str, path: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"character {error.start} cannot be written as UTF-8", source=path
        ) from error


def _replace(target: str, content: Iterable[bytes]) -> None:
    """Put `content` at `target` in one step: a reader or a crash sees the old file or the new one."""
    folder, name = os.path.split(target)
    handle, temporary = tempfile.mkstemp(prefix=f".{name[:64]}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(target: str) -> int:
    """Return the permissions of the file that is replaced, or those that a new file gets."""
    try:
        return os.stat(target).st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _probe(test: Callable[[str], bool], path: str) -> bool:
    try:
        return test(path)
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False


@contextmanager
def _named(path: str, verb: str) -> Iterator[None]:
    try:
        yield
    except DataError:  # what is to be written is at fault
        raise
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise StorageError(f"Cannot {verb} {path!r}: {reason}.", hint=_next_step(error)) from error


def _next_step(error: Exception) -> str | None:
    match error:
        case FileNotFoundError():
            return "Check the path; relative paths start at the current folder."
        case PermissionError():
            return "Choose another folder, or change its permissions."
        case OSError(errno=28):
            return "The disk is full: free some space, or choose another folder."
        case _:
            return None
