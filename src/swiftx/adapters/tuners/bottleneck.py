"""Bottleneck adapters: a small network behind the attention and behind the MLP of every block.

Source: Houlsby et al., https://arxiv.org/abs/1902.00751, section 2.1 and figure 2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from swiftx.adapters.models.layers import attention_of, decoder_layers, mlp_of
from swiftx.adapters.models.own_adapters import insert_behind, restored, started
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import BottleneckPlan, TunerPlan
from swiftx.errors import ArgError, BackendError, UsageError

NAME = "adapter"
_CHILD = "bottleneck"


class Bottleneck(nn.Module):
    """h + up(act(down(h))); it begins as the identity. Float32 inside, whatever the model computes in."""

    def __init__(self, size: int, plan: BottleneckPlan) -> None:
        super().__init__()
        self.down = nn.Linear(size, plan.width)
        self.act = ACT2FN[plan.activation]
        self.up = nn.Linear(plan.width, size)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the changed hidden states, shape and type as given: (…, size)."""
        changed: Tensor = self.up(self.act(self.down(hidden.float())))
        return hidden + changed.to(hidden.dtype)


class BottleneckTuner:
    """Puts bottlenecks into a model."""

    def attach(
        self,
        model: ModelHandle,
        plan: TunerPlan,
        samples: Sequence[Encoded] = (),  # noqa: ARG002  (the port's signature)
    ) -> ModelHandle:
        """Return the model with new bottlenecks, which alone are trainable."""
        if not isinstance(plan, BottleneckPlan):
            raise TypeError(f"BottleneckTuner cannot carry out {plan!r}")
        base = cast(PreTrainedModel, model)
        return started(base, NAME, dataclasses.asdict(plan), _insert(base, plan))

    def load(
        self, model: ModelHandle, adapters: Sequence[str], *, trainable: bool = False
    ) -> ModelHandle:
        """Return the model with saved bottlenecks."""
        return restored(self, model, adapters, BottleneckPlan, trainable=trainable)

    def fold(self, model: ModelHandle) -> ModelHandle:  # noqa: ARG002  (the port's signature)
        """Refuse: a network with an activation is no change of weights."""
        raise BackendError(
            "bottleneck adapters cannot be merged into the weights: they compute between the layers",
            hint="use them as they are, with --adapters",
        )


def _insert(model: PreTrainedModel, plan: BottleneckPlan) -> list[str]:
    """Put bottlenecks everywhere and return their full names."""
    if plan.activation not in ACT2FN:
        known = ", ".join(sorted(ACT2FN))
        raise UsageError(
            [
                ArgError(
                    "adapter_act",
                    f"adapter_act={plan.activation!r} is unknown",
                    f"there are {known}",
                )
            ]
        )
    torch.manual_seed(plan.seed)
    size = int(model.config.get_text_config().hidden_size)
    layers = decoder_layers(model)
    names = []
    for number, layer in enumerate(layers.modules):
        for part in (attention_of(layer), mlp_of(layer)):
            insert_behind(layer.get_submodule(part), _CHILD, Bottleneck(size, plan))
            names.append(f"{layers.name}.{number}.{part}.{_CHILD}")
    return names
