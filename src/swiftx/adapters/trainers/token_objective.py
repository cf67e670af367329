"""Predicting tokens: the objective of `causal_lm`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from peft import PeftModel
from torch import Tensor, nn

from swiftx.adapters.trainers.collators import PaddedBatch
from swiftx.adapters.trainers.flat_batch import FlatBatch
from swiftx.adapters.trainers.head_loss import head_loss, plain_head, without_head
from swiftx.adapters.trainers.losses import Targets, hits, row_numbers, targets, token_losses
from swiftx.adapters.trainers.objectives import Batch, Measured
from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.plans.extending import Predictions, TokenBatch
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.training.extensions import LOSSES, METRICS
from swiftx.errors import BackendError

NO_CHANNEL = "None"
"""The channel of rows without one; the reference's name."""
ROW_NUMBERS = "row_numbers"
"""Where a part of a flat batch has the number of each token's row; the positions of a part do not tell."""


class TokenObjective:
    """The weighted cross entropy of the trained tokens.

    Args:
        plan: The training plan.
        model: What is trained, before it is wrapped.
        label_smoothing: Share of the probability that is spread over all tokens, in training.
        chunked: Whether the output head may be used outside the model's forward; then the logits are made
            chunk by chunk (`head_loss.py`), where a model and its losses allow it.
    """

    def __init__(
        self,
        plan: TrainPlan,
        model: nn.Module,
        *,
        label_smoothing: float = 0.0,
        chunked: bool = False,
    ) -> None:
        self.accuracy: str | None = f"{plan.acc_strategy}_acc"
        self._plan = plan
        self._label_smoothing = label_smoothing
        self._loss = None if plan.token_loss is None else LOSSES.get(plan.token_loss).function
        self._metric = None if plan.token_metric is None else METRICS.get(plan.token_metric)
        accepted = _parameters(model)
        self._keeps_logits = plan.use_logits_to_keep is not False and "logits_to_keep" in accepted
        chunked = chunked and self._loss is None and plan.use_logits_to_keep is not False
        self._head = plain_head(model) if chunked else None
        self._collate = (
            FlatBatch() if plan.padding_free else PaddedBatch(plan.pad_token_id, plan.padding_side)
        )

    def collate(self, rows: Sequence[Encoded]) -> Batch:
        batch: Batch = {**self._collate(rows)}
        if self._plan.enable_channel_loss:
            batch["channels"] = [row.channel or NO_CHANNEL for row in rows]
        return batch

    def collate_validation(self, rows: Sequence[Encoded]) -> Batch:
        return self.collate(rows)

    def items(self, batch: Batch) -> Tensor:
        """Return the number of trained tokens."""
        return (batch["labels"][:, 1:] != IGNORE).sum()

    def measure(self, model: nn.Module, batch: Batch, *, training: bool) -> Measured:
        inputs = {name: batch[name] for name in _INPUTS if name in batch}
        target = targets(batch["labels"], batch.get("loss_weights"))
        rows_BK = None
        if self._plan.padding_free:
            inputs["use_cache"] = False  # with a cache, the rows of a sequence would see each other
            rows_BT = batch.get(ROW_NUMBERS)
            rows_BT = row_numbers(batch["position_ids"]) if rows_BT is None else rows_BT
            rows_BK = rows_BT[:, target.positions_K]
        coefficient = self._plan.router_aux_loss_coef
        if coefficient:
            inputs["output_router_logits"] = True
        if self._keeps_logits:
            inputs["logits_to_keep"] = target.positions_K
        answered = self._answer(model, inputs, target, training=training)
        loss = answered.loss
        if coefficient and training:
            loss = loss + coefficient * answered.output.aux_loss * self.items(batch)
        with torch.no_grad():
            seen = hits(
                answered.likely_BK,
                target.labels_BK,
                strategy=self._plan.acc_strategy,
                rows_BK=rows_BK,
            )
            channels = _by_channel(answered.losses_BK, target.labels_BK, rows_BK, batch)
        results: Sequence[Any] = ()
        if self._metric is not None and not training:
            results = _row_results(answered, target.labels_BK, rows_BK, batch)
        return Measured(loss=loss, hits=seen, channels=channels, results=results)

    def scores(self, results: Sequence[Any]) -> Mapping[str, float]:
        """Return the metric of a plugin over the answers, if one was asked for."""
        if self._metric is None:
            return {}
        sees = self._plan.metric_sees
        return self._metric.function(
            Predictions(
                predictions=[each.said for each in results],
                labels=[each.true for each in results],
                inputs=[each.ids for each in results] if "inputs" in sees else (),
                losses=[each.loss for each in results] if "loss" in sees else (),
            )
        )

    def _answer(
        self, model: nn.Module, inputs: dict[str, Any], target: Targets, *, training: bool
    ) -> _Answered:
        """Run the model and hold what it says against the targets."""
        smoothing = self._label_smoothing if training else 0.0
        with nullcontext() if self._head is None else without_head(self._head):
            output = model(**inputs)
        scores = output.logits
        if not self._keeps_logits:
            scores = scores[:, target.positions_K]
        if self._head is not None:
            dft = self._plan.enable_dft_loss
            found = head_loss(scores, self._head, target, label_smoothing=smoothing, dft=dft)
            return _Answered(found.total, found.losses_BK, found.likely_BK, output)
        losses_BK = self._losses(scores, target, training=training)
        return _Answered(
            losses_BK.sum(), losses_BK.detach(), scores.detach().argmax(dim=-1), output
        )

    def _losses(self, logits_BKV: Tensor, target: Targets, *, training: bool) -> Tensor:
        if self._loss is None:
            smoothing = self._label_smoothing if training else 0.0
            return token_losses(
                logits_BKV, target, label_smoothing=smoothing, dft=self._plan.enable_dft_loss
            )
        losses_BK: Tensor = self._loss(
            TokenBatch(logits=logits_BKV, labels=target.labels_BK, weights=target.weights_BK)
        )
        if losses_BK.shape != target.labels_BK.shape:
            raise BackendError(
                f"the loss {self._plan.token_loss!r} returned a tensor of shape {tuple(losses_BK.shape)}; "
                f"the loss of each label was expected, shape {tuple(target.labels_BK.shape)}",
                hint="return 0 where the label is -100, and do not take the mean",
            )
        return losses_BK


