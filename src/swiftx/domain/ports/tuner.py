"""Port: making a loaded model trainable, and putting saved adapters on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import TunerPlan


class Tuner(Protocol):
    """Prepares a model for training or inference; the handle it returns replaces the one it got."""

    def attach(
        self, model: ModelHandle, plan: TunerPlan, samples: Sequence[Encoded] = ()
    ) -> ModelHandle:
        """Return the model with exactly the parameters trainable that the plan names.

        Args:
            model: A model without adapters.
            plan: What is trained.
            samples: Rows for an initialisation that looks at them (`LoraPlan.sampled`).

        Raises:
            UsageError: No module or parameter matches the targets (lists names that exist), or the library
                refuses the plan.
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

    def fold(self, model: ModelHandle) -> ModelHandle:
        """Return the plain model that computes the same without adapters; one without them unchanged.

        Raises:
            BackendError: This kind of adapter has no equal in weights.
        """
        ...
