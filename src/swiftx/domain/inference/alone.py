"""A process that does its work alone."""

from __future__ import annotations


class Alone:
    """The `ProcessGroup` of one process."""

    rank = 0
    size = 1

    def wait(self) -> None:
        """Return at once: there is nobody to wait for."""
