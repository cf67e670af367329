"""LoRA layers in one autograd node. Legend: N token, I input feature, O output feature, R rank.

PEFT computes `base(x) + B(A(dropout(x))) * scaling` as six operations, of which the multiplication and the
sum pass over the whole output and the dropout draws one slow random number a feature. Here matrix products
add in place, and dropout takes 16 random bits a feature. The result is the same but for the dropout's draw.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn
from torch.nn import functional

from swiftx.adapters.trainers.precision import autocasts

_SIXTEEN_BITS = 1 << 16


def quicken_lora(model: nn.Module) -> int:
    """Give every plain LoRA layer of the model the quick forward; return how many there are.

    A layer falls back to PEFT's forward whenever it is used in a way that the quick one does not know:
    several adapters, merged or disabled ones, autocasting, mixed data types, sharded weights.
    """
    layers = [module for module in model.modules() if type(module) is Linear]
    for layer in layers:
        layer.forward = MethodType(_forward, layer)
    return len(layers)


def draw_kept(like: Tensor, dropout: float) -> Tensor:
    """Return which elements dropout keeps: bool, of the shape of `like`.

    The probability is rounded to a multiple of 2^-16. The draw comes from torch's own generator of the
    device, so that activation checkpointing draws the same again.
    """
    count = like.numel()
    words = torch.empty((count + 3) // 4, dtype=torch.int64, device=like.device)
    halves = words.random_(-(1 << 63), None).view(torch.int16)[:count]
    return (halves >= threshold(dropout)).view(like.shape)


def threshold(dropout: float) -> int:
    """Return the 16-bit number, from -32768, below which an element is dropped."""
    return round(dropout * _SIXTEEN_BITS) - _SIXTEEN_BITS // 2


def _forward(layer: Any, x: Tensor, *args: Any, **options: Any) -> Tensor:
    name = _only_adapter(layer)
    if name is None or args or options or not _suits(layer, name, x):
        slow: Tensor = Linear.forward(layer, x, *args, **options)
        return slow
    base, dropout = layer.base_layer, layer.lora_dropout[name]
    share = getattr(dropout, "p", 0.0) if dropout.training else 0.0
    result: Tensor = LoraProduct.apply(
        x,
        base.weight,
        base.bias,
        layer.lora_A[name].weight,
        layer.lora_B[name].weight,
        layer.scaling[name],
        share,
    )
    return result


def _only_adapter(layer: Any) -> str | None:
    """Return the one active adapter that is plain LoRA; None when it is not that simple."""
    if layer.disable_adapters or layer.merged:
        return None
    active = [name for name in layer.active_adapters if name in layer.lora_A]
    if (
        len(active) != 1
        or active[0] in layer.lora_variant
        or layer.lora_B[active[0]].bias is not None
    ):
        return None
    return str(active[0])


def _suits(layer: Any, name: str, x: Tensor) -> bool:
    base = layer.base_layer
    weights: tuple[Any, ...] = (
        layer.lora_A[name].weight,
        layer.lora_B[name].weight,
        getattr(base, "weight", None),
    )
    return (
        type(base) is nn.Linear
        and not base.weight.requires_grad
        and (base.bias is None or not base.bias.requires_grad)
        and all(type(each) is nn.Parameter and each.numel() for each in weights)
        and all(each.dtype == x.dtype for each in weights)
        and not autocasts(x.device.type)
        and not base._forward_hooks
        and not base._forward_pre_hooks
    )


class LoraProduct(torch.autograd.Function):
    """`x W^T + b + scaling * dropout(x) A^T B^T`, whose W and b are constants."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight_OI: Tensor,
        bias_O: Tensor | None,
        a_RI: Tensor,
        b_OR: Tensor,
        scaling: float,
        dropout: float,
    ) -> Tensor:
        x_NI = x.reshape(-1, x.shape[-1])
        result_NO = functional.linear(x_NI, weight_OI, bias_O)
        kept_NI = draw_kept(x_NI, dropout) if dropout else None
        seen_NI = x_NI if kept_NI is None else x_NI * kept_NI
        factor = (
            scaling / (1.0 - (threshold(dropout) + 0x8000) / _SIXTEEN_BITS) if dropout else scaling
        )
        low_NR = seen_NI @ a_RI.T
        result_NO.addmm_(low_NR, b_OR.T, alpha=factor)
        ctx.save_for_backward(seen_NI, kept_NI, low_NR, weight_OI, a_RI, b_OR)
        ctx.factor, ctx.shape = factor, x.shape
        return result_NO.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        seen_NI, kept_NI, low_NR, weight_OI, a_RI, b_OR = ctx.saved_tensors
        out_NO = gradients[0].reshape(-1, weight_OI.shape[0])
        low_gradient_NR = (out_NO @ b_OR).mul_(ctx.factor)
        # The other way round, a CPU's product would be four times as slow.
        b_gradient_OR = (low_NR.T @ out_NO).mul_(ctx.factor).T
        a_gradient_RI = low_gradient_NR.T @ seen_NI
        x_gradient: Tensor | None = None
        if ctx.needs_input_grad[0]:
            x_gradient_NI = out_NO @ weight_OI
            if kept_NI is None:
                x_gradient_NI.addmm_(low_gradient_NR, a_RI)
            else:
                x_gradient_NI.addcmul_(low_gradient_NR @ a_RI, kept_NI.to(seen_NI.dtype))
            x_gradient = x_gradient_NI.view(ctx.shape)
        return x_gradient, None, None, a_gradient_RI, b_gradient_OR, None, None
