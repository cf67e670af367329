"""Losses of whole rows, against numbers worked out by hand and against slow versions over lists."""

from __future__ import annotations

import math

import pytest
import torch

from swiftx.adapters.trainers.row_losses import (
    ANCHOR,
    LOSSES,
    NEGATIVE,
    POSITIVE,
    infonce,
    listwise,
)
from swiftx.domain.plans.extending import RowBatch
from swiftx.domain.plans.tasks import TaskVariables

PLAIN = TaskVariables()


def angles(*degrees: float) -> torch.Tensor:
    """Return vectors of length 1 in a plane, whose cosines are easy to see."""
    radians = [math.radians(angle) for angle in degrees]
    return torch.tensor([[math.cos(angle), math.sin(angle)] for angle in radians])


def embedded(rows: list[tuple[float, float, list[float], float]]) -> RowBatch:
    """Return a batch of anchors, positives and negatives by their angles, with the label of each row."""
    vectors, groups, kinds = [], [], []
    for number, (anchor, positive, negatives, _) in enumerate(rows):
        vectors += [anchor, positive, *negatives]
        kinds += [ANCHOR, POSITIVE, *[NEGATIVE] * len(negatives)]
        groups += [number] * (2 + len(negatives))
    return RowBatch(
        vectors=angles(*vectors),
        groups=torch.tensor(groups),
        kinds=torch.tensor(kinds),
        targets=torch.tensor([[row[3]] for row in rows]),
    )


ROWS = [(0.0, 60.0, [90.0, 30.0], 1.0), (90.0, 100.0, [200.0, 80.0], 1.0)]


def ranked(scores: list[list[float]]) -> RowBatch:
    """Return a batch of groups of scores, the first of each that of the positive."""
    sizes = [len(group) for group in scores]
    return RowBatch(
        vectors=torch.tensor([[score] for group in scores for score in group]),
        groups=torch.arange(len(scores)).repeat_interleave(torch.tensor(sizes)),
        kinds=torch.tensor(
            [POSITIVE if place == 0 else NEGATIVE for size in sizes for place in range(size)]
        ),
        targets=torch.ones(len(scores), 1),
    )


def loss(name: str, batch: RowBatch, variables: TaskVariables = PLAIN) -> float:
    return float(LOSSES[name](batch, variables))


def classes(logits: list[list[float]], targets: list[list[float]]) -> RowBatch:
    count = torch.arange(len(logits))
    return RowBatch(
        vectors=torch.tensor(logits), groups=count, kinds=0 * count, targets=torch.tensor(targets)
    )


def test_losses_of_a_classifier() -> None:
    one = classes([[math.log(3.0), 0.0], [0.0, 0.0]], [[0.0], [1.0]])
    several = classes([[math.log(3.0), 0.0]], [[1.0, 0.0]])
    numbers = classes([[1.0, 2.0]], [[3.0, 2.5]])

    assert loss("cross_entropy", one) == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)
    assert loss("binary_cross_entropy", several) == pytest.approx(
        (math.log(4 / 3) + math.log(2)) / 2
    )
    assert loss("mse", numbers) == pytest.approx((4 + 0.25) / 2)


def test_cosine_similarity_is_the_squared_error_of_the_cosine() -> None:
    batch = embedded([(0.0, 60.0, [90.0], 0.7)])

    assert loss("cosine_similarity", batch) == pytest.approx((0.2**2 + 0.0) / 2, abs=1e-6)


def test_contrastive_pulls_alike_together_and_others_to_the_margin() -> None:
    batch = embedded([(0.0, 60.0, [0.0, 90.0], 1.0)])

    # Distances ½ (alike), 0 and 1 (others, of which only the first is closer than the margin ½).
    assert loss("contrastive", batch) == pytest.approx(0.5 * (0.25 + 0.25 + 0.0) / 3, abs=1e-6)


def test_contrastive_weighs_pairs_by_how_alike_they_are() -> None:
    batch = embedded([(0.0, 60.0, [], 0.25)])

    assert loss("contrastive", batch) == pytest.approx(0.5 * (0.25 * 0.25 + 0.75 * 0.0))


