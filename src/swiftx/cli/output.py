"""Everything the program prints: data to stdout, talk to stderr, secrets to neither."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, TextIO

from swiftx.cli.invocation import Format
from swiftx.errors import StorageError

if TYPE_CHECKING:
    from rich.console import Console

HIDDEN = "***"
INFO, WARNING = 20, 30  # the levels of `logging`, which a help page need not import
_SHORTEST_SECRET = 4  # hiding a shorter text wherever it occurs would garble every message


class Output:
    """The two streams of one run; also the Reporter that use cases talk through.

    Talk that the reader cannot receive (a closed pipe, a terminal that is gone) is dropped. Results
    on stdout are not.
    """

    def __init__(
        self,
        format: Format = Format.HUMAN,
        *,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.format = format
        self.stdout = sys.stdout if stdout is None else stdout
        self._stderr = sys.stderr if stderr is None else stderr
        self._secrets: list[str] = []
        self._muted = False
        self._level = INFO
        for stream in (self.stdout, self._stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")

    def mute(self) -> None:
        """Say nothing but errors: this is one of several processes, and another one talks."""
        self._muted = True

    def only(self, level: int) -> None:
        """Say only what is as grave as a level of `logging`; errors always are."""
        self._level = level

    def conceal(self, values: Iterable[str]) -> None:
        """Print `***` wherever one of these texts would appear."""
        longest_first = {value for value in values if len(value) >= _SHORTEST_SECRET}
        self._secrets = sorted(longest_first.union(self._secrets), key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Return a text without the concealed values."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    # --- data ---------------------------------------------------------------------------------

    def data(self, text: str) -> None:
        """Write a result.

        Raises:
            BrokenPipeError: The reader has gone.
            StorageError: It cannot be written, for example because the disk is full.
        """
        try:
            self.stdout.write(self.clean(text) + "\n")
            self.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(f"Cannot write the result to stdout: {reason}.") from error

    def json(self, value: object) -> None:
        """Write a result as one JSON object on one line."""
        self.data(json.dumps(plain(value), allow_nan=False))

    # --- talk ---------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        if self._talks(INFO):
            self._talk(text)

    def warn(self, text: str) -> None:
        if self._talks(WARNING):
            self._talk(text, label="Warning", style="yellow")

    def error(self, text: str, *, hint: str | None = None) -> None:
        """Say what went wrong, however quiet the rest is."""
        self._talk(text, label="Error", style="bold red")
        if hint:
            self._talk(f"  {hint}")

    def table(self, title: str, rows: Mapping[str, Any]) -> None:
        if not self._talks(INFO):
            return
        width = max(map(len, rows), default=0)
        lines = [f"  {name:<{width}}  {_shown(value)}" for name, value in rows.items()]
        self._talk("\n".join([title, *lines]))

    def _talks(self, level: int) -> bool:
        return level >= self._level and self.format is not Format.QUIET and not self._muted

    def _talk(self, text: str, *, label: str = "", style: str = "") -> None:
        with suppress(OSError, ValueError):  # nobody is listening any more
            cleaned = self.clean(text)
            if self._stderr.isatty() and not os.environ.get("NO_COLOR"):
                _print_in_colour(self._console(), cleaned, label=label, style=style)
            else:
                self._stderr.write(f"{label}: {cleaned}\n" if label else f"{cleaned}\n")
                self._stderr.flush()

    def _console(self) -> Console:
        from rich.console import Console

        return Console(file=self._stderr, highlight=False, soft_wrap=True)


def _print_in_colour(console: Console, text: str, *, label: str, style: str) -> None:
    from rich.text import Text

    console.print(Text.assemble((f"{label}: " if label else "", style), text))


def plain(value: object) -> Any:
    """Return a value as JSON can say it: sequences as lists, what JSON has no word for as text."""
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case Sequence() | set() | frozenset():
            return [plain(item) for item in value]
        case _:
            return str(value)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
