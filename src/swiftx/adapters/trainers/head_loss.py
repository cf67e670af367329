"""The cross entropy of a large vocabulary without ever holding all its logits.

Legend: B batch, K position with a label, N label, D hidden size, V vocabulary.

The output head is applied to a few positions at a time, and their gradients are computed while their logits
are there: memory no longer grows with labels times vocabulary, and no logit is computed twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import TrainingArguments

from swiftx.adapters.trainers.attention import evaluating
from swiftx.adapters.trainers.losses import Targets
from swiftx.adapters.trainers.precision import autocasts
from swiftx.domain.plans.encoded import IGNORE

_CHUNK_ELEMENTS = {"cpu": 1 << 24}
_ACCELERATOR_ELEMENTS = 1 << 27
"""Logits that are held at once: 64 MiB on a CPU, elsewhere what keeps it busy.

Each chunk passes over the gradient of the head's whole weight; 16 MiB at a time, a CPU takes a third longer.
"""
_PROBE = 6  # tokens
_CLOSE = 1e-3  # share of the largest logit; rounding alone differs


class HeadLoss(NamedTuple):
    """What a batch came to.

    Attributes:
        total: The weighted losses of all targets, summed; without dimensions.
        losses_BK: float, shape (B, K); the weighted loss of each target, without gradient.
        likely_BK: int, shape (B, K); the most likely token, -1 where there is no target.
    """

    total: Tensor
    losses_BK: Tensor
    likely_BK: Tensor


def may_use_parts(arguments: TrainingArguments) -> bool:
    """Return whether weights may be used beside the forward of the module that has them.

    Not where they are sharded, where data parallel processes search the outputs for what was used, or
    where torch compiles; and float16 is scaled by a loss that those parts would never see.
    """
    sharded = bool(arguments.deepspeed or arguments.fsdp)
    searching = arguments.world_size > 1 and bool(arguments.ddp_find_unused_parameters)
    return not (sharded or searching or arguments.torch_compile or arguments.fp16)


def plain_head(model: nn.Module) -> nn.Linear | None:
    """Return the output head, when the logits are its product with the last hidden states and nothing else.

    A short forward proves it: some models cap or scale their logits afterwards.
    """
    head = linear_head(model)
    return head if head is not None and _is_last(model, head) else None


def linear_head(model: nn.Module) -> nn.Linear | None:
    """Return the output head, when it is a plain product with weights; what comes after it may be more."""
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    head: Any = inner.get_output_embeddings() if hasattr(inner, "get_output_embeddings") else None
    if (
        type(head) is not nn.Linear
        or type(head.weight) is not nn.Parameter
        or not head.weight.numel()
    ):
        return None
    watched = head._forward_hooks or head._forward_pre_hooks or "forward" in vars(head)
    if head.bias is not None or watched or head.weight.dtype == torch.float16:
        return None  # float16 gradients must be scaled before they are rounded, too late here
    return head


@contextmanager
def without_head(head: nn.Linear) -> Iterator[None]:
    """Make the model return hidden states in place of logits."""
    head.forward = _nothing
    try:
        yield
    finally:
        del head.forward


def head_loss(
    hidden_BKD: Tensor,
    head: nn.Linear,
    target: Targets,
    *,
    label_smoothing: float = 0.0,
    dft: bool = False,
) -> HeadLoss:
    """Return the weighted cross entropy of the targets, with the meaning of `losses.token_losses`.

    Args:
        hidden_BKD: float, shape (B, K, D); the hidden states that the head turns into logits.
        head: The output head, without a bias.
        target: What the logits are held against.
        label_smoothing: Share of the probability that is spread over all tokens.
        dft: Multiply each loss by the token's own probability, taken as a constant.
    """
    chosen_BK = target.labels_BK != IGNORE
    labels_N = target.labels_BK[chosen_BK]
    weights_N = (
        torch.ones_like(labels_N, dtype=torch.float32)
        if target.weights_BK is None
        else target.weights_BK[chosen_BK].float()
    )
    total, losses_N, likely_N = ChunkedLoss.apply(
        hidden_BKD[chosen_BK],
        head.weight,
        labels_N,
        weights_N,
        label_smoothing,
        dft,
        chunk_elements(hidden_BKD.device.type),
    )
    losses_BK = torch.zeros(chosen_BK.shape, dtype=losses_N.dtype, device=losses_N.device)
    likely_BK = torch.full_like(target.labels_BK, -1)
    losses_BK[chosen_BK] = losses_N
    likely_BK[chosen_BK] = likely_N
    return HeadLoss(total, losses_BK, likely_BK)


def chunk_elements(device: str) -> int:
    """Return how many logits are held at once on a kind of device."""
    return _CHUNK_ELEMENTS.get(device, _ACCELERATOR_ELEMENTS)


class ChunkedLoss(torch.autograd.Function):
    """Sum of weighted losses; the gradients are ready before the backward pass asks for them."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        labels_N: Tensor,
        weights_N: Tensor,
        smoothing: float,
        dft: bool,
        elements: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        wants_hidden, wants_weight, *_ = ctx.needs_input_grad
        dtype = _compute_dtype(hidden_ND)
        compute_VD = weight_VD.to(dtype)
        vocabulary = len(weight_VD)
        losses_N = torch.empty_like(weights_N)
        likely_N = torch.empty_like(labels_N)
        hidden_gradient_ND = torch.empty_like(hidden_ND) if wants_hidden else None
        # A sum of many chunks; 16-bit numbers would round each time.
        weight_gradient_VD = (
            torch.zeros_like(weight_VD, dtype=torch.float32) if wants_weight else None
        )
        size = max(1, elements // vocabulary)
        for start in range(0, len(labels_N), size):
            part = slice(start, start + size)
            rows_ND, labels = hidden_ND[part].to(dtype), labels_N[part, None]
            logits_NV = (rows_ND @ compute_VD.T).float()
            largest_N1, likely_N1 = logits_NV.max(dim=1, keepdim=True)
            likely_N[part] = likely_N1[:, 0]
            logits_NV -= largest_N1
            own_N1 = logits_NV.gather(1, labels)
            mean_N1 = logits_NV.mean(dim=1, keepdim=True) if smoothing else 0.0
            powers_NV = logits_NV.exp_()
            sums_N1 = powers_NV.sum(dim=1, keepdim=True)
            losses_N1 = sums_N1.log() - (1.0 - smoothing) * own_N1 - smoothing * mean_N1
            factors_N1 = weights_N[part, None] * (torch.exp(-losses_N1) if dft else 1.0)
            losses_N[part] = (losses_N1 * factors_N1)[:, 0]
            if not (wants_hidden or wants_weight):
                continue
            # The slopes are the probabilities, less the targets; here as multiples of `sums_N1`.
            powers_NV.scatter_add_(1, labels, (smoothing - 1.0) * sums_N1)
            if smoothing:
                powers_NV.sub_(sums_N1 * (smoothing / vocabulary))
            slopes_NV = powers_NV.to(dtype)
            factors_N1 /= sums_N1
            if hidden_gradient_ND is not None:
                hidden_gradient_ND[part] = (slopes_NV @ compute_VD) * factors_N1
            if weight_gradient_VD is not None:
                _add_product(weight_gradient_VD, slopes_NV.T, (rows_ND * factors_N1).to(dtype))
        ctx.gradients = (
            hidden_gradient_ND,
            None if weight_gradient_VD is None else weight_gradient_VD.to(weight_VD.dtype),
        )
        ctx.mark_non_differentiable(losses_N, likely_N)
        return losses_N.sum(), losses_N, likely_N

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        scale = gradients[0]
        hidden_ND, weight_VD = (
            None if each is None else each.mul_(scale.to(each.dtype)) for each in ctx.gradients
        )
        ctx.gradients = None
        return hidden_ND, weight_VD, None, None, None, None, None


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right


def _compute_dtype(hidden_ND: Tensor) -> torch.dtype:
    kind = hidden_ND.device.type
    return torch.get_autocast_dtype(kind) if autocasts(kind) else hidden_ND.dtype


def _nothing(hidden: Tensor) -> Tensor:
    return hidden


def _is_last(model: nn.Module, head: nn.Linear) -> bool:
    positions = torch.arange(_PROBE, device=head.weight.device)[None]
    short = {"input_ids": (positions + 3) % head.out_features, "position_ids": positions}
    with torch.no_grad(), evaluating(model):
        logits = model(**short, use_cache=False).logits
        with without_head(head):
            hidden = model(**short, use_cache=False).logits
        if hidden.shape[-1] != head.in_features:
            return False
        expected = head(hidden.to(head.weight.dtype))
    apart = (expected.float() - logits.float()).abs().max()
    return bool(apart <= _CLOSE * logits.float().abs().max())
