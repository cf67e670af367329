"""Port: the processes that do one piece of work together."""

from __future__ import annotations

from typing import Protocol


class ProcessGroup(Protocol):
    """Processes that see the same files; one process alone is a group too."""

    @property
    def rank(self) -> int:
        """Number of this process; 0 is the one that talks."""
        ...

    @property
    def size(self) -> int: ...

    def wait(self) -> None:
        """Return when every process has called it as often as this one.

        What others wrote to files before is seen then. Who waits for a process that failed is ended by
        whoever started them.
        """
        ...
