"""Weights that are quantized while a model is loaded: each method's plan as its library wants it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from swiftx.domain.plans.loading import (
    BnbPlan,
    EetqPlan,
    Fp8Plan,
    HqqPlan,
    QuantizationPlan,
    QuantoPlan,
    TorchaoPlan,
)
from swiftx.errors import BackendError, MissingDependency

_PACKAGES: dict[type, tuple[str, str]] = {
    BnbPlan: ("bitsandbytes", "bnb"),
    HqqPlan: ("hqq", "hqq"),
    QuantoPlan: ("optimum.quanto", "quanto"),
    TorchaoPlan: ("torchao", "torchao"),
    EetqPlan: ("kernels", "eetq"),
}
"""Plan → the package that carries it out, and the extra that brings it."""

_HQQ_GROUP = 64


def require_library(plan: QuantizationPlan) -> None:
    """Raise `MissingDependency` when the library of a method is absent."""
    package, extra = _PACKAGES.get(type(plan), ("torch", "train"))
    if not _is_there(package):
        raise MissingDependency(package.replace(".", "-"), extra=extra)


def config_for(plan: QuantizationPlan) -> Any:
    """Return transformers' configuration of a method; None for HQQ, which works on the loaded model."""
    match plan:
        case BnbPlan():
            return _bnb(plan)
        case QuantoPlan():
            from transformers import QuantoConfig

            return QuantoConfig(weights=plan.weights)
        case TorchaoPlan():
            return _torchao(plan)
        case EetqPlan():
            from transformers import EetqConfig

            return EetqConfig("int8")
        case Fp8Plan():
            from transformers import FineGrainedFP8Config

            return FineGrainedFP8Config()
        case HqqPlan():
            return None


def finish(model: nn.Module, plan: QuantizationPlan) -> None:
    """Do what a method leaves to do once the weights are there."""
    if isinstance(plan, BnbPlan) and plan.bits == 4:
        _keep_layout(model)
    if isinstance(plan, HqqPlan):
        _quantize_with_hqq(model, plan)


def size_of(parameter: torch.Tensor) -> int:
    """Return how many weights a parameter holds; one byte of bitsandbytes holds two."""
    if type(parameter).__name__ == "Params4bit":
        return parameter.numel() * parameter.element_size() * 2
    return parameter.numel()


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _bnb(plan: BnbPlan) -> Any:
    from transformers import BitsAndBytesConfig

    if plan.bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_compute_dtype=plan.compute_dtype,
        bnb_4bit_quant_type=plan.quant_type,
        bnb_4bit_use_double_quant=plan.double_quant,
        bnb_4bit_quant_storage=plan.storage,
    )


def _torchao(plan: TorchaoPlan) -> Any:
    from torchao.quantization import (
        Float8WeightOnlyConfig,
        Int4WeightOnlyConfig,
        Int8WeightOnlyConfig,
    )
    from transformers import TorchAoConfig

    kinds = {
        "int4": Int4WeightOnlyConfig,
        "int8": Int8WeightOnlyConfig,
        "float8": Float8WeightOnlyConfig,
    }
    return TorchAoConfig(kinds[plan.weights]())


def _keep_layout(model: nn.Module) -> None:
    """Keep bitsandbytes from packing 4-bit weights anew when it evaluates on a CPU with AVX-512.

    That layout computes in bfloat16 whatever `bnb_4bit_compute_dtype` says, and passes no gradient on: a run
    that evaluates between steps would go on training without learning.
    """
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def _quantize_with_hqq(model: nn.Module, plan: HqqPlan) -> None:
    """Replace the linear layers but the head; transformers 5 has no loading through HQQ."""
    from hqq.core.quantize import BaseQuantizeConfig, HQQLinear

    head = cast(PreTrainedModel, model).get_output_embeddings()
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if type(module) is nn.Linear and module is not head
    ]
    axis = {} if plan.axis is None else {"axis": plan.axis}
    for name, layer in layers:
        try:
            quantized = HQQLinear(
                layer,
                BaseQuantizeConfig(nbits=plan.bits, group_size=_HQQ_GROUP, **axis),
                compute_dtype=layer.weight.dtype,
                device=str(layer.weight.device),
            )
        except (AssertionError, ValueError, RuntimeError) as error:
            raise BackendError(
                f"HQQ cannot quantize {name} of shape {tuple(layer.weight.shape)}: {error}",
                hint="its groups have 64 weights; use --quant_method quanto or bnb",
            ) from error
        model.set_submodule(name, quantized)


@contextmanager
def refusals_of_methods(plan: QuantizationPlan | None) -> Iterator[None]:
    """Turn what a method's library refuses into a message that names the method."""
    try:
        yield
    except ImportError as error:
        if plan is None:
            raise
        raise BackendError(
            f"the library of --quant_method does not work here: {error}",
            hint="bnb, hqq, quanto and torchao run on a CPU",
        ) from error
