from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.models import model_facts

from swiftx.domain.args.groups.quantization import QuantizationArgs
from swiftx.domain.models.quantization import quantization_plan, refuse_untrainable
from swiftx.domain.plans.facts import DeviceFacts
from swiftx.domain.plans.loading import (
    BnbPlan,
    EetqPlan,
    Fp8Plan,
    HqqPlan,
    QuantoPlan,
    TorchaoPlan,
)
from swiftx.domain.plans.tuning import BottleneckPlan, FullPlan, LoraPlan, PeftPlan, TunerPlan
from swiftx.errors import UsageError

CPU = DeviceFacts(kind="cpu", count=1, bf16=False, cpu_count=2)
CUDA = DeviceFacts(kind="cuda", count=1, bf16=True, cpu_count=2)
LORA = LoraPlan(rank=8, alpha=16, dropout=0.0, bias="none")


def planned(device: DeviceFacts = CUDA, **given: Any) -> object:
    return quantization_plan(QuantizationArgs(**given), model_facts("/m"), device)


def test_nothing_is_quantized_unless_asked() -> None:
    assert planned() is None


@pytest.mark.parametrize(
    ("given", "plan"),
    [
        ({"quant_method": "bnb", "quant_bits": 8}, BnbPlan(bits=8)),
        (
            {
                "quant_method": "bnb",
                "quant_bits": 4,
                "bnb_4bit_compute_dtype": "bfloat16",
                "bnb_4bit_quant_type": "fp4",
                "bnb_4bit_use_double_quant": False,
                "bnb_4bit_quant_storage": "bfloat16",
            },
            BnbPlan(
                bits=4,
                compute_dtype="bfloat16",
                quant_type="fp4",
                double_quant=False,
                storage="bfloat16",
            ),
        ),
        ({"quant_method": "hqq", "quant_bits": 3, "hqq_axis": 0}, HqqPlan(bits=3, axis=0)),
        ({"quant_method": "quanto", "quant_bits": 2}, QuantoPlan(weights="int2")),
        ({"quant_method": "quanto", "quant_bits": "float8"}, QuantoPlan(weights="float8")),
        ({"quant_method": "torchao", "quant_bits": 4}, TorchaoPlan(weights="int4")),
        ({"quant_method": "eetq", "quant_bits": 8}, EetqPlan()),
        ({"quant_method": "fp8"}, Fp8Plan()),
    ],
)
def test_every_method_has_its_plan(given: dict[str, Any], plan: object) -> None:
    assert planned(**given) == plan


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"quant_method": "eetq", "quant_bits": 8}, "CUDA"),
        ({"quant_method": "fp8"}, "CUDA"),
        ({"quant_method": "torchao", "quant_bits": 4}, "mslk"),
    ],
)
def test_what_needs_a_gpu_says_so_without_one(given: dict[str, Any], missing: str) -> None:
    with pytest.raises(UsageError, match=missing):
        planned(CPU, **given)


def test_quantized_files_are_not_quantized_again() -> None:
    with pytest.raises(UsageError, match=r"already \(gptq\)"):
        quantization_plan(
            QuantizationArgs(quant_method="bnb", quant_bits=4),
            replace(model_facts("/m"), quantization="gptq"),
            CPU,
        )


@pytest.mark.parametrize("plan", [FullPlan(), BottleneckPlan(width=8, activation="gelu")])
def test_weights_that_are_quantized_are_not_trained(plan: TunerPlan) -> None:
    with pytest.raises(UsageError, match="stay as they are"):
        refuse_untrainable(plan, BnbPlan(bits=4))


def test_methods_that_cannot_read_packed_weights_are_refused() -> None:
    with pytest.raises(UsageError, match="oft"):
        refuse_untrainable(PeftPlan(method="OFT"), BnbPlan(bits=4))
    with pytest.raises(UsageError, match="road"):
        refuse_untrainable(PeftPlan(method="ROAD"), QuantoPlan(weights="int8"))


def test_initialisations_that_change_the_weights_are_refused() -> None:
    with pytest.raises(UsageError, match="pissa_niter_4"):
        refuse_untrainable(replace(LORA, init_weights="pissa_niter_4"), BnbPlan(bits=4))


def test_fp8_weights_pass_no_gradient() -> None:
    with pytest.raises(UsageError, match="no gradient"):
        refuse_untrainable(LORA, Fp8Plan())


def test_lora_trains_on_every_other_method_and_everything_on_whole_weights() -> None:
    for quantization in (BnbPlan(bits=8), HqqPlan(bits=4), TorchaoPlan(weights="int8")):
        refuse_untrainable(LORA, quantization)
    refuse_untrainable(FullPlan(), None)
