"""The quick norms and gated layers against those of transformers."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.contract.trainer_contract import ROWS, plan
from tests.fakes.observer import RecordingObserver
from tests.fakes.tokenizer import ByteTokenizer
from torch import Tensor
from transformers import AutoModelForCausalLM
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from swiftx.adapters.trainers import transformers as trainer
from swiftx.adapters.trainers.layer_kernels import GatedSilu, RootMeanSquareNorm, quicken_layers
from swiftx.domain.plans.loading import ModelHandle

IDS = torch.arange(3, 19).view(2, 8)


def gradients(model: Any) -> dict[str, Tensor]:
    model.zero_grad()
    model(input_ids=IDS, labels=IDS).loss.backward()
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("checkpointing", [False, True])
def test_outputs_and_gradients_are_those_of_transformers(
    tiny_model: str, checkpointing: bool
) -> None:
    slow = AutoModelForCausalLM.from_pretrained(tiny_model).train()
    quick = copy.deepcopy(slow)
    if checkpointing:
        quick.gradient_checkpointing_enable({"use_reentrant": False})

    count = quicken_layers(quick)

    assert count == 2 * 3 + 1  # two norms and a gated layer in each layer, and the last norm
    torch.testing.assert_close(
        quick(input_ids=IDS).logits, slow(input_ids=IDS).logits, atol=1e-6, rtol=1e-6
    )
    expected, found = gradients(slow), gradients(quick)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-5)


def test_gradients_are_the_derivatives() -> None:
    torch.manual_seed(0)
    x, gate, up = (torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True) for _ in range(3))
    weight = torch.randn(5, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(lambda x, w: RootMeanSquareNorm.apply(x, w, 0.1), (x, weight))
    assert torch.autograd.gradcheck(GatedSilu.apply, (gate, up))


def test_a_norm_whose_weight_is_fixed_hands_the_gradient_on() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(3, 5, requires_grad=True), torch.rand(5)
    norm = LlamaRMSNorm(5, eps=1e-5)
    norm.weight.data.copy_(weight)

    (found,) = torch.autograd.grad(RootMeanSquareNorm.apply(x, weight, 1e-5).sin().sum(), x)

    (expected,) = torch.autograd.grad(norm(x).sin().sum(), x)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_numbers_of_16_bits_and_autocasting_are_left_to_transformers(tiny_model: str) -> None:
    slow = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.bfloat16)
    precise = AutoModelForCausalLM.from_pretrained(tiny_model)
    quick, quick_precise = copy.deepcopy(slow), copy.deepcopy(precise)

    quicken_layers(quick)
    quicken_layers(quick_precise)

    assert torch.equal(quick(input_ids=IDS).logits, slow(input_ids=IDS).logits)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(quick_precise(input_ids=IDS).logits, precise(input_ids=IDS).logits)


def test_a_subclass_keeps_its_own_forward() -> None:
    class Shifted(LlamaRMSNorm):
        def forward(self, x: Tensor) -> Tensor:
            shifted: Tensor = super().forward(x) + 1.0
            return shifted

    assert quicken_layers(torch.nn.Sequential(Shifted(4))) == 0


def test_training_learns_the_same_with_and_without(
    tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = losses(tiny_model, tmp_path / "quick")
    monkeypatch.setattr(trainer, "quicken_layers", lambda _: 0)
    slow = losses(tiny_model, tmp_path / "slow")

    assert quick == pytest.approx(slow, abs=1e-5)
    assert len(quick) > 2


def losses(folder: str, work: Path) -> list[float]:
    """Return the losses of six steps of full training, gradient norms clipped."""
    observer = RecordingObserver()
    trainer.TransformersTrainer().fit(
        ModelHandle(AutoModelForCausalLM.from_pretrained(folder)),
        ByteTokenizer(),
        plan(work, arguments={"save_strategy": "no"}, padding_free=True),
        train=ROWS,
        validation=(),
        observer=observer,
    )
    return observer.losses
