"""GaLore and Q-GaLore: AdamW whose moments live in a low-rank projection of the gradient.

Everything an optimiser keeps is a tensor or a number, so that a checkpoint of it is loaded without pickles.

Sources: GaLore, https://arxiv.org/abs/2403.03507, algorithm 2; Q-GaLore, https://arxiv.org/abs/2407.08296,
sections 3.2 (lazy projections), 3.3 (their quantisation) and 3.4 (8-bit moments).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from transformers import TrainingArguments

from swiftx.adapters.models.layers import decoder_layers
from swiftx.adapters.trainers.quantised_state import Moment, packed, unpacked
from swiftx.domain.plans.tuning import GaLorePlan
from swiftx.errors import ArgError, UsageError


class GaLoreAdamW(torch.optim.Optimizer):
    """AdamW; in groups with `galore` true, on projected gradients.

    Args:
        groups: Parameter groups; `galore` (bool) and `weight_decay` may be set for each.
        plan: Rank, side and renewal of the projections.
        lr: Learning rate.
        betas: Smoothing of the first and second moment.
        eps: Added to the root of the second moment.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        plan: GaLorePlan,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0, "galore": False}
        super().__init__(groups, defaults)
        self._plan = plan

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take a saved state as it is; torch's own way would give it all the weights' type."""
        super().load_state_dict(state_dict)
        numbers = [number for group in state_dict["param_groups"] for number in group["params"]]
        weights = [weight for group in self.param_groups for weight in group["params"]]
        for number, weight in zip(numbers, weights, strict=True):
            if number in state_dict["state"]:
                self.state[weight] = _moved(state_dict["state"][number], weight.device)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, group, cast(dict[str, Any], self.state[weight]))
        return loss

    def _update(self, weight: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        projected = group["galore"] and weight.ndim == 2
        gradient = weight.grad.float()
        state["step"] = state.get("step", 0) + 1
        sides: tuple[Tensor | None, Tensor | None] = (None, None)
        if projected:
            sides = self._sides(gradient, state)
            gradient = _project(gradient, sides)
        update = self._adam(gradient, group, state)
        if projected:
            update = self._plan.scale * _project_back(update, sides)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(update.to(weight.dtype), alpha=-group["lr"])

    def _adam(self, gradient: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
        """Return Adam's direction, shape of the gradient, and keep the moments."""
        beta1, beta2 = group["betas"]
        first = Moment(state, "exp_avg", eight_bit=self._plan.eight_bit, signed=True)
        second = Moment(state, "exp_avg_sq", eight_bit=self._plan.eight_bit, signed=False)
        mean = first.read(gradient).lerp_(gradient, 1 - beta1)
        square = second.read(gradient).mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        first.write(mean)
        second.write(square)
        corrected = (square / (1 - beta2 ** state["step"])).sqrt_().add_(group["eps"])
        return mean / (1 - beta1 ** state["step"]) / corrected

    def _sides(
        self, gradient: Tensor, state: dict[str, Any]
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the left and right projection, renewed when their time has come."""
        gap = state.setdefault("gap", self._plan.update_proj_gap)
        if (state["step"] - state.setdefault("renewed", 1)) % gap and "sides" in state:
            return self._kept(state)
        before = self._kept(state) if "sides" in state else None
        state["renewed"] = state["step"]
        sides = _projections(gradient, self._plan)
        if before is not None and self._plan.lazy:
            _lengthen_when_settled(state, before, sides, self._plan)
        state["sides"] = [
            None if side is None else packed(side, self._plan.proj_bits, self._plan.proj_group_size)
            for side in sides
        ]
        return self._kept(state)

    def _kept(self, state: dict[str, Any]) -> tuple[Tensor | None, Tensor | None]:
        left, right = (None if side is None else unpacked(side) for side in state["sides"])
        return left, right


def _moved(value: Any, device: torch.device) -> Any:
    """Return a state with its tensors on a device, none of them shared with the given one."""
    if isinstance(value, Tensor):
        return value.to(device, copy=True)
    if isinstance(value, dict):
        return {name: _moved(each, device) for name, each in value.items()}
    return [_moved(each, device) for each in value] if isinstance(value, list) else value


def galore_adamw(
    model: nn.Module,
    plan: GaLorePlan,
    arguments: TrainingArguments,
    decayed: Callable[[nn.Module], Iterable[str]],
) -> GaLoreAdamW:
    """Return the optimiser of a model; `decayed` names its parameters that decay."""
    groups = galore_groups(model, plan, decayed=decayed(model), weight_decay=arguments.weight_decay)
    betas = arguments.adam_beta1, arguments.adam_beta2
    return GaLoreAdamW(
        groups, plan, lr=arguments.learning_rate, betas=betas, eps=arguments.adam_epsilon
    )


def galore_groups(
    model: nn.Module, plan: GaLorePlan, *, decayed: Iterable[str], weight_decay: float
) -> list[dict[str, Any]]:
    """Return the parameter groups: projected or not, with weight decay or without.

    Args:
        model: Everything in it that is trainable is in one of the groups.
        plan: Names the modules whose gradients are projected.
        decayed: Names of the parameters that decay.
        weight_decay: For those.

    Raises:
        UsageError: A target matches no linear layer or embedding.
    """
    projected, decaying = _projected_names(model, plan), frozenset(decayed)
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            groups.setdefault((name in projected, name in decaying), []).append(weight)
    return [
        {"params": weights, "galore": galore, "weight_decay": weight_decay if decay else 0.0}
        for (galore, decay), weights in groups.items()
    ]


def _projected_names(model: nn.Module, plan: GaLorePlan) -> frozenset[str]:
    found = set()
    targets = plan.targets
    if targets is None:
        layers = decoder_layers(model)
        inside = f"{layers.name}."
        found |= {
            f"{name}.weight"
            for name, module in model.named_modules()
            if name.startswith(inside) and isinstance(module, nn.Linear)
        }
    linear = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Embedding)
    }
    for target in targets or ():
        names = {name for name in linear if name == target or name.endswith(f".{target}")}
        if not names:
            known = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
            raise UsageError(
                [
                    ArgError(
                        "galore_target_modules",
                        f"galore_target_modules: no linear layer is called {target!r}",
                        f"there are {known}",
                    )
                ]
            )
        found |= {f"{name}.weight" for name in names}
    if plan.with_embedding:
        found |= {
            f"{name}.weight" for name, each in linear.items() if isinstance(each, nn.Embedding)
        }
    return frozenset(found)


def _projections(gradient: Tensor, plan: GaLorePlan) -> tuple[Tensor | None, Tensor | None]:
    """Return singular vectors of a gradient of shape (m, n): U, shape (m, r), and V', shape (r, n)."""
    rows, columns = gradient.shape
    rank = min(plan.rank, rows, columns)
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    wide = rows < columns
    match plan.proj_type:
        case "left":
            use_left, use_right = True, False
        case "right":
            use_left, use_right = False, True
        case "full":
            use_left, use_right = True, True
        case "reverse_std":
            use_left, use_right = not wide, wide
        case _:
            use_left, use_right = wide, not wide
    return left[:, :rank] if use_left else None, right[:rank] if use_right else None


def _project(gradient: Tensor, sides: tuple[Tensor | None, Tensor | None]) -> Tensor:
    left, right = sides
    low = gradient if left is None else left.T @ gradient
    return low if right is None else low @ right.T


def _project_back(low: Tensor, sides: tuple[Tensor | None, Tensor | None]) -> Tensor:
    left, right = sides
    full = low if left is None else left @ low
    return full if right is None else full @ right


def _lengthen_when_settled(
    state: dict[str, Any],
    before: tuple[Tensor | None, Tensor | None],
    after: tuple[Tensor | None, Tensor | None],
    plan: GaLorePlan,
) -> None:
    """Renew a projection less often once its last ones were alike (Q-GaLore, section 3.2).

    Two are as alike as their singular vectors are on average; the sign of such a vector means nothing.
    """
    likeness = [
        cosine_similarity(old, new, dim=0 if place == 0 else 1).abs().mean()
        for place, (old, new) in enumerate(zip(before, after, strict=True))
        if old is not None and new is not None
    ]
    queue = [*state.get("likeness", []), float(torch.stack(likeness).mean())][-plan.queue_size :]
    state["likeness"] = queue
    if len(queue) == plan.queue_size and math.fsum(queue) / len(queue) >= plan.cos_threshold:
        state["gap"] *= plan.gamma_proj