def test_online_contrastive_counts_hard_pairs_only() -> None:
    batch = embedded(ROWS)

    cosines = [math.cos(math.radians(angle)) for angle in (60, 90, 30, 10, 110, 10)]
    alike, others = [1 - cosines[0], 1 - cosines[3]], [1 - cosines[each] for each in (1, 2, 4, 5)]
    expected = sum(d**2 for d in alike if d > min(others))
    expected += sum(max(0.5 - d, 0) ** 2 for d in others if d < max(alike))
    assert loss("online_contrastive", batch) == pytest.approx(expected, abs=1e-6)
    assert len([d for d in alike if d > min(others)]) == 1  # the example has easy and hard ones


def test_online_contrastive_of_one_alike_pair_takes_the_mean_of_the_others() -> None:
    batch = embedded([(0.0, 60.0, [90.0, 30.0], 1.0)])

    mean = (1 + 1 - math.cos(math.radians(30))) / 2
    near = 1 - math.cos(math.radians(30))
    assert near < mean < 1
    assert loss("online_contrastive", batch) == pytest.approx(0.5**2 + (0.5 - near) ** 2, abs=1e-6)


def slow_infonce(
    rows: list[tuple[float, float, list[float], float]], variables: TaskVariables
) -> float:
    """Return the loss by its definition, one anchor at a time."""
    total = 0.0
    documents = [(number, [row[1], *row[2]]) for number, row in enumerate(rows)]
    for number, (anchor, positive, _, _) in enumerate(rows):
        own = math.cos(math.radians(anchor - positive))
        chances = []
        for other, angles_of in documents:
            for angle in angles_of:
                cosine = math.cos(math.radians(anchor - angle))
                fake = variables.infonce_mask_fake_negative and cosine > own + 0.1
                if (variables.infonce_use_batch or other == number) and not fake:
                    chances.append(math.exp(cosine / variables.infonce_temperature))
        total -= math.log(math.exp(own / variables.infonce_temperature) / sum(chances))
    return total / len(rows)


@pytest.mark.parametrize("use_batch", [True, False])
@pytest.mark.parametrize("mask_fake", [True, False])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_infonce_is_its_definition(use_batch: bool, mask_fake: bool, temperature: float) -> None:
    variables = TaskVariables(
        infonce_temperature=temperature,
        infonce_use_batch=use_batch,
        infonce_mask_fake_negative=mask_fake,
    )
    for rows in (ROWS, [*ROWS, (10.0, 20.0, [], 1.0)]):
        found = float(infonce(embedded(rows), variables))

        assert found == pytest.approx(slow_infonce(rows, variables), abs=1e-4)


def test_infonce_of_gathered_documents_is_that_of_one_large_batch() -> None:
    variables = TaskVariables(infonce_temperature=0.5)
    everything = embedded(ROWS)
    documents = everything.vectors[everything.kinds != ANCHOR]
    parts = [embedded([row]) for row in ROWS]

    losses = [
        infonce(part, variables, gather=lambda _: documents, first=first)
        for part, first in zip(parts, (0, 3), strict=True)
    ]

    assert float(sum(losses)) / 2 == pytest.approx(float(infonce(everything, variables)), abs=1e-6)


def test_pointwise_is_the_cross_entropy_of_every_document() -> None:
    batch = ranked([[2.0, -1.0], [0.0]])

    slow = [math.log(1 + math.exp(-2.0)), math.log(1 + math.exp(-1.0)), math.log(2)]
    for name in ("reranker", "generative_reranker"):
        assert loss(name, batch) == pytest.approx(sum(slow) / 3)


def test_listwise_is_the_cross_entropy_of_the_positive_in_its_group() -> None:
    batch = ranked([[2.0, 1.0, 0.0], [0.5, 0.5], [9.0]])
    variables = TaskVariables(listwise_temperature=2.0)

    first = -math.log(math.exp(1) / (math.exp(1) + math.exp(0.5) + 1))
    assert loss("listwise_reranker", batch, variables) == pytest.approx((first + math.log(2)) / 2)
    larger = TaskVariables(listwise_temperature=2.0, listwise_min_group_size=3)
    assert loss("listwise_generative_reranker", batch, larger) == pytest.approx(first)


def test_listwise_without_a_group_that_counts_is_zero_and_can_be_trained_through() -> None:
    batch = ranked([[3.0], [1.0]])
    batch.vectors.requires_grad_()

    found = listwise(batch, PLAIN)
    found.backward()

    assert float(found.detach()) == 0.0
    assert batch.vectors.grad is not None
    assert batch.vectors.grad.abs().sum() == 0
