"""Choosing tokens: against a slow reference that looks at one row at a time, token by token."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from swiftx.adapters.batching import sampling
from swiftx.adapters.batching.sampling import Rules, choose
from swiftx.domain.plans.inference import GenerationPlan


def rules(prompt: tuple[int, ...] = (), **settings: Any) -> Rules:
    return Rules(GenerationPlan(**settings), prompt)


def reference(logits: list[float], plan: GenerationPlan) -> dict[int, float]:
    """Return the chance of every token that may be drawn."""
    order = sorted(range(len(logits)), key=lambda token: -logits[token])
    order = order[: plan.top_k or None]
    weights = {token: math.exp(logits[token] / plan.temperature) for token in order}
    whole = sum(weights.values())
    kept: dict[int, float] = {}
    before = 0.0
    for token in order:
        chance = weights[token] / whole
        if not kept or (before < plan.top_p and chance >= plan.min_p * weights[order[0]] / whole):
            kept[token] = chance
        before += chance
    rest = sum(kept.values())
    return {token: chance / rest for token, chance in kept.items()}


@pytest.fixture
def logits_V() -> Tensor:
    return torch.randn(40, generator=torch.Generator().manual_seed(3)) * 2


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.7},
        {"top_k": 5},
        {"top_p": 0.6},
        {"min_p": 0.2},
        {"top_k": 10, "top_p": 0.7, "temperature": 1.5},
        {"top_k": 30, "min_p": 0.1, "top_p": 0.95},
    ],
)
def test_tokens_are_drawn_as_often_as_their_chances_say(
    logits_V: Tensor, settings: dict[str, Any]
) -> None:
    draws = 3000
    expected = reference(logits_V.tolist(), GenerationPlan(**settings))
    rows = [rules(seed=seed, **settings) for seed in range(draws)]

    found = Counter(choice.token for choice in choose(logits_V.repeat(draws, 1), rows))

    assert set(found) <= set(expected)
    for token, chance in expected.items():
        deviation = 5 * math.sqrt(draws * chance * (1 - chance)) + 1e-9
        assert abs(found[token] - draws * chance) <= deviation


def test_nucleus_that_is_wider_than_the_candidates_is_found(
    monkeypatch: pytest.MonkeyPatch, logits_V: Tensor
) -> None:
    rows = [rules(seed=seed, top_p=0.99) for seed in range(200)]
    wide = [choice.token for choice in choose(logits_V.repeat(200, 1), rows)]
    monkeypatch.setattr(sampling, "_CANDIDATES", 3)

    rows = [rules(seed=seed, top_p=0.99) for seed in range(200)]

    assert [choice.token for choice in choose(logits_V.repeat(200, 1), rows)] == wide


def test_draw_depends_on_the_row_alone(logits_V: Tensor) -> None:
    settings: list[dict[str, Any]] = [
        {"temperature": 0},
        {"top_k": 5, "seed": 1},
        {"seed": 2},
        {"top_p": 0.9, "seed": 3, "temperature": 2.0},
        {"min_p": 0.1, "seed": 4, "repetition_penalty": 1.5},
    ]
    logits = torch.stack([logits_V.roll(shift) for shift in range(len(settings))])

    together = choose(logits.clone(), [rules(**each) for each in settings])

    alone = [
        choose(logits[row : row + 1].clone(), [rules(**each)])[0]
        for row, each in enumerate(settings)
    ]
    assert together == alone


def test_greedy_takes_the_best(logits_V: Tensor) -> None:
    (choice,) = choose(logits_V[None].clone(), [rules(temperature=0)])

    assert choice.token == int(logits_V.argmax())


def test_repetition_penalty_is_that_of_the_paper() -> None:
    """CTRL, https://arxiv.org/abs/1909.05858, section 4.1; negative logits are multiplied."""
    row = rules((1, 2), temperature=0, repetition_penalty=2.0)
    logits_V = torch.tensor([0.5, 3.0, -1.0, 1.4])

    row.adjust(logits_V)
    row.chose(3)
    again = torch.tensor([0.5, 3.0, -1.0, 1.4])
    row.adjust(again)

    assert logits_V.tolist() == pytest.approx([0.5, 1.5, -2.0, 1.4])
    assert again.tolist() == pytest.approx([0.5, 1.5, -2.0, 0.7])


def test_presence_and_frequency_penalties_count_the_answer_only() -> None:
    row = rules((0,), temperature=0, presence_penalty=0.5, frequency_penalty=0.25)
    row.adjust(torch.zeros(3))
    for token in (1, 1, 2):
        row.chose(token)
    logits_V = torch.zeros(3)

    row.adjust(logits_V)

    assert logits_V.tolist() == pytest.approx([0.0, -1.0, -0.75])


def test_biases_come_before_the_penalties() -> None:
    row = rules((1,), temperature=0, logit_bias=((1, 3.0), (2, -1.0)), repetition_penalty=2.0)
    logits_V = torch.tensor([0.5, 1.0, 4.0])

    row.adjust(logits_V)

    assert logits_V.tolist() == pytest.approx([0.5, 2.0, 3.0])


def test_stop_ids_wait_for_the_least_length() -> None:
    row = rules(temperature=0, min_new_tokens=2, stop_ids=(1,))
    logits_BV = torch.tensor([[0.0, 5.0, 1.0]])

    chosen = [choose(logits_BV.clone(), [row])[0].token for _ in range(3)]

    assert chosen == [2, 2, 1]


def test_log_probabilities_are_the_model_s_own(logits_V: Tensor) -> None:
    row = rules(
        (7,), seed=1, top_k=3, repetition_penalty=1.7, logprobs=True, top_logprobs=2, temperature=3
    )

    (choice,) = choose(logits_V[None].clone(), [row])

    expected = torch.log_softmax(logits_V, -1)
    assert choice.scored is not None
    assert choice.scored.logprob == pytest.approx(float(expected[choice.token]))
    best = expected.topk(2)
    assert choice.scored.top_ids == best.indices.tolist()
    assert choice.scored.top_logprobs == pytest.approx(best.values.tolist())


def test_same_seed_draws_the_same_numbers_and_another_one_others() -> None:
    first, same, other, free = (rules(seed=seed) for seed in (1, 1, 2, None))

    assert [first.draw() for _ in range(3)] == [same.draw() for _ in range(3)]
    assert first.draw() != other.draw()
    assert 0 <= free.draw() < 1
