"""The processes that torchrun started, and the one that nobody started with others."""

from __future__ import annotations

import os
from datetime import timedelta

import torch
from torch import distributed

_AS_LONG_AS_IT_TAKES = timedelta(days=365)


class TorchGroup:
    """The `ProcessGroup` of torchrun's processes; each has an accelerator of its own, where there are any."""

    def __init__(self) -> None:
        distributed.init_process_group("gloo", timeout=_AS_LONG_AS_IT_TAKES)
        self.rank = distributed.get_rank()
        self.size = distributed.get_world_size()
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))

    def wait(self) -> None:
        distributed.barrier()

    def leave(self) -> None:
        """End the group's threads, or C++ aborts where they outlive the program."""
        distributed.destroy_process_group()
