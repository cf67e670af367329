"""Norms and gated activations of known layers in one autograd node each. Legend: N token, D feature.

What transformers writes as five or six operations, each of which makes and keeps tensors of the size of
its input, is done in place here, and less is kept for the backward pass. Values and gradients are the same
but for the rounding of a sum.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers.activations import SiLUActivation
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm
from transformers.models.mistral.modeling_mistral import MistralMLP, MistralRMSNorm
from transformers.models.qwen2.modeling_qwen2 import Qwen2MLP, Qwen2RMSNorm
from transformers.models.qwen3.modeling_qwen3 import Qwen3MLP, Qwen3RMSNorm

from swiftx.adapters.trainers.precision import autocasts

_NORMS = (LlamaRMSNorm, MistralRMSNorm, Qwen2RMSNorm, Qwen3RMSNorm)
_GATED = (LlamaMLP, MistralMLP, Qwen2MLP, Qwen3MLP)


def quicken_layers(model: nn.Module) -> int:
    """Give the norms and gated layers of known classes the quick forward; return how many there are.

    A layer goes by its class, not by its name: a subclass may compute something else. A norm falls back to
    its own forward where numbers are not 32 bit, and each where autocasting would change them.
    """
    norms = [each for each in model.modules() if type(each) in _NORMS and _plain(each)]
    gated = [each for each in model.modules() if type(each) in _GATED and _has_silu(each)]
    for norm in norms:
        norm.forward = MethodType(_norm_forward, norm)
    for layer in gated:
        layer.forward = MethodType(_gated_forward, layer)
    return len(norms) + len(gated)


def _plain(module: nn.Module) -> bool:
    return "forward" not in vars(module)


def _has_silu(layer: Any) -> bool:
    return _plain(layer) and type(layer.act_fn) in (nn.SiLU, SiLUActivation)


def _norm_forward(norm: Any, x: Tensor) -> Tensor:
    weight = norm.weight
    both_precise = x.dtype == weight.dtype == torch.float32
    if not both_precise or autocasts(x.device.type):
        slow: Tensor = type(norm).forward(norm, x)
        return slow
    quick: Tensor = RootMeanSquareNorm.apply(x, weight, norm.variance_epsilon)
    return quick


def _gated_forward(layer: Any, x: Tensor) -> Tensor:
    if autocasts(x.device.type):
        slow: Tensor = type(layer).forward(layer, x)
        return slow
    result: Tensor = layer.down_proj(GatedSilu.apply(layer.gate_proj(x), layer.up_proj(x)))
    return result


class RootMeanSquareNorm(torch.autograd.Function):
    """`weight * x / sqrt(mean(x^2) + epsilon)`, over the last dimension.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization (2019), equation 4.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_D: Tensor, epsilon: float) -> Tensor:
        x_ND = x.reshape(-1, x.shape[-1])
        lengths_N1 = torch.linalg.vector_norm(x_ND, dim=1, keepdim=True)
        inverse_N1 = lengths_N1.square_().div_(x_ND.shape[1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x_ND, inverse_N1, weight_D)
        return (x_ND * inverse_N1).mul_(weight_D).view(x.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        x_ND, inverse_N1, weight_D = ctx.saved_tensors
        out_ND = gradients[0].reshape(x_ND.shape)
        unit_ND = x_ND * inverse_N1
        products_ND = out_ND * unit_ND
        weight_gradient = products_ND.sum(dim=0) if ctx.needs_input_grad[1] else None
        if not ctx.needs_input_grad[0]:
            return None, weight_gradient, None
        along_N1 = (products_ND @ weight_D).div_(-x_ND.shape[1])[:, None]
        x_gradient_ND = torch.mul(out_ND, weight_D, out=products_ND)
        x_gradient_ND.addcmul_(unit_ND, along_N1).mul_(inverse_N1)
        return x_gradient_ND.view(gradients[0].shape), weight_gradient, None


class GatedSilu(torch.autograd.Function):
    """`silu(gate) * up`; only the two are kept.

    Source: Shazeer, GLU Variants Improve Transformer (2020), equation 6, without its products.
    """

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return nn.functional.silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        gate, up = ctx.saved_tensors
        out = gradients[0]
        gate_gradient, up_gradient = None, None
        if ctx.needs_input_grad[0]:
            gate_gradient = torch.ops.aten.silu_backward(out * up, gate)
        if ctx.needs_input_grad[1]:
            up_gradient = nn.functional.silu(gate).mul_(out)
        return gate_gradient, up_gradient
