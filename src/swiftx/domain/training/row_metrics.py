"""How well classes, similarities and rankings agree with the data, over all validation rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from statistics import fmean

from swiftx.domain.datasets.targets import MULTI, REGRESSION

Vector = Sequence[float]


def classification(
    logits: Sequence[Vector], targets: Sequence[Vector], *, problem_type: str | None
) -> dict[str, float]:
    """Return `acc`, the share of rows whose classes are all right; for numbers `mse`, `mae` and `pearson`.

    Args:
        logits: One vector a row.
        targets: As `class_target` returns them.
        problem_type: What the logits mean. Several classes apply where their logits are positive.

    Example:
        >>> classification([[0.1, 2.0], [1.0, -1.0]], [(1.0,), (1.0,)], problem_type=None)
        {'acc': 0.5}
    """
    rows = list(zip(logits, targets, strict=True))
    if problem_type == REGRESSION:
        said = [number for vector in logits for number in vector]
        true = [number for target in targets for number in target]
        errors = [a - b for a, b in zip(said, true, strict=True)]
        return {
            "mse": fmean(error * error for error in errors),
            "mae": fmean(map(abs, errors)),
            "pearson": pearson(said, true),
        }
    if problem_type == MULTI:
        right = (
            all((logit > 0) == (wanted == 1) for logit, wanted in zip(*row, strict=True))
            for row in rows
        )
    else:
        right = (best(vector) == target[0] for vector, target in rows)
    return {"acc": fmean(map(float, right))}


def best(vector: Vector) -> int:
    """Return the place of the largest number, the first of equal ones."""
    return max(range(len(vector)), key=vector.__getitem__)


def pearson(first: Vector, second: Vector) -> float:
    """Return the correlation of two lists, -1 to 1; 0 where one of them is constant.

    Example:
        >>> round(pearson([1, 2, 3], [2, 4, 7]), 4)
        0.9934
    """
    centred = [
        [value - mean for value in values]
        for values, mean in ((first, fmean(first)), (second, fmean(second)))
    ]
    norms = math.prod(math.hypot(*values) for values in centred)
    return sum(a * b for a, b in zip(*centred, strict=True)) / norms if norms else 0.0


def spearman(first: Vector, second: Vector) -> float:
    """Return the correlation of the ranks; equal values share the mean of their ranks."""
    return pearson(ranks(first), ranks(second))


def ranks(values: Vector) -> list[float]:
    """Return the rank of each value from 1, the smallest first; equal values share the mean of theirs.

    Example:
        >>> ranks([0.5, 0.1, 0.5])
        [2.5, 1.0, 2.5]
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    for _, run in groupby(order, key=values.__getitem__):
        places = list(run)
        for place in places:
            found[place] = start + (len(places) + 1) / 2
        start += len(places)
    return found


_SIMILARITIES: Mapping[str, Callable[[Vector, Vector], float]] = {
    "cosine": lambda a, b: _dot(a, b) / max(math.hypot(*a) * math.hypot(*b), 1e-12),
    "euclidean": lambda a, b: -math.dist(a, b),
    "manhattan": lambda a, b: -sum(abs(x - y) for x, y in zip(a, b, strict=True)),
    "dot_product": lambda a, b: _dot(a, b),
}


def similarity_correlations(
    pairs: Sequence[tuple[Vector, Vector]], labels: Vector
) -> dict[str, float]:
    """Return how well similarities agree with labels: `pearson_cosine`, `spearman_euclidean` and so on.

    Args:
        pairs: Anchor and document.
        labels: How alike they are; greater is more alike. Distances count as negative similarities.
    """
    found = {}
    for name, similarity in _SIMILARITIES.items():
        values = [similarity(*pair) for pair in pairs]
        found[f"pearson_{name}"] = pearson(values, labels)
        found[f"spearman_{name}"] = spearman(values, labels)
    return found


def margins(positives: Vector, negatives: Vector) -> dict[str, float]:
    """Return the mean similarity to positives and to negatives, and what lies between: `margin`."""
    mean_pos = fmean(positives) if positives else 0.0
    mean_neg = fmean(negatives) if negatives else 0.0
    return {"margin": mean_pos - mean_neg, "mean_pos": mean_pos, "mean_neg": mean_neg}


def ranking(scores: Vector, relevant: Sequence[bool], groups: Sequence[int]) -> dict[str, float]:
    """Return `mrr` and `ndcg`, means over the questions that have a relevant document.

    Equal scores share the mean of their ranks, so that a model that tells nothing apart gains nothing by the
    order of its documents.

    Args:
        scores: Of each document.
        relevant: Whether it answers its question.
        groups: The question of each document, ascending.

    Source: mean reciprocal rank; normalised discounted cumulative gain with gain 1,
        https://dl.acm.org/doi/10.1145/582415.582418.

    Example:
        >>> ranking([0.1, 0.9, 0.5], [True, False, False], [0, 0, 0])
        {'mrr': 0.3333333333333333, 'ndcg': 0.5}
    """
    reciprocal, gains = [], []
    for _, rows in groupby(zip(groups, scores, relevant, strict=True), key=itemgetter(0)):
        documents = list(rows)
        from_top = ranks([-score for _, score, _ in documents])
        places = [place for place, row in zip(from_top, documents, strict=True) if row[2]]
        if not places:
            continue
        ideal = sum(1 / math.log2(1 + place) for place in range(1, len(places) + 1))
        reciprocal.append(1 / min(places))
        gains.append(sum(1 / math.log2(1 + place) for place in places) / ideal)
    if not reciprocal:
        return {"mrr": 0.0, "ndcg": 0.0}
    return {"mrr": fmean(reciprocal), "ndcg": fmean(gains)}


def _dot(first: Vector, second: Vector) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))
