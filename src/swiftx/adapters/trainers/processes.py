"""What the processes of one run tell each other, besides gradients."""

from __future__ import annotations

import atexit
from typing import Any

from torch import distributed


def from_all_processes(mine: list[Any]) -> list[Any]:
    """Return the entries of all processes, in the order of their ranks."""
    if not _together():
        return mine
    parts: list[list[Any]] = [[] for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(parts, mine)
    return [entry for part in parts for entry in part]


def leave_at_exit() -> None:
    """End the threads of the process group when the program ends; C++ aborts where they outlive it."""
    atexit.unregister(_leave)
    atexit.register(_leave)


def _leave() -> None:
    if _together():
        distributed.destroy_process_group()


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()
