"""Losses and batches against values worked out by hand and against a slow reference."""

from __future__ import annotations

import math
from array import array

import pytest
import torch

from swiftx.adapters.trainers.collators import PaddedBatch
from swiftx.adapters.trainers.losses import hits, targets, token_losses
from swiftx.domain.plans.encoded import Encoded

LABELS = torch.tensor([[5, -100, 1, 2], [-100, -100, 0, -100]])
WEIGHTS = torch.tensor([[1.0, 0.0, 1.0, 3.0], [0.0, 0.0, 0.5, 0.0]])


def _logits() -> torch.Tensor:
    """Return logits, shape (2, 2, 3), for the two positions that have a label."""
    return torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]], [[1.0, 0.0, 0.0], [9.0, 9.0, 9.0]]])


def test_targets_are_the_labels_one_position_on_where_any_row_has_one() -> None:
    target = targets(LABELS, WEIGHTS)

    assert target.positions_K.tolist() == [1, 2]  # the label of the first token is never predicted
    assert target.labels_BK.tolist() == [[1, 2], [0, -100]]
    assert target.weights_BK is not None
    assert target.weights_BK.tolist() == [[1.0, 3.0], [0.5, 0.0]]


def test_losses_equal_a_slow_reference() -> None:
    target = targets(LABELS, WEIGHTS)

    losses = token_losses(_logits(), target)

    for row in range(2):
        for place in range(2):
            label = int(target.labels_BK[row, place])
            scores = _logits()[row, place].tolist()
            expected = 0.0
            if label != -100:
                expected = math.log(sum(map(math.exp, scores))) - scores[label]
                expected *= [[1.0, 3.0], [0.5, 0.0]][row][place]
            assert losses[row, place].item() == pytest.approx(expected, abs=1e-6)


def test_a_sure_token_has_no_loss_and_a_coin_flip_has_log_two() -> None:
    target = targets(torch.tensor([[-100, 0, 1]]))
    logits = torch.tensor([[[100.0, 0.0], [0.0, 0.0]]])

    assert token_losses(logits, target)[0].tolist() == pytest.approx([0.0, math.log(2)])


def test_dft_weighs_a_loss_by_the_probability_of_its_token() -> None:
    target = targets(torch.tensor([[-100, 0]]))
    logits = torch.tensor([[[math.log(3.0), 0.0]]], requires_grad=True)  # probability 3/4

    loss = token_losses(logits, target, dft=True)
    loss.sum().backward()

    assert loss.item() == pytest.approx(-0.75 * math.log(0.75))
    assert logits.grad is not None
    assert logits.grad[0, 0, 0].item() == pytest.approx(
        0.75 * (0.75 - 1)
    )  # the weight is a constant


def test_label_smoothing_spreads_a_share_over_all_tokens() -> None:
    target = targets(torch.tensor([[-100, 0]]))
    logits = torch.tensor([[[1.0, 2.0, 4.0]]])
    nll = -torch.log_softmax(logits[0, 0], dim=-1)

    smoothed = token_losses(logits, target, label_smoothing=0.3).item()

    assert smoothed == pytest.approx((0.7 * nll[0] + 0.3 * nll.mean()).item(), abs=1e-6)


@pytest.mark.parametrize(("strategy", "expected"), [("token", (2, 3)), ("seq", (1, 2))])
def test_right_answers_are_counted_by_token_or_by_row(
    strategy: str, expected: tuple[int, int]
) -> None:
    labels = torch.tensor([[1, 2], [1, -100], [-100, -100]])
    logits = torch.stack([_logits()[0], _logits()[1], _logits()[1]])

    right, total = hits(logits.argmax(-1), labels, strategy=strategy)

    assert (int(right), int(total)) == expected


def test_a_batch_without_labels_has_a_gradient_of_zero() -> None:
    target = targets(torch.full((2, 3), -100))
    logits = torch.zeros(2, 0, 5, requires_grad=True)

    loss = token_losses(logits, target).sum()
    loss.backward()

    assert loss.item() == 0.0
    assert hits(logits.argmax(-1), target.labels_BK, strategy="seq").total == 0


ROWS = [
    Encoded(input_ids=array("i", [7, 8, 9]), labels=array("i", [-100, 8, 9])),
    Encoded(input_ids=[4], labels=[4], loss_weights=[2.0]),
]


@pytest.mark.parametrize(
    ("side", "ids", "labels", "mask", "weights"),
    [
        ("right", [4, 0, 0], [4, -100, -100], [1, 0, 0], [2.0, 0.0, 0.0]),
        ("left", [0, 0, 4], [-100, -100, 4], [0, 0, 1], [0.0, 0.0, 2.0]),
    ],
)
def test_short_rows_are_filled_up_with_what_is_not_trained(
    side: str, ids: list[int], labels: list[int], mask: list[int], weights: list[float]
) -> None:
    batch = PaddedBatch(pad_token_id=0, padding_side=side)(ROWS)

    assert batch["input_ids"].tolist() == [[7, 8, 9], ids]
    assert batch["labels"].tolist() == [[-100, 8, 9], labels]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], mask]
    assert batch["loss_weights"].tolist() == [[0.0, 1.0, 1.0], weights]


def test_rows_without_weights_make_a_batch_without_weights() -> None:
    assert "loss_weights" not in PaddedBatch(pad_token_id=0)(ROWS[:1])
