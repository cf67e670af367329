"""Port: making a loaded model trainable, and putting saved adapters on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import TunerPlan


class Tuner(Protocol):
    """Prepares a model for training or inference; the handle it returns replaces the one it got."""

    def attach(self, model: ModelHandle, plan: TunerPlan) -> ModelHandle:
        """Return the model with exactly the parameters trainable that the plan names.

        Raises:
            UsageError: No module or parameter matches the targets; lists names that exist.
        """
        ...

    def load(
        self, model: ModelHandle, adapters: Sequence[str], *, trainable: bool = False
    ) -> ModelHandle:
        """Return the model with saved adapters (folders) on it; an empty list returns it unchanged.

        Raises:
            NotFound: A folder holds no adapter.
            BackendError: The adapter does not fit the model.
        """
        ...
