"""A trainer without a library: it learns which byte follows which, in plain Python."""

from __future__ import annotations

import json
import math
import random
import signal
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any, cast

from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.training import TrainOutcome, TrainPlan
from swiftx.domain.ports.batch_stream import BatchStream
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.ports.trainer import StepObserver
from swiftx.domain.training.batches import batches
from swiftx.domain.training.checkpoints import STATE_FILE, checkpoint_name
from swiftx.errors import NotFound

_VOCABULARY = 259
_RATE = 50.0

Table = dict[int, list[float]]
"""Token → a score for each token that may follow it."""


class BigramTrainer:
    """Trains a `Table` by gradient descent; a checkpoint is one JSON file in its folder."""

    def __init__(self) -> None:
        self.plans: list[TrainPlan] = []

    def check(self, plan: TrainPlan) -> None:
        self.plans.append(plan)
        _check_checkpoint(plan.resume_from)

    def fit(
        self,
        model: ModelHandle,
        tokenizer: Tokenizer,
        plan: TrainPlan,
        *,
        train: Sequence[Encoded] | BatchStream,
        validation: Sequence[Encoded],
        observer: StepObserver,
    ) -> TrainOutcome:
        _check_checkpoint(plan.resume_from)
        run = _Run(cast(Table, model), plan, observer)
        with _Stop() as stop:
            return run.finish(interrupted=run.train(train, validation, stop))


