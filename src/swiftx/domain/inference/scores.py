"""Numbers that a model gives sequences → what they say: probabilities, similarities, classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swiftx.domain.datasets.targets import MULTI, REGRESSION
from swiftx.domain.plans.pooling import PoolingTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the vectors of a model stand for.

    Attributes:
        problem_type: Of `seq_cls`.
        labels: Names of classes by number; `LABEL_n` where there is none.
        activation: Whether scores and classes are probabilities, where nobody says otherwise.
    """

    task: PoolingTask
    problem_type: str | None = None
    labels: Mapping[int, str] = field(default_factory=dict)
    activation: bool = True

    @property
    def is_regression(self) -> bool:
        """Whether the numbers of a classifier are values, not classes."""
        return self.problem_type == REGRESSION

    def score(self, logit: float, *, activation: bool | None) -> float:
        """Return the relevance of a document: the logit or its sigmoid, or the value of a regression."""
        wanted = self.activation if activation is None else activation
        return sigmoid(logit) if wanted and not self.is_regression else logit

    def probabilities(
        self, logits: Sequence[float], *, activation: bool | None = None
    ) -> list[float]:
        """Return a probability a class; the logits where none are wanted, or for a regression."""
        if activation is False or self.is_regression:
            return list(logits)
        if self.problem_type == MULTI:
            return [sigmoid(logit) for logit in logits]
        return softmax(logits)

    def label(self, logits: Sequence[float]) -> str | None:
        """Return the name of the likeliest class; None for a regression."""
        if self.is_regression:
            return None
        best = max(range(len(logits)), key=lambda number: logits[number])
        return self.labels.get(best, f"LABEL_{best}")


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + exp(-logit)), without overflow."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    return math.exp(logit) / (1.0 + math.exp(logit))


def softmax(logits: Sequence[float]) -> list[float]:
    """Return the probabilities of exclusive classes."""
    highest = max(logits)
    shares = [math.exp(logit - highest) for logit in logits]
    total = sum(shares)
    return [share / total for share in shares]


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors of length 1."""
    return math.fsum(a * b for a, b in zip(first, second, strict=True))


def shortened(vector: Sequence[float], dimensions: int | None) -> Sequence[float]:
    """Return the first so many numbers, at length 1 again. Source: Matryoshka, arXiv:2205.13147, 3."""
    if dimensions is None or dimensions == len(vector):
        return vector
    kept = vector[:dimensions]
    length = math.hypot(*kept)
    return [number / length for number in kept] if length else kept


def class_names(config: Mapping[str, object]) -> dict[int, str]:
    """Return what config.json calls its classes."""
    named = config.get("id2label")
    if not isinstance(named, Mapping):
        return {}
    return {int(number): str(name) for number, name in named.items() if str(number).isdecimal()}
