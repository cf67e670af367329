"""A tuner that trains tables of the fake trainer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import TunerPlan
from swiftx.errors import NotFound


class TableTuner:
    """Gives every model an empty table to train.

    Args:
        adapters: Folders that hold an adapter.
    """

    def __init__(self, adapters: Collection[str] = ()) -> None:
        self._adapters = frozenset(adapters)
        self.attached: list[TunerPlan] = []
        self.samples: tuple[Encoded, ...] = ()
        self.loaded: list[tuple[tuple[str, ...], bool]] = []

    def attach(
        self, model: ModelHandle, plan: TunerPlan, samples: Sequence[Encoded] = ()
    ) -> ModelHandle:
        self.attached.append(plan)
        self.samples = tuple(samples)
        return ModelHandle({})

    def load(
        self, model: ModelHandle, adapters: Sequence[str], *, trainable: bool = False
    ) -> ModelHandle:
        for folder in adapters:
            if folder not in self._adapters:
                raise NotFound(f"{folder!r} holds no adapter")
        self.loaded.append((tuple(adapters), trainable))
        return ModelHandle({}) if adapters else model

    def fold(self, model: ModelHandle) -> ModelHandle:
        return model
