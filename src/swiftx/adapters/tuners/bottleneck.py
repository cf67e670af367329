"""Bottleneck adapters: a small network behind the attention and behind the MLP of every block.

Source: Houlsby et al., https://arxiv.org/abs/1902.00751, section 2.1 and figure 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from swiftx.adapters.models.layers import attention_of, decoder_layers, mlp_of
from swiftx.adapters.models.own_adapters import OwnTuner, insert_behind
from swiftx.domain.plans.tuning import BottleneckPlan
from swiftx.errors import ArgError, UsageError

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


class BottleneckTuner(OwnTuner):
    """Puts bottlenecks into a model."""

    name = "adapter"
    plan_type = BottleneckPlan
    unmergeable = "a bottleneck adapter computes between the layers"

    def insert(self, model: PreTrainedModel, plan: BottleneckPlan) -> list[str]:
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