class _Stop:
    """Catches SIGINT for as long as the training lasts."""

    pending = False

    def __enter__(self) -> _Stop:
        self._before = signal.signal(signal.SIGINT, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        self.pending = True


class _Run:
    def __init__(self, table: Table, plan: TrainPlan, observer: StepObserver) -> None:
        self._table, self._plan, self._observer = table, plan, observer
        self._arguments: Mapping[str, Any] = plan.trainer_arguments
        self._step = self._tokens = 0
        self._last: str | None = None
        self._stream: BatchStream | None = None
        self._position: Mapping[str, Any] | None = None
        self._losses: list[float] = []
        self._evaluations: list[tuple[float, int]] = []
        if plan.resume_from is not None:
            self._restore(Path(plan.resume_from))

    def train(
        self, rows: Sequence[Encoded] | BatchStream, validation: Sequence[Encoded], stop: _Stop
    ) -> bool:
        total = self._arguments["max_steps"]
        self._observer.started(total_steps=total, resumed_at=self._step)
        for step, batch in self._steps(rows):
            self._learn(batch)
            self._observer.advanced(step)
            if self._due("eval", step, total):
                self._evaluate(validation)
            if stop.pending or self._due("save", step, total):
                self._save()
            if stop.pending or step == total:
                return stop.pending and step < total
        raise AssertionError("the batches never end")

    def _steps(self, rows: Sequence[Encoded] | BatchStream) -> Iterator[tuple[int, list[Encoded]]]:
        if isinstance(rows, BatchStream):
            self._stream = rows
            yield from enumerate(self._streamed(rows), start=self._step + 1)
        else:
            steps = enumerate(self._batches(rows), start=1)
            yield from ((step, batch) for step, batch in steps if step > self._step)

    def _streamed(self, stream: BatchStream) -> Iterator[list[Encoded]]:
        stream.go_to(self._position)
        batches = stream.batches(self._arguments["per_device_train_batch_size"])
        while True:
            rows: list[Encoded] = []
            for batch in islice(batches, self._arguments["gradient_accumulation_steps"]):
                stream.take(batch)
                rows += batch.rows
            yield rows

    def finish(self, *, interrupted: bool) -> TrainOutcome:
        best = min(self._evaluations, default=(None, 0))
        outcome = TrainOutcome(
            output_dir=self._plan.output_dir,
            last_checkpoint=self._last,
            best_checkpoint=self._path(best[1]) if best[1] else None,
            best_metric=best[0],
            global_step=self._step,
            train_loss=sum(self._losses) / max(len(self._losses), 1),
            seconds=1.0,
            tokens=self._tokens,
            peak_memory_gib=0.0,
            trainable_parameters=_VOCABULARY**2,
            total_parameters=_VOCABULARY**2,
            interrupted=interrupted,
        )
        self._observer.finished(outcome)
        return outcome

    def _batches(self, rows: Sequence[Encoded]) -> Iterator[list[Encoded]]:
        size = self._arguments["per_device_train_batch_size"]
        together = self._arguments["gradient_accumulation_steps"]
        packs = self._plan.packs or [[index] for index in range(len(rows))]
        epoch = 0
        while True:
            order = list(range(len(packs)))
            if self._plan.train_dataloader_shuffle:
                random.Random(self._arguments["data_seed"] + epoch).shuffle(order)
            dealt = batches(order, size)
            for start in range(0, len(dealt), together):
                numbers = [number for batch in dealt[start : start + together] for number in batch]
                yield [rows[index] for number in numbers for index in packs[number]]
            epoch += 1

    def _learn(self, rows: Sequence[Encoded]) -> None:
        targets = [target for row in rows for target in _targets(row)]
        count = max(len(targets), 1)
        loss, rate = 0.0, self._arguments["learning_rate"] * _RATE
        slopes: list[tuple[int, list[float]]] = []
        for before, label, weight in targets:
            chances = self._chances(before)
            loss -= weight * math.log(chances[label]) / count
            chances[label] -= 1.0
            slopes.append((before, [weight * chance / count for chance in chances]))
        for before, slope in slopes:
            scores = self._table.setdefault(before, [0.0] * _VOCABULARY)
            self._table[before] = [s - rate * g for s, g in zip(scores, slope, strict=True)]
        self._step += 1
        self._tokens += sum(len(row) for row in rows)
        self._losses.append(loss)
        self._observer.logged(self._step, {"loss": loss})

    def _evaluate(self, rows: Sequence[Encoded]) -> None:
        targets = [target for row in rows for target in _targets(row)]
        loss = -sum(w * math.log(self._chances(b)[label]) for b, label, w in targets) / len(targets)
        self._evaluations.append((loss, self._step))
        self._observer.logged(self._step, {"eval_loss": loss})

    def _chances(self, before: int) -> list[float]:
        powers = [math.exp(score) for score in self._table.get(before, [0.0] * _VOCABULARY)]
        total = sum(powers)
        return [power / total for power in powers]

    def _due(self, what: str, step: int, total: int) -> bool:
        if self._arguments[f"{what}_strategy"] == "no":
            return False
        return step % self._arguments.get(f"{what}_steps", total) == 0 or step == total

    def _path(self, step: int) -> str:
        return str(Path(self._plan.output_dir) / checkpoint_name(step))

    def _save(self) -> None:
        self._last = self._path(self._step)
        Path(self._last).mkdir(parents=True, exist_ok=True)
        position = None if self._stream is None else self._stream.state()
        state = {"step": self._step, "table": self._table, "position": position}
        (Path(self._last) / STATE_FILE).write_text(json.dumps(state), encoding="utf-8")
        self._observer.saved(self._step, self._last)

    def _restore(self, folder: Path) -> None:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        self._step, self._position = state["step"], state["position"]
        if not self._plan.resume_only_model:
            self._table.clear()
            self._table.update({int(key): scores for key, scores in state["table"].items()})


def _check_checkpoint(folder: str | None) -> None:
    if folder is not None and not (Path(folder) / STATE_FILE).is_file():
        raise NotFound(f"{folder!r} is no checkpoint")


def _targets(row: Encoded) -> Iterator[tuple[int, int, float]]:
    weights = row.loss_weights or [1.0] * len(row)
    for position in range(1, len(row)):
        if row.labels[position] != IGNORE:
            yield row.input_ids[position - 1], row.labels[position], weights[position]
