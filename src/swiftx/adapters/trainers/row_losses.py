"""Losses of classifiers, embeddings and rerankers, as pure functions.

Legend: S sequences (anchors and documents), A anchors, N documents, D numbers of a vector, G rows, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from swiftx.domain.plans.extending import RowBatch
from swiftx.domain.plans.tasks import TaskVariables

ANCHOR, POSITIVE, NEGATIVE = 0, 1, 2
_MARGIN = 0.5
_FAKE = 0.1

RowLoss = Callable[[RowBatch, TaskVariables], Tensor]
"""Returns the mean over the rows of a batch: float, no dimensions."""


# --- classifiers ------------------------------------------------------------------------------------


def cross_entropy(batch: RowBatch, _: TaskVariables) -> Tensor:
    """Return the mean cross entropy of one class a row; `vectors` are logits, shape (G, C)."""
    return functional.cross_entropy(batch.vectors, batch.targets[:, 0].long())


def binary_cross_entropy(batch: RowBatch, _: TaskVariables) -> Tensor:
    """Return the mean over rows and classes of the cross entropy of each class being there or not."""
    return functional.binary_cross_entropy_with_logits(batch.vectors, batch.targets)


def mse(batch: RowBatch, _: TaskVariables) -> Tensor:
    """Return the mean squared error of the numbers."""
    return functional.mse_loss(batch.vectors, batch.targets)


# --- embeddings -------------------------------------------------------------------------------------


class Pairs(NamedTuple):
    """Every document with the anchor of its row.

    Attributes:
        anchors_ND, documents_ND: float, shape (N, D), of length 1.
        labels_N: float, shape (N,); the row's label at positives, 0 at negatives.
    """

    anchors_ND: Tensor
    documents_ND: Tensor
    labels_N: Tensor


def pairs(batch: RowBatch) -> Pairs:
    """Return the pairs of a batch, of which each group has one anchor."""
    is_anchor_S = batch.kinds == ANCHOR
    groups_N = batch.groups[~is_anchor_S]
    positive_N = batch.kinds[~is_anchor_S] == POSITIVE
    return Pairs(
        anchors_ND=batch.vectors[is_anchor_S][groups_N],
        documents_ND=batch.vectors[~is_anchor_S],
        labels_N=batch.targets[groups_N, 0] * positive_N,
    )


def cosine_similarity(batch: RowBatch, _: TaskVariables) -> Tensor:
    """Return the mean squared difference of cosine and label.

    Source: CosineSimilarityLoss of https://arxiv.org/abs/1908.10084, section 3.
    """
    anchors_ND, documents_ND, labels_N = pairs(batch)
    return functional.mse_loss((anchors_ND * documents_ND).sum(dim=-1), labels_N)


def contrastive(batch: RowBatch, _: TaskVariables) -> Tensor:
    """Return the mean of ½(y d² + (1-y) max(0, m-d)²), with d = 1 - cosine and m = ½.

    Source: R. Hadsell et al., Dimensionality Reduction by Learning an Invariant Mapping, 2006, equation 4.
    """
    distances_N, labels_N = _distances(batch)
    far_N = functional.relu(_MARGIN - distances_N).square()
    return (0.5 * (labels_N * distances_N.square() + (1 - labels_N) * far_N)).mean()


def online_contrastive(batch: RowBatch, _: TaskVariables) -> Tensor:
    """Return the sum over hard pairs: d² of alike ones, max(0, m-d)² of others, with d = 1 - cosine, m = ½.

    Hard are alike pairs farther apart than the closest of the others, and others closer than the farthest
    alike pair. Where there is one pair or none of a kind, the mean of the other kind stands for it.

    Source: OnlineContrastiveLoss of sentence-transformers (the rule and its margin).
    """
    distances_N, labels_N = _distances(batch)
    others, alike = distances_N[labels_N == 0], distances_N[labels_N == 1]
    far = alike.max() if len(alike) > 1 else _mean(others)
    near = others.min() if len(others) > 1 else _mean(alike)
    hard = functional.relu(_MARGIN - others[others < far]).square().sum()
    return hard + alike[alike > near].square().sum()


def _mean(values: Tensor) -> Tensor:
    return values.mean() if len(values) else values.new_zeros(())


def _distances(batch: RowBatch) -> tuple[Tensor, Tensor]:
    anchors_ND, documents_ND, labels_N = pairs(batch)
    return 1 - (anchors_ND * documents_ND).sum(dim=-1), labels_N


def infonce(
    batch: RowBatch,
    variables: TaskVariables,
    *,
    gather: Callable[[Tensor], Tensor] = lambda documents_ND: documents_ND,
    first: int = 0,
) -> Tensor:
    """Return the mean cross entropy of finding an anchor's positive, by cosine over temperature.

    The documents are its own and, with `infonce_use_batch`, those of all other rows.

    Args:
        batch: Each group has an anchor, one positive, and negatives or none.
        variables: Temperature, and which documents count.
        gather: Returns the documents of all processes, shape (N', D), with gradients, in the order of their
            ranks.
        first: Where this process's documents begin in what `gather` returns.

    Source: https://arxiv.org/abs/1807.03748, equation 4; https://arxiv.org/abs/1705.00652, section 4.4.
    """
    is_anchor_S = batch.kinds == ANCHOR
    anchors_AD, documents_ND = batch.vectors[is_anchor_S], batch.vectors[~is_anchor_S]
    groups_N = batch.groups[~is_anchor_S]
    positives_A = (batch.kinds[~is_anchor_S] == POSITIVE).nonzero().squeeze(1)
    if variables.infonce_use_batch:
        documents_ND = gather(documents_ND)
        positives_A = positives_A + first
    similarities_AN = anchors_AD @ documents_ND.T
    left_out_AN = torch.zeros_like(similarities_AN, dtype=torch.bool)
    if not variables.infonce_use_batch:
        rows_A = torch.arange(len(anchors_AD), device=groups_N.device)
        left_out_AN |= groups_N[None] != rows_A[:, None]
    if variables.infonce_mask_fake_negative:
        own_A1 = similarities_AN.gather(1, positives_A[:, None])
        left_out_AN |= similarities_AN > own_A1 + _FAKE
    scores_AN = (similarities_AN / variables.infonce_temperature).masked_fill(
        left_out_AN, -torch.inf
    )
    return functional.cross_entropy(scores_AN, positives_A)


# --- rerankers --------------------------------------------------------------------------------------


def pointwise(batch: RowBatch, _: TaskVariables) -> Tensor:
    """Return the mean over documents of the cross entropy of being relevant or not.

    For a generative reranker, whose score is the logit of yes minus that of no, this is the cross entropy of
    its answer among the two.
    """
    relevant_S = (batch.kinds == POSITIVE).to(batch.vectors.dtype)
    return functional.binary_cross_entropy_with_logits(batch.vectors[:, 0], relevant_S)


def listwise(batch: RowBatch, variables: TaskVariables) -> Tensor:
    """Return the mean over groups of the cross entropy of finding the positive among its documents.

    Groups of fewer than `listwise_min_group_size` documents do not count; where none counts it is 0.

    Source: https://dl.acm.org/doi/10.1145/1273496.1273513 (ListNet), top one, with one relevant document.
    """
    scores_S = batch.vectors[:, 0] / variables.listwise_temperature
    losses = [
        -torch.log_softmax(scores, dim=0)[0]
        for scores in _by_group(scores_S, batch.groups)
        if len(scores) >= variables.listwise_min_group_size
    ]
    return torch.stack(losses).mean() if losses else scores_S.sum() * 0


def _by_group(values_S: Tensor, groups_S: Tensor) -> list[Tensor]:
    """Return the values of each group, whose first one is the positive's."""
    _, counts = groups_S.unique_consecutive(return_counts=True)
    return list(values_S.split(counts.tolist()))


LOSSES: Mapping[str, RowLoss] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "mse": mse,
    "cosine_similarity": cosine_similarity,
    "contrastive": contrastive,
    "online_contrastive": online_contrastive,
    "infonce": infonce,
    "reranker": pointwise,
    "generative_reranker": pointwise,
    "listwise_reranker": listwise,
    "listwise_generative_reranker": listwise,
}
"""By the names of `--loss_type`; the first three are what a classifier has."""
