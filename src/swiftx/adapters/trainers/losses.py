"""Token losses and accuracies. Legend: B batch, T token, K position with a label, V vocabulary."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from swiftx.domain.plans.encoded import IGNORE


class Targets(NamedTuple):
    """What the model has to predict, at the positions where some row of the batch has a label.

    Attributes:
        positions_K: int, shape (K,); the position whose logits predict the label, hence one before it.
        labels_BK: int, shape (B, K); -100 where this row has no label.
        weights_BK: float, shape (B, K); None when every weight is 1.
    """

    positions_K: Tensor
    labels_BK: Tensor
    weights_BK: Tensor | None


def targets(labels_BT: Tensor, weights_BT: Tensor | None = None) -> Targets:
    """Return the targets of a batch; the label of a row's first token can never be predicted."""
    shifted_BT = labels_BT[:, 1:]
    positions_K = (shifted_BT != IGNORE).any(dim=0).nonzero().squeeze(1)
    return Targets(
        positions_K=positions_K,
        labels_BK=shifted_BT[:, positions_K],
        weights_BK=None if weights_BT is None else weights_BT[:, 1:][:, positions_K],
    )


def token_losses(
    logits_BKV: Tensor, target: Targets, *, label_smoothing: float = 0.0, dft: bool = False
) -> Tensor:
    """Return the weighted cross entropy of each target, 0 where there is none: float, shape (B, K).

    Args:
        logits_BKV: float, shape (B, K, V); computed in float32 whatever their type.
        target: What the logits are held against.
        label_smoothing: Share of the probability that is spread over all tokens.
        dft: Multiply each loss by the token's own probability, taken as a constant.
            Source: https://arxiv.org/abs/2508.05629, equation 9.
    """
    losses_BK = functional.cross_entropy(
        logits_BKV.flatten(0, 1).float(),
        target.labels_BK.flatten(),
        ignore_index=IGNORE,
        reduction="none",
        label_smoothing=label_smoothing,
    ).view_as(target.labels_BK)
    if dft:
        losses_BK = losses_BK * torch.exp(-losses_BK.detach())
    return losses_BK if target.weights_BK is None else losses_BK * target.weights_BK


def row_numbers(position_ids_BT: Tensor) -> Tensor:
    """Return for each token the number of its row in the sequence, from 0: int, shape (B, T)."""
    return (position_ids_BT == 0).cumsum(dim=1) - 1


class Hits(NamedTuple):
    """A count of right answers and of answers: int tensors without dimensions."""

    right: Tensor
    total: Tensor


def hits(
    likely_BK: Tensor, labels_BK: Tensor, *, strategy: str, rows_BK: Tensor | None = None
) -> Hits:
    """Return how many tokens (`token`) or whole rows (`seq`) the most likely tokens get right.

    Rows without a label do not count.

    Args:
        likely_BK: int, shape (B, K); the most likely tokens.
        labels_BK: int, shape (B, K); -100 where there is none.
        strategy: `token` or `seq`.
        rows_BK: int, shape (B, K), from 0; number of the row that a label belongs to, where several rows
            share a sequence. None: every sequence is one row.
    """
    labelled_BK = labels_BK != IGNORE
    right_BK = (likely_BK == labels_BK) & labelled_BK
    if strategy == "seq":
        if rows_BK is None:
            rows_BK = torch.arange(len(labels_BK), device=labels_BK.device)[:, None].expand_as(
                labels_BK
            )
        answers = torch.bincount(rows_BK[labelled_BK])
        right = torch.bincount(rows_BK[right_BK], minlength=len(answers))
        return Hits(right=((right == answers) & (answers > 0)).sum(), total=(answers > 0).sum())
    return Hits(right=right_BK.sum(), total=labelled_BK.sum())
