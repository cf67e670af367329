"""Every error that a user may meet. The bottom layer: importable anywhere, imports nothing.

Each class also is the standard-library type it refines, carries its exit code, and may carry a hint:
the next thing the user can do. `cli/main.py` is the only place that catches `SwiftxError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SwiftxError(Exception):
    """Root of all expected failures.

    Args:
        message: What is wrong, with the offending value.
        hint: What the user can do next; None when the message already says so.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class ArgError:
    """One problem with one argument.

    Attributes:
        argument: None when no single argument is to blame.
        is_missing: What the argument names is not there.
    """

    argument: str | None
    message: str
    hint: str | None = None
    is_missing: bool = False


class UsageError(SwiftxError, ValueError):
    """Bad or conflicting arguments; carries every problem found, never only the first.

    It ends like `NotFound` where nothing is wrong but that something is not there.
    """

    exit_code = 2

    def __init__(self, errors: Sequence[ArgError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
        if errors and all(error.is_missing for error in errors):
            self.exit_code = NotFound.exit_code


class NotBuiltYet(SwiftxError, NotImplementedError):
    """The arguments are right, but running them is not built yet."""

    exit_code = 2


class MissingDependency(SwiftxError, ImportError):
    """A library is absent or of a wrong version.

    Args:
        package: The import or distribution name that is missing.
        extra: The extra of swiftx that brings it.
        reason: What was found, when it is there but does not fit.
        hint: The command to type, when it is not the installation of the extra.
    """

    exit_code = 2

    def __init__(
        self, package: str, *, extra: str, reason: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(
            reason or f"{package!r} is not installed.",
            hint=hint or f"pip install 'swiftx[{extra}]'",
        )
        self.package = package
        self.extra = extra


class NotFound(SwiftxError, LookupError):
    """A repository, data set, template, model type or file does not exist; the hint has close matches."""

    exit_code = 3


class BackendError(SwiftxError, RuntimeError):
    """A library failed; the adapter that called it keeps its exception as `__cause__`."""

    exit_code = 4


class StorageError(BackendError, OSError):
    """Reading or writing files failed: a full disk, no permission, a broken file."""


class DataError(SwiftxError, ValueError):
    """A row cannot be used.

    Args:
        reason: What is wrong with it and what was expected.
        source: The file or data set.
        row: Zero-based index of the row in its source.
        field: The column at fault.
        hint: What to do next.
    """

    exit_code = 5

    def __init__(
        self,
        reason: str,
        *,
        source: str | None = None,
        row: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        where = ", ".join(
            part
            for part in (
                source,
                None if row is None else f"row {row}",
                None if field is None else f"field {field!r}",
            )
            if part is not None
        )
        super().__init__(f"{where}: {reason}" if where else reason, hint=hint)
        self.reason = reason
        self.source = source
        self.row = row
        self.field = field


class Interrupted(SwiftxError):
    """The user stopped the run; what had to be saved is saved."""

    exit_code = 130
