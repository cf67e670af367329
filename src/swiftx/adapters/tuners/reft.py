"""ReFT: low-rank edits of the hidden states that decoder layers put out, at every position.

Source: Wu et al., https://arxiv.org/abs/2404.03592, equations 2 (LoReFT) and 4 (DiReFT); the other forms are
those that the ReFT library names. With R of orthonormal rows, shape (r, D), and P free of that:

    LoreftIntervention     h + R'(W h + b - R h)      NoreftIntervention     h + P'(W h + b - P h - c)
    DireftIntervention     h + R'(W h + b)            NodireftIntervention   h + P'(W h + b)
    ConsreftIntervention   h + R'(b - R h)            LobireftIntervention   h + R' b
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from swiftx.adapters.models.layers import decoder_layers
from swiftx.adapters.models.own_adapters import OwnTuner, insert_behind
from swiftx.domain.plans.tuning import ReftPlan
from swiftx.errors import ArgError, UsageError

_CHILD = "reft"
_OPTIONS = ("dropout", "act_fn", "add_bias")
_FREE = ("NoreftIntervention", "NodireftIntervention")
_SUBTRACTS = ("LoreftIntervention", "NoreftIntervention", "ConsreftIntervention")
_CONSTANT = ("ConsreftIntervention", "LobireftIntervention")


class OrthonormalRows(nn.Module):
    """Rows made orthonormal by a QR decomposition, whatever their lengths.

    torch's own parametrisation of such a matrix keeps signs on the diagonal of its parameter and cuts them to
    whole numbers: the first weight decay makes them all 0, and the edit with them.
    """

    def forward(self, free: Tensor) -> Tensor:
        """Return rows of length 1 at right angles that span those given, shape (r, D)."""
        columns, triangle = torch.linalg.qr(free.T)
        return (columns * triangle.diagonal().detach().sign()).T

    def right_inverse(self, rows: Tensor) -> Tensor:
        """Return what gives these rows, if they are orthonormal: themselves."""
        return rows


class Intervention(nn.Module):
    """One edit. Float32 inside, whatever the model computes in."""

    def __init__(self, size: int, plan: ReftPlan) -> None:
        super().__init__()
        options = plan.options
        self._subtracts = plan.intervention in _SUBTRACTS
        bias = plan.intervention in _FREE and bool(options.get("add_bias", False))
        projection = nn.Linear(size, plan.rank, bias=bias)
        if plan.intervention not in _FREE:
            nn.init.orthogonal_(projection.weight)
            register_parametrization(projection, "weight", OrthonormalRows())
        self.projection = projection
        self.source: nn.Module | None = None
        self.constant: nn.Parameter | None = None
        if plan.intervention in _CONSTANT:
            self.constant = nn.Parameter(torch.rand(plan.rank))
        else:
            self.source = nn.Linear(size, plan.rank)
        self.act = ACT2FN[options.get("act_fn") or "linear"]
        self.dropout = nn.Dropout(float(options.get("dropout", 0.0)))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the edited hidden states, shape and type as given: (…, D)."""
        states = hidden.float()
        source = self.constant if self.source is None else self.act(self.source(states))
        assert source is not None
        change = source - self.projection(states) if self._subtracts else source
        edited: Tensor = self.dropout(states + change @ self.projection.weight)
        return edited.to(hidden.dtype)


class ReftTuner(OwnTuner):
    """Puts interventions behind decoder layers."""

    name = "reft"
    plan_type = ReftPlan
    unmergeable = "ReFT edits hidden states"

    def insert(self, model: PreTrainedModel, plan: ReftPlan) -> list[str]:
        """Put interventions behind the chosen layers and return their full names."""
        size = int(model.config.get_text_config().hidden_size)
        layers = decoder_layers(model, key=plan.layer_key)
        numbers = range(len(layers.modules)) if plan.layers is None else plan.layers
        _check(plan, numbers, size=size, count=len(layers.modules))
        torch.manual_seed(plan.seed)
        for number in numbers:
            insert_behind(layers.modules[number], _CHILD, Intervention(size, plan))
        return [f"{layers.name}.{number}.{_CHILD}" for number in numbers]


def _check(plan: ReftPlan, numbers: Sequence[int], *, size: int, count: int) -> None:
    problems = []
    wrong = [number for number in numbers if not 0 <= number < count]
    if wrong or not numbers:
        shown = " ".join(map(str, wrong)) or "none"
        problems.append(
            ArgError(
                "reft_layers",
                f"reft_layers: there is no layer {shown}",
                f"they are 0 to {count - 1}",
            )
        )
    if not 0 < plan.rank < size:
        problems.append(
            ArgError("reft_rank", f"reft_rank={plan.rank} is not between 1 and {size - 1}", "try 4")
        )
    unknown = sorted(plan.options.keys() - set(_OPTIONS))
    if unknown:
        problems.append(
            ArgError(
                "reft_args",
                f"reft_args: unknown {', '.join(unknown)}",
                f"there are {', '.join(_OPTIONS)}",
            )
        )
    activation = plan.options.get("act_fn") or "linear"
    if activation not in ACT2FN:
        problems.append(ArgError("reft_args", f"reft_args: act_fn={activation!r} is unknown"))
    if problems:
        raise UsageError(problems)
