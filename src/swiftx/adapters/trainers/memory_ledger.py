"""Keeps account of tensors: what is alive, since which phase of a training step."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class Ledger(TorchDispatchMode):
    """While it is entered, every tensor that an operation makes is booked until its memory is let go.

    Attributes:
        phase: What new tensors are booked under.
        most: By phase: the bytes that were alive when all of them together were the most.
    """

    def __init__(self) -> None:
        super().__init__()
        self.phase = ""
        self.most: Counter[str] = Counter()
        self._alive: Counter[str] = Counter()
        self._total = 0
        self._highest = 0
        self._phase_of: dict[int, str] = {}

    def book(self, tensors: Iterable[Tensor], phase: str) -> int:
        """Book tensors under a phase, whatever they were under; return how many bytes they are."""
        size = 0
        for tensor in tensors:
            storage = tensor.untyped_storage()
            key, number = storage._cdata, storage.nbytes()
            size += number
            if key in self._phase_of:
                self._alive[self._phase_of[key]] -= number
                self._alive[phase] += number
                self._phase_of[key] = phase
            else:
                self._add(storage, phase)
        return size

    def forget(self) -> None:
        """Start the search for the most anew."""
        self._highest = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for each in tree_iter(result):
            if isinstance(each, Tensor):
                self._add(each.untyped_storage(), self.phase)
        return result

    def _add(self, storage: torch.UntypedStorage, phase: str) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._phase_of:
            return
        self._phase_of[key] = phase
        self._alive[phase] += size
        self._total += size
        weakref.finalize(storage, self._drop, key, size)
        if self._total > self._highest:
            self._highest = self._total
            self.most = self._alive.copy()

    def _drop(self, key: int, size: int) -> None:
        self._alive[self._phase_of.pop(key)] -= size
        self._total -= size
