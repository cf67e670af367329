"""Full training: a model's own parameters, some of them frozen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import nn

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import FullPlan, TunerPlan
from swiftx.domain.tuning.freezing import trainable_names
from swiftx.errors import ArgError, UsageError


class FullTuner:
    """Switches the model's own parameters on and off."""

    def attach(
        self,
        model: ModelHandle,
        plan: TunerPlan,
        samples: Sequence[Encoded] = (),  # noqa: ARG002  (the port's signature)
    ) -> ModelHandle:
        """Return the model with exactly the planned parameters trainable."""
        if not isinstance(plan, FullPlan):
            raise TypeError(f"FullTuner cannot carry out {plan!r}")
        parameters = dict(cast(nn.Module, model).named_parameters())
        trained = trainable_names(
            {name: tensor.numel() for name, tensor in parameters.items()}, plan
        )
        for name, parameter in parameters.items():
            parameter.requires_grad_(name in trained)
        return model

    def load(
        self,
        model: ModelHandle,
        adapters: Sequence[str],
        *,
        trainable: bool = False,  # noqa: ARG002  (the port's signature)
    ) -> ModelHandle:
        """Return the model unchanged; adapters have no place in full training."""
        if adapters:
            raise UsageError(
                [
                    ArgError(
                        "adapters",
                        f"full training cannot start from adapters ({', '.join(adapters)})",
                        "merge them first (swiftx merge-lora --adapters …) and train the merged --model",
                    )
                ]
            )
        return model

    def fold(self, model: ModelHandle) -> ModelHandle:
        """Return the model unchanged; it is plain already."""
        return model
