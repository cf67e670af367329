"""Classifying, embedding, ranking: the objective of whole rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_gather

from swiftx.adapters.models.pooled import pooled, unwrapped
from swiftx.adapters.trainers.losses import Hits
from swiftx.adapters.trainers.objectives import Batch, Measured, no_hits
from swiftx.adapters.trainers.row_batches import RowBatches
from swiftx.adapters.trainers.row_losses import ANCHOR, LOSSES, POSITIVE, RowLoss, infonce
from swiftx.domain.datasets.targets import MULTI, REGRESSION
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.extending import Predictions, RowBatch
from swiftx.domain.plans.tasks import TaskPlan, TaskVariables
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.training import row_metrics
from swiftx.domain.training.extensions import LOSSES as PLUGIN_LOSSES
from swiftx.domain.training.extensions import METRICS
from swiftx.errors import BackendError


class GroupResult(NamedTuple):
    """A group of an evaluation: vector, kind and ids of each sequence, target, mean loss of its batch."""

    vectors: list[list[float]]
    kinds: list[int]
    target: tuple[float, ...]
    ids: list[list[int]]
    loss: float


class RowObjective:
    """The loss of a task, weighed by the rows of a batch, so that a short last batch counts less.

    Args:
        plan: The training plan.
        task: Its task.
        model: What is trained, before it is wrapped.
    """

    def __init__(self, plan: TrainPlan, task: TaskPlan, model: nn.Module) -> None:
        self.accuracy = "acc" if _has_classes(task) else None
        self._task = task
        self._sees = plan.metric_sees
        self._answers = None
        if task.positive_token is not None and task.negative_token is not None:
            self._answers = (task.positive_token, task.negative_token)
        first_token = task.task in ("seq_cls", "reranker") and not hasattr(
            unwrapped(model), "score"
        )
        side = "right" if first_token else plan.padding_side
        self.batches = RowBatches(task, plan.pad_token_id, side)
        self._validation = RowBatches(task, plan.pad_token_id, side)
        self._loss = _loss(task)
        self._local_loss = infonce if self._loss is _gathered_infonce else self._loss

    def collate(self, rows: Sequence[Encoded]) -> Batch:
        return self.batches(rows)

    def collate_validation(self, rows: Sequence[Encoded]) -> Batch:
        return self._validation(rows)

    def items(self, batch: Batch) -> Tensor:
        """Return the number of groups."""
        return torch.tensor(len(batch["targets"]), device=batch["targets"].device)

    def measure(self, model: nn.Module, batch: Batch, *, training: bool) -> Measured:
        vectors_SD = pooled(model, batch, self._task.task, answer_ids=self._answers)
        whole = RowBatch(
            vectors=vectors_SD,
            groups=batch["groups"],
            kinds=batch["kinds"],
            targets=batch["targets"],
        )
        # Processes evaluate different numbers of batches, so there they must not wait for each other.
        loss = (self._loss if training else self._local_loss)(whole, self._task.variables)
        if loss.dim():
            raise BackendError(
                f"the loss {self._task.loss!r} returned a tensor of shape {tuple(loss.shape)}",
                hint="return the mean over the rows of the batch, a tensor without dimensions",
            )
        return Measured(
            loss=loss * len(batch["targets"]),
            hits=self._hits(vectors_SD.detach(), batch["targets"]),
            results=() if training else _results(vectors_SD, batch, loss.item()),
        )

    def scores(self, results: Sequence[GroupResult]) -> Mapping[str, float]:
        """Return the metric of the task, or that of a plugin."""
        name = self._task.metric
        if name in METRICS:
            return METRICS.get(name).function(_predictions(results, self._task, self._sees))
        match name:
            case "acc":
                return row_metrics.classification(
                    [result.vectors[0] for result in results],
                    [result.target for result in results],
                    problem_type=self._task.problem_type,
                )
            case "reranker":
                return row_metrics.ranking(*_ranked(results))
            case "infonce":
                return row_metrics.margins(*_similarities(results))
        pairs = [
            ((result.vectors[0], vector), result.target[0] * (kind == POSITIVE))
            for result in results
            for vector, kind in zip(result.vectors[1:], result.kinds[1:], strict=True)
        ]
        return row_metrics.similarity_correlations(
            [pair for pair, _ in pairs], [label for _, label in pairs]
        )

    def _hits(self, logits_GC: Tensor, targets_GC: Tensor) -> Hits:
        if self.accuracy is None:
            return no_hits(logits_GC.device)
        if self._task.problem_type == MULTI:
            right_G = ((logits_GC > 0) == (targets_GC == 1)).all(dim=-1)
        else:
            right_G = logits_GC.argmax(dim=-1) == targets_GC[:, 0]
        return Hits(right=right_G.sum(), total=torch.tensor(len(right_G), device=right_G.device))


def _has_classes(task: TaskPlan) -> bool:
    return task.task == "seq_cls" and task.problem_type != REGRESSION


def _loss(task: TaskPlan) -> RowLoss:
    if task.loss in PLUGIN_LOSSES:
        function = PLUGIN_LOSSES.get(task.loss).function
        return lambda batch, _: function(batch)
    return _gathered_infonce if task.loss == "infonce" else LOSSES[task.loss]


def _gathered_infonce(batch: RowBatch, variables: TaskVariables) -> Tensor:
    """Return InfoNCE over the documents of all processes."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return infonce(batch, variables)
    if not variables.infonce_use_batch or distributed.get_world_size() == 1:
        return infonce(batch, variables)
    own = torch.tensor([int((batch.kinds != ANCHOR).sum())], device=batch.vectors.device)
    sizes = [torch.zeros_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(sizes, own)
    counts = [int(size) for size in sizes]

    def gather(documents_ND: Tensor) -> Tensor:
        """Documents are filled up to the longest list, for all processes send equally many."""
        filled = documents_ND.new_zeros((max(counts), documents_ND.shape[1]))
        filled = torch.cat([documents_ND, filled[len(documents_ND) :]])
        parts = all_gather(filled)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    first = sum(counts[: distributed.get_rank()])
    return infonce(batch, variables, gather=gather, first=first)


def _results(vectors_SD: Tensor, batch: Batch, loss: float) -> list[GroupResult]:
    _, counts = batch["groups"].unique_consecutive(return_counts=True)
    mask_ST = batch["attention_mask"].bool()
    ids = [row[mask].tolist() for row, mask in zip(batch["input_ids"], mask_ST, strict=True)]
    ends = counts.cumsum(0).tolist()
    parts = zip(
        vectors_SD.split(counts.tolist()),
        batch["kinds"].split(counts.tolist()),
        batch["targets"],
        [ids[end - count : end] for end, count in zip(ends, counts.tolist(), strict=True)],
        strict=True,
    )
    return [
        GroupResult(vectors.tolist(), kinds.tolist(), tuple(target.tolist()), sequences, loss)
        for vectors, kinds, target, sequences in parts
    ]


def _ranked(results: Sequence[GroupResult]) -> tuple[list[float], list[bool], list[int]]:
    """Return score, relevance and group of every document."""
    scores = [vector[0] for result in results for vector in result.vectors]
    relevant = [kind == POSITIVE for result in results for kind in result.kinds]
    groups = [number for number, result in enumerate(results) for _ in result.kinds]
    return scores, relevant, groups


def _similarities(results: Sequence[GroupResult]) -> tuple[list[float], list[float]]:
    """Return the cosines of anchors with positives and with negatives.

    A row without negatives of its own is held against the positives of the other rows.
    """
    positives: list[float] = []
    negatives: list[float] = []
    all_positives = [
        (number, vector)
        for number, result in enumerate(results)
        for vector, kind in zip(result.vectors, result.kinds, strict=True)
        if kind == POSITIVE
    ]
    for number, result in enumerate(results):
        anchor = result.vectors[0]
        own = list(zip(result.vectors[1:], result.kinds[1:], strict=True))
        positives += [_dot(anchor, vector) for vector, kind in own if kind == POSITIVE]
        against = [vector for vector, kind in own if kind != POSITIVE]
        against = against or [vector for other, vector in all_positives if other != number]
        negatives += [_dot(anchor, vector) for vector in against]
    return positives, negatives


def _dot(first: Sequence[float], second: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def _predictions(
    results: Sequence[GroupResult], task: TaskPlan, sees: frozenset[str]
) -> Predictions:
    return Predictions(
        labels=[result.target for result in results],
        predictions=[result.vectors[0] for result in results] if task.task == "seq_cls" else (),
        vectors=list(chain.from_iterable(result.vectors for result in results)),
        groups=[number for number, result in enumerate(results) for _ in result.kinds],
        kinds=list(chain.from_iterable(result.kinds for result in results)),
        inputs=[ids for result in results for ids in result.ids] if "inputs" in sees else (),
        losses=[result.loss for result in results] if "loss" in sees else (),
    )
