"""The quick LoRA layers against PEFT's own."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.layer import Linear
from tests.contract.trainer_contract import ROWS, plan
from tests.fakes.observer import RecordingObserver
from tests.fakes.tokenizer import ByteTokenizer
from torch import Tensor
from transformers import AutoModelForCausalLM

from swiftx.adapters.trainers.lora_kernel import LoraProduct, draw_kept, quicken_lora
from swiftx.adapters.trainers.transformers import TransformersTrainer
from swiftx.domain.plans.loading import ModelHandle

IDS = torch.arange(3, 19).view(2, 8)


def lora(folder: str, **options: Any) -> Any:
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM",
                        init_lora_weights=False, **options)  # fmt: skip
    return get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config).train()


def gradients(model: Any) -> dict[str, Tensor]:
    model.zero_grad()
    model(input_ids=IDS, labels=IDS).loss.backward()
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


def test_outputs_and_gradients_are_pefts(tiny_model: str) -> None:
    slow = lora(tiny_model)
    quick = copy.deepcopy(slow)

    count = quicken_lora(quick)

    assert count == 2 * 7
    torch.testing.assert_close(quick(input_ids=IDS).logits, slow(input_ids=IDS).logits)
    expected = gradients(slow)
    found = gradients(quick)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_gradients_are_the_derivatives(dropout: float) -> None:
    torch.manual_seed(0)
    shapes = {"x": (2, 3, 6), "weight": (5, 6), "bias": (5,), "a": (2, 6), "b": (5, 2)}
    x, weight, bias, a, b = (torch.randn(shape, dtype=torch.float64) for shape in shapes.values())

    def product(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        torch.manual_seed(1)
        result: Tensor = LoraProduct.apply(x, weight, bias, a, b, 2.0, dropout)
        return result

    assert torch.autograd.gradcheck(product, [each.requires_grad_() for each in (x, a, b)])


def test_dropout_keeps_its_share_and_the_mean() -> None:
    torch.manual_seed(0)
    ones, zero = torch.ones(1000, 64), torch.zeros(1, 64)

    kept = draw_kept(ones, 0.3)
    result = LoraProduct.apply(ones, zero, None, torch.ones(1, 64), torch.ones(1, 1), 1.0, 0.3)

    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.01)
    assert kept.any(dim=0).all()
    assert not kept.all(dim=1).all()
    assert result.mean().item() == pytest.approx(64, rel=0.01)


def test_recomputed_activations_drop_the_same_elements(tiny_model: str) -> None:
    model = lora(tiny_model, lora_dropout=0.5)
    quicken_lora(model)
    torch.manual_seed(5)
    expected = gradients(model)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.enable_input_require_grads()

    torch.manual_seed(5)
    found = gradients(model)

    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient)


@pytest.mark.parametrize("way", ["evaluated", "disabled", "merged", "dora", "float64"])
def test_whatever_the_layer_is_used_for_its_outputs_are_pefts(tiny_model: str, way: str) -> None:
    slow = lora(tiny_model, lora_dropout=0.5, use_dora=way == "dora").eval()
    if way == "float64":
        slow = slow.double()
        for name, parameter in slow.named_parameters():
            if "lora_" in name:
                parameter.data = parameter.data.float()
    quick = copy.deepcopy(slow)
    quicken_lora(quick)

    if way == "merged":
        slow.merge_adapter()
        quick.merge_adapter()
    if way == "disabled":
        with slow.disable_adapter(), quick.disable_adapter():
            expected, found = (model(input_ids=IDS).logits for model in (slow, quick))
    else:
        expected, found = (model(input_ids=IDS).logits for model in (slow, quick))

    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_run_trains_with_the_quick_layers(tiny_model: str, tmp_path: Path) -> None:
    model = lora(tiny_model)
    layer = next(module for module in model.modules() if type(module) is Linear)

    TransformersTrainer().fit(
        ModelHandle(model),
        ByteTokenizer(),
        plan(tmp_path, arguments={"max_steps": 1, "save_strategy": "no"}),
        train=ROWS,
        validation=(),
        observer=RecordingObserver(),
    )

    result = layer(torch.ones(1, 2, layer.in_features))
    assert result.grad_fn.name() == "LoraProductBackward"