class _Answered(NamedTuple):
    """The sum of the losses with its gradient; each loss; the most likely tokens; all the model said."""

    loss: Tensor
    losses_BK: Tensor
    likely_BK: Tensor
    output: Any


_INPUTS = ("input_ids", "attention_mask", "position_ids")


def _parameters(model: nn.Module) -> Mapping[str, Any]:
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    return inspect.signature(inner.forward).parameters


def _by_channel(
    losses_BK: Tensor, labels_BK: Tensor, rows_BK: Tensor | None, batch: Batch
) -> dict[str, Tensor]:
    """Return the sum of losses and the number of labels of each channel: float, shape (2,)."""
    if "channels" not in batch:
        return {}
    if rows_BK is None:
        rows_BK = torch.arange(len(labels_BK), device=labels_BK.device)[:, None].expand_as(
            labels_BK
        )
    count = len(batch["channels"])
    labelled_BK = labels_BK != IGNORE
    precise = torch.float32 if labels_BK.device.type == "mps" else torch.float64
    sums = torch.stack(
        [
            torch.bincount(
                rows_BK[labelled_BK], weights=values[labelled_BK].to(precise), minlength=count
            )
            for values in (losses_BK, labelled_BK)
        ],
        dim=1,
    )
    found: dict[str, Tensor] = {}
    for channel, numbers in zip(batch["channels"], sums, strict=True):
        found[channel] = found[channel] + numbers if channel in found else numbers
    return found


class _RowResult(NamedTuple):
    """The most likely tokens and the labels of a row, its ids, and the mean loss of its labels."""

    said: list[int]
    true: list[int]
    ids: list[int]
    loss: float


def _row_results(
    answered: _Answered, labels_BK: Tensor, rows_BK: Tensor | None, batch: Batch
) -> list[_RowResult]:
    """Return what a metric may see of each row that has a label."""
    if rows_BK is None:
        rows_BK = torch.arange(len(labels_BK), device=labels_BK.device)[:, None].expand_as(
            labels_BK
        )
    ids = _row_ids(batch)
    labelled_BK = labels_BK != IGNORE
    counts = torch.bincount(rows_BK[labelled_BK], minlength=len(ids)).tolist()
    said = answered.likely_BK[labelled_BK].split(counts)
    true = labels_BK[labelled_BK].split(counts)
    losses = answered.losses_BK[labelled_BK].float().split(counts)
    return [
        _RowResult(a.tolist(), b.tolist(), row.tolist(), loss.mean().item())
        for a, b, row, loss in zip(said, true, ids, losses, strict=True)
        if len(b)
    ]


def _row_ids(batch: Batch) -> list[Tensor]:
    """Return the token ids of each row, without padding."""
    if "attention_mask" in batch:
        mask_BT = batch["attention_mask"].bool()
        return [ids[mask] for ids, mask in zip(batch["input_ids"], mask_BT, strict=True)]
    lengths = torch.bincount(row_numbers(batch["position_ids"])[0]).tolist()
    return list(batch["input_ids"][0].split(lengths))
