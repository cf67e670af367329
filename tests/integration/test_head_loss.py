"""The chunked cross entropy against the one that holds all logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM

from swiftx.adapters.trainers import head_loss as module
from swiftx.adapters.trainers.head_loss import head_loss, plain_head, without_head
from swiftx.adapters.trainers.losses import Targets, targets, token_losses

VOCABULARY, HIDDEN = 50, 16


@pytest.fixture
def target() -> Targets:
    torch.manual_seed(1)
    labels = torch.randint(0, VOCABULARY, (3, 9))
    labels[0, :4] = -100
    labels[2, 5:] = -100
    return targets(labels, torch.rand(3, 9) * 2)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("dft", [False, True])
@pytest.mark.parametrize("elements", [1, 7 * VOCABULARY, 1 << 22])
def test_it_is_the_loss_of_all_logits_with_the_same_gradients(
    target: Targets, smoothing: float, dft: bool, elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module._CHUNK_ELEMENTS, "cpu", elements)
    torch.manual_seed(0)
    hidden = torch.randn(3, len(target.positions_K), HIDDEN, requires_grad=True)
    head = nn.Linear(HIDDEN, VOCABULARY, bias=False)
    leaves = (hidden, head.weight)

    whole = token_losses(head(hidden), target, label_smoothing=smoothing, dft=dft)
    expected = torch.autograd.grad(whole.sum() / 7, leaves)
    found = head_loss(hidden, head, target, label_smoothing=smoothing, dft=dft)
    gradients = torch.autograd.grad(found.total / 7, leaves)

    torch.testing.assert_close(found.losses_BK, whole.detach())
    torch.testing.assert_close(found.total, whole.sum())
    torch.testing.assert_close(gradients, expected)
    labelled = target.labels_BK != -100
    assert found.likely_BK[labelled].equal(head(hidden).argmax(-1)[labelled])


def test_a_frozen_head_gets_no_gradient_and_its_input_does(target: Targets) -> None:
    hidden = torch.randn(3, len(target.positions_K), HIDDEN, requires_grad=True)
    head = nn.Linear(HIDDEN, VOCABULARY, bias=False).requires_grad_(False)

    head_loss(hidden, head, target).total.backward()

    assert head.weight.grad is None
    assert hidden.grad is not None
    assert hidden.grad.any()


def test_a_batch_without_targets_has_no_loss(target: Targets) -> None:
    nothing = targets(torch.full((2, 4), -100))
    head = nn.Linear(HIDDEN, VOCABULARY, bias=False)
    hidden = torch.randn(2, 0, HIDDEN, requires_grad=True)

    found = head_loss(hidden, head, nothing)
    found.total.backward()

    assert found.total.item() == 0
    assert not head.weight.grad.any()


def test_the_head_of_a_llama_is_plain(tiny_model: str) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model).train()
    ids = torch.arange(5)[None]

    head = plain_head(model)

    assert head is model.lm_head
    assert model.training
    with without_head(head):
        assert model(input_ids=ids).logits.shape[-1] == model.config.hidden_size
    assert model(input_ids=ids).logits.shape[-1] == model.config.vocab_size


def test_a_model_that_caps_its_logits_has_no_plain_head() -> None:
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=1, head_dim=8,
        num_attention_heads=2, num_key_value_heads=1, final_logit_softcapping=0.01,
    )  # fmt: skip

    assert plain_head(Gemma2ForCausalLM(config)) is None


def test_a_head_with_a_bias_or_in_float16_is_not_used(tiny_model: str) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model)

    assert plain_head(model.half()) is None
    model.float().lm_head.bias = nn.Parameter(torch.zeros(model.config.vocab_size))
    assert plain_head(model) is None
