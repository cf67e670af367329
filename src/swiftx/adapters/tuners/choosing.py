"""The tuner of every plan and of every saved adapter: finds the one that knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from torch import nn

from swiftx.adapters.models.own_adapters import own_adapter, read_settings
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import FullPlan, PeftPlan, TunerPlan
from swiftx.domain.ports.tuner import Tuner
from swiftx.errors import BackendError


class ChoosingTuner:
    """Leaves the work to others.

    Args:
        peft: Carries out the plans of PEFT's methods.
        full: Carries out `FullPlan`.
        own: The others, by the name that a saved adapter bears.
        plans: Type of plan to that name.
    """

    def __init__(
        self,
        *,
        peft: Tuner,
        full: Tuner,
        own: Mapping[str, Tuner],
        plans: Mapping[type, str],
    ) -> None:
        self._peft = peft
        self._full = full
        self._own = own
        self._plans = plans

    def attach(
        self, model: ModelHandle, plan: TunerPlan, samples: Sequence[Encoded] = ()
    ) -> ModelHandle:
        """Return the model with exactly the planned parameters trainable."""
        if isinstance(plan, FullPlan):
            return self._full.attach(model, plan)
        if isinstance(plan, PeftPlan):
            return self._peft.attach(model, plan, samples)
        return self._own[self._plans[type(plan)]].attach(model, plan)

    def load(
        self, model: ModelHandle, adapters: Sequence[str], *, trainable: bool = False
    ) -> ModelHandle:
        """Return the model with the last adapter on it; those before it are folded into the weights."""
        tuners = [self._of(folder) for folder in adapters]
        for position, (folder, tuner) in enumerate(zip(adapters, tuners, strict=True)):
            last = position == len(adapters) - 1
            model = tuner.load(model, [folder], trainable=trainable and last)
            model = model if last else tuner.fold(model)
        return model

    def fold(self, model: ModelHandle) -> ModelHandle:
        """Return the plain model that computes the same without adapters."""
        own = own_adapter(cast(nn.Module, model))
        return (self._peft if own is None else self._own[own.tuner]).fold(model)

    def _of(self, folder: str) -> Tuner:
        settings = read_settings(folder)
        if settings is None:
            return self._peft
        if settings[0] not in self._own:
            known = ", ".join(self._own)
            raise BackendError(
                f"{folder!r} is an adapter of {settings[0]!r}, which this version does not know",
                hint=f"it knows PEFT's, and {known}",
            )
        return self._own[settings[0]]
