"""Ports: clock, devices, files and talk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from swiftx.domain.plans.facts import DeviceFacts


class Clock(Protocol):
    """Time of day, for names and durations."""

    def now(self) -> datetime: ...


class Devices(Protocol):
    """Finds accelerators without importing a deep-learning library."""

    def facts(self) -> DeviceFacts: ...


class Storage(Protocol):
    """Small text files and folders. Paths may be relative to the working folder.

    Probes (`exists`, `is_file`, `is_dir`, `names`) never raise: what cannot be read is not there.
    Reads and writes raise StorageError; a text that is not UTF-8 raises DataError with the byte offset.
    """

    def exists(self, path: str) -> bool: ...
    def is_file(self, path: str) -> bool: ...
    def is_dir(self, path: str) -> bool: ...
    def names(self, path: str) -> Sequence[str]:
        """Return the sorted names in a folder; empty when it is none."""
        ...

    def absolute(self, path: str) -> str: ...
    def read_text(self, path: str) -> str: ...
    def write_text(self, path: str, text: str) -> None:
        """Write the whole file or nothing (temporary file, then rename); makes missing folders."""
        ...

    def write_lines(self, path: str, lines: Iterable[str]) -> None:
        """Write texts one after the other, as `write_text` does; they need not all be in memory."""
        ...

    def make_dir(self, path: str) -> None: ...
    def take_back(self, path: str) -> None:
        """Remove a file, and its folder if that is empty then; what is not there stays so, without a word."""
        ...


class PluginLoader(Protocol):
    """Runs Python files that register what they bring."""

    def load(self, path: str) -> None:
        """Run a file, once however often it is named. Modules that lie beside it can be imported.

        Raises:
            BackendError: It cannot be read or it fails; the message has file, line and exception.
        """
        ...


class Reporter(Protocol):
    """Talks to the person in front of the terminal; never raises, prints nothing secret."""

    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def table(self, title: str, rows: Mapping[str, Any]) -> None: ...
