"""Quantization arguments → how weights are quantized while a model is loaded, and what may train on them."""

from __future__ import annotations

from collections.abc import Mapping

from swiftx.domain.args.groups.quantization import QuantizationArgs
from swiftx.domain.plans.facts import DeviceFacts, ModelFacts
from swiftx.domain.plans.loading import (
    BnbPlan,
    EetqPlan,
    Fp8Plan,
    HqqPlan,
    QuantizationPlan,
    QuantoPlan,
    TorchaoPlan,
)
from swiftx.domain.plans.tuning import LoraPlan, PeftPlan, TunerPlan
from swiftx.errors import ArgError, UsageError

_GPU_ONLY: Mapping[str, str] = {
    "eetq": "EETQ's kernels exist for CUDA only",
    "fp8": "the kernels of block-wise FP8 exist for CUDA and XPU only",
}
_CPU_TOO = "bnb, hqq, quanto and torchao also run on a CPU"

_BNB_METHODS = frozenset({"LORA", "ADALORA", "IA3", "HIRA", "PVERA", "RANDLORA", "ROAD"})
"""The methods of PEFT 0.21 whose layers know the packed weights of bitsandbytes."""

_REWRITES_BASE = ("pissa", "olora", "lora-ga", "lora_ga", "corda")


def quantization_plan(
    args: QuantizationArgs, model: ModelFacts, device: DeviceFacts
) -> QuantizationPlan | None:
    """Return how weights are quantized on loading; None where that was not asked for.

    Raises:
        UsageError: The method does not run on this kind of device, or the files are quantized already.
    """
    method, bits = args.quant_method, args.quant_bits
    if method is None:
        return None
    if model.quantization is not None:
        raise _refusal(
            f"quant_method {method}: the weights in {model.folder!r} are quantized already "
            f"({model.quantization}).",
            "Leave --quant_method out, or name the model that it was made from.",
        )
    if device.kind == "cpu" and method in _GPU_ONLY:
        raise _refusal(
            f"quant_method {method}: {_GPU_ONLY[method]}, and this machine has none of them.",
            f"Choose another method: {_CPU_TOO}.",
        )
    if device.kind == "cpu" and method == "torchao" and bits == 4:
        raise _refusal(
            "quant_bits 4: torchao's 4-bit weights are products of the CUDA library mslk.",
            "Choose --quant_bits 8 or float8, or --quant_method bnb or quanto with 4 bits.",
        )
    match method:
        case "bnb":
            return BnbPlan(
                bits=_number(bits),
                compute_dtype=args.bnb_4bit_compute_dtype or "float32",
                quant_type=args.bnb_4bit_quant_type,
                double_quant=args.bnb_4bit_use_double_quant,
                storage=args.bnb_4bit_quant_storage,
            )
        case "hqq":
            return HqqPlan(bits=_number(bits), axis=args.hqq_axis)
        case "quanto":
            return QuantoPlan(weights=_named(bits))
        case "torchao":
            return TorchaoPlan(weights=_named(bits))
        case "eetq":
            return EetqPlan()
        case _:
            return Fp8Plan()


def refuse_untrainable(plan: TunerPlan, quantization: QuantizationPlan | None) -> None:
    """Refuse a tuner that would change or copy quantized weights, or cannot read them.

    Raises:
        UsageError: It does.
    """
    if quantization is None:
        return
    if isinstance(quantization, Fp8Plan):
        raise _refusal(
            "quant_method fp8: block-wise FP8 weights pass no gradient on.",
            "Train with --quant_method bnb, hqq, quanto or torchao.",
        )
    if not isinstance(plan, PeftPlan):
        raise _refusal(
            "quant_method: quantized weights stay as they are, and this tuner trains or copies weights.",
            "Use --train_type lora.",
            argument="train_type",
        )
    methods = _BNB_METHODS if isinstance(quantization, BnbPlan) else frozenset({"LORA"})
    if plan.method not in methods:
        names = ", ".join(sorted(method.lower() for method in methods))
        raise _refusal(
            f"train_type: PEFT's {plan.method.lower()} does not know weights that are quantized so.",
            f"Use one of: {names}.",
            argument="train_type",
        )
    if isinstance(plan, LoraPlan) and plan.init_weights.startswith(_REWRITES_BASE):
        raise _refusal(
            f"init_weights {plan.init_weights} takes a part out of the weights, "
            "which quantized ones do not give exactly.",
            "Leave --init_weights out.",
            argument="init_weights",
        )


def _number(bits: int | str | None) -> int:
    if bits is None:
        raise ValueError("the rules of resolution let no method without bits through")
    return int(bits)


def _named(bits: int | str | None) -> str:
    return "float8" if bits == "float8" else f"int{_number(bits)}"


def _refusal(message: str, hint: str, *, argument: str = "quant_method") -> UsageError:
    return UsageError([ArgError(argument, message, hint)])
