"""What every trainer keeps. Subclass it and provide `trainer` and `new_model`."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.observer import RecordingObserver
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.training import TrainOutcome, TrainPlan
from swiftx.domain.ports.batch_stream import BatchStream, StreamedBatch
from swiftx.domain.ports.trainer import Trainer
from swiftx.errors import NotFound

NewModel = Callable[[], ModelHandle]


def row(text: str, *, untrained: int = 2, weights: Sequence[float] | None = None) -> Encoded:
    """Return the bytes of a text as ids 3 to 258, the first few without a label."""
    ids = [byte + 3 for byte in text.encode()]
    labels = [-100] * untrained + ids[untrained:]
    return Encoded(input_ids=ids, labels=labels, loss_weights=weights)


ROWS = [row("abcabcabc"), row("xyxyxyxyxyxy"), row("hello hello"), row("no"), row("12121212")]


def plan(folder: Path, **changes: Any) -> TrainPlan:
    """Return a plan of 6 steps of 2 rows that logs each step and saves every third."""
    arguments = {
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 2,
        "per_device_eval_batch_size": 2,
        "learning_rate": 0.01,
        "lr_scheduler_type": "cosine",
        "num_train_epochs": 3.0,
        "max_steps": 6,
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": 3,
        "seed": 42,
        "data_seed": 42,
        "report_to": ("none",),
        "eval_strategy": "no",
        "gradient_checkpointing": False,
        **changes.pop("arguments", {}),
    }
    return TrainPlan(
        output_dir=str(folder),
        device="cpu",
        trainer_arguments=arguments,
        pad_token_id=0,
        **{"plots": False, "args_json": {"model": "tiny"}, **changes},
    )


class ListStream:
    """A `BatchStream` of rows in their order, again and again."""

    def __init__(self, rows: Sequence[Encoded]) -> None:
        self._rows = rows
        self._taken = 0
        self.made_from: int | None = None

    @property
    def epoch(self) -> int:
        return self._taken // len(self._rows)

    def batches(
        self, size: int, *, rank: int = 0, world_size: int = 1, drop_last: bool = False
    ) -> Iterator[StreamedBatch]:
        assert size == 1
        self.made_from = self._taken
        for number in itertools.count(self._taken):
            yield StreamedBatch(rows=[self._rows[number % len(self._rows)]], news=number)

    def take(self, batch: StreamedBatch) -> bool:
        assert batch.news == self._taken
        before, self._taken = self.epoch, self._taken + 1
        return self.epoch > before

    def state(self) -> Mapping[str, Any]:
        return {"taken": self._taken}

    def go_to(self, state: Mapping[str, Any] | None) -> None:
        self._taken = 0 if state is None else state["taken"]


class TrainerContract:
    """Promises of the `Trainer` port."""

    @pytest.fixture
    def trainer(self) -> Trainer:
        raise NotImplementedError

    @pytest.fixture
    def new_model(self) -> NewModel:
        """Return a function that makes equal fresh models, which may draw random numbers (dropout)."""
        raise NotImplementedError

    @pytest.fixture
    def steady_model(self) -> NewModel:
        """Return a function that makes equal fresh models without any randomness."""
        raise NotImplementedError

    def fit(
        self,
        trainer: Trainer,
        model: ModelHandle,
        what: TrainPlan,
        *,
        rows: Sequence[Encoded] | BatchStream = ROWS,
        validation: Sequence[Encoded] = (),
        observer: RecordingObserver | None = None,
    ) -> tuple[TrainOutcome, RecordingObserver]:
        observer = observer or RecordingObserver()
        outcome = trainer.fit(
            model, ByteTokenizer(), what, train=rows, validation=validation, observer=observer
        )
        return outcome, observer

    def test_loss_falls_on_two_rows(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        what = plan(tmp_path, arguments={"max_steps": 20, "save_strategy": "no"})

        outcome, heard = self.fit(trainer, new_model(), what, rows=ROWS[:2])

        assert len(heard.losses) == 20
        assert heard.losses[-1] < 0.9 * heard.losses[0]
        assert outcome.global_step == 20
        assert outcome.last_checkpoint is None

    def test_equal_runs_have_equal_losses(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        _, first = self.fit(trainer, new_model(), plan(tmp_path / "a"))
        _, second = self.fit(trainer, new_model(), plan(tmp_path / "b"))

        assert first.losses == second.losses

    def test_resuming_equals_not_having_stopped(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        _, whole = self.fit(trainer, new_model(), plan(tmp_path / "a"))
        middle = whole.checkpoints[0][1]

        _, rest = self.fit(trainer, new_model(), plan(tmp_path / "b", resume_from=middle))

        assert rest.resumed_at == 3
        assert rest.steps == [4, 5, 6]
        assert rest.losses == whole.losses[3:]

    def test_resuming_from_what_is_no_checkpoint_is_refused(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        (tmp_path / "empty").mkdir()

        what = plan(tmp_path / "a", resume_from=str(tmp_path / "empty"))

        with pytest.raises(NotFound, match="empty"):
            trainer.check(what)
        with pytest.raises(NotFound, match="empty"):
            self.fit(trainer, new_model(), what)

    def test_a_good_plan_passes_the_check(self, trainer: Trainer, tmp_path: Path) -> None:
        trainer.check(plan(tmp_path))

    def test_resuming_only_the_model_goes_on_at_the_same_step(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        _, whole = self.fit(trainer, new_model(), plan(tmp_path / "a"))

        _, rest = self.fit(
            trainer,
            new_model(),
            plan(tmp_path / "b", resume_from=whole.checkpoints[0][1], resume_only_model=True),
        )

        assert rest.steps == [4, 5, 6]
        assert rest.losses[0] > whole.losses[3]  # the model given was a fresh one

    def test_a_token_of_weight_zero_has_no_effect(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        text, weights = "abcdef", [0, 0, 1.0, 1.0, 1.0, 0.0]
        one = row(text, weights=weights)
        other = Encoded(
            input_ids=one.input_ids, labels=[*one.labels[:-1], 99], loss_weights=weights
        )

        runs = [
            self.fit(trainer, new_model(), plan(tmp_path / str(index)), rows=[rows])[1].losses
            for index, rows in enumerate((one, other))
        ]

        assert runs[0] == runs[1]

    def test_a_weight_of_two_counts_twice(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        once = row("abcdef", weights=[0, 0, 1.0, 1.0, 1.0, 1.0])
        twice = row("abcdef", weights=[0, 0, 2.0, 2.0, 2.0, 2.0])

        _, single = self.fit(trainer, new_model(), plan(tmp_path / "a"), rows=[once])
        _, double = self.fit(trainer, new_model(), plan(tmp_path / "b"), rows=[twice])

        assert double.losses[0] == pytest.approx(2 * single.losses[0])

    def test_accumulated_batches_equal_one_large_batch(
        self, trainer: Trainer, steady_model: NewModel, tmp_path: Path
    ) -> None:
        large = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1}

        _, small = self.fit(trainer, steady_model(), plan(tmp_path / "a"))
        _, wide = self.fit(trainer, steady_model(), plan(tmp_path / "b", arguments=large))

        assert wide.losses == pytest.approx(small.losses, abs=1e-5)

    def test_each_epoch_has_another_order_and_each_row_once(
        self, trainer: Trainer, steady_model: NewModel, tmp_path: Path
    ) -> None:
        fixed = {"gradient_accumulation_steps": 1, "max_steps": 10, "learning_rate": 0.0}

        _, shuffled = self.fit(trainer, steady_model(), plan(tmp_path / "a", arguments=fixed))
        _, ordered = self.fit(
            trainer,
            steady_model(),
            plan(tmp_path / "b", arguments=fixed, train_dataloader_shuffle=False),
        )

        first, second = shuffled.losses[:5], shuffled.losses[5:]
        assert first != second
        assert sorted(first) == pytest.approx(sorted(second), abs=1e-6)
        assert ordered.losses[:5] == pytest.approx(ordered.losses[5:], abs=1e-6)

    def test_rows_laid_end_to_end_have_the_losses_of_padded_ones(
        self, trainer: Trainer, steady_model: NewModel, tmp_path: Path
    ) -> None:
        rows = [
            *ROWS[:3],
            row("trained from the first token on", untrained=0),
            row("weighed", weights=[0, 0, 0.5, 2.0, 1.0, 0.0, 3.0]),
        ]
        wide = {"per_device_train_batch_size": 3, "gradient_accumulation_steps": 1,
                "eval_strategy": "steps", "eval_steps": 6}  # fmt: skip

        runs = [
            self.fit(
                trainer,
                steady_model(),
                plan(tmp_path / str(flat), arguments=wide, padding_free=flat),
                rows=rows,
                validation=rows,
            )
            for flat in (False, True)
        ]

        (padded, heard), (flat, heard_flat) = runs
        assert heard_flat.losses == pytest.approx(heard.losses, abs=1e-5)
        assert _evaluated(heard_flat) == pytest.approx(_evaluated(heard), abs=1e-5)
        assert flat.tokens == padded.tokens

    def test_a_pack_is_one_item_of_a_batch(
        self, trainer: Trainer, steady_model: NewModel, tmp_path: Path
    ) -> None:
        ordered = {"train_dataloader_shuffle": False, "padding_free": True}
        pairs = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1}
        packs = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 1}

        _, by_row = self.fit(
            trainer, steady_model(), plan(tmp_path / "a", arguments=pairs, **ordered), rows=ROWS[:4]
        )
        _, by_pack = self.fit(
            trainer,
            steady_model(),
            plan(tmp_path / "b", arguments=packs, packs=[[0, 1], [2, 3]], **ordered),
            rows=ROWS[:4],
        )

        assert by_pack.losses == pytest.approx(by_row.losses, abs=1e-6)

    def test_each_epoch_has_another_order_of_the_packs_and_each_pack_once(
        self, trainer: Trainer, steady_model: NewModel, tmp_path: Path
    ) -> None:
        fixed = {"gradient_accumulation_steps": 1, "max_steps": 8, "learning_rate": 0.0}
        packs = [[0], [1, 4], [2], [3]]

        _, heard = self.fit(
            trainer,
            steady_model(),
            plan(tmp_path, arguments=fixed, padding_free=True, packs=packs),
        )

        first, second = heard.losses[:4], heard.losses[4:]
        assert first != second
        assert sorted(first) == pytest.approx(sorted(second), abs=1e-6)

    def test_resuming_packs_equals_not_having_stopped(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        packed: dict[str, Any] = {"padding_free": True, "packs": [[0, 3], [1], [2], [4]]}
        _, whole = self.fit(trainer, new_model(), plan(tmp_path / "a", **packed))

        middle = whole.checkpoints[0][1]
        _, rest = self.fit(trainer, new_model(), plan(tmp_path / "b", resume_from=middle, **packed))

        assert rest.losses == whole.losses[3:]

    def test_a_stream_has_the_losses_of_the_same_rows_in_order(
        self, trainer: Trainer, steady_model: NewModel, tmp_path: Path
    ) -> None:
        _, ordered = self.fit(
            trainer, steady_model(), plan(tmp_path / "a", train_dataloader_shuffle=False)
        )
        _, streamed = self.fit(trainer, steady_model(), plan(tmp_path / "b"), rows=ListStream(ROWS))

        # The stream goes on where the rows end; a list ends its epoch with the step that is not full.
        assert streamed.losses[:2] == pytest.approx(ordered.losses[:2], abs=1e-6)

    @pytest.mark.parametrize("workers", [0, 1])
    def test_resuming_a_stream_equals_not_having_stopped(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path, workers: int
    ) -> None:
        loading = {"dataloader_num_workers": workers}
        _, whole = self.fit(
            trainer,
            new_model(),
            plan(tmp_path / "a", arguments=loading),
            rows=ListStream(ROWS),
        )

        what = plan(tmp_path / "b", arguments=loading, resume_from=whole.checkpoints[0][1])
        stream = ListStream(ROWS)
        _, rest = self.fit(trainer, new_model(), what, rows=stream)

        assert rest.steps == [4, 5, 6]
        assert rest.losses == whole.losses[3:]
        assert stream.made_from == 6 or workers

    def test_checkpoints_are_saved_when_asked_for_and_at_the_end(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        what = plan(tmp_path, arguments={"save_steps": 4})

        outcome, heard = self.fit(trainer, new_model(), what)

        assert [step for step, _ in heard.checkpoints] == [4, 6]
        assert outcome.last_checkpoint == str(tmp_path / "checkpoint-6")
        assert {path.name for path in tmp_path.glob("*checkpoint*")} == {
            "checkpoint-4",
            "checkpoint-6",
        }

    def test_an_interrupt_saves_and_says_so(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        def interrupt(step: int) -> None:
            if step == 2:
                os.kill(os.getpid(), signal.SIGINT)

        outcome, heard = self.fit(
            trainer, new_model(), plan(tmp_path), observer=RecordingObserver(at_step=interrupt)
        )

        assert outcome.interrupted
        assert heard.steps[-1] <= 3
        assert outcome.last_checkpoint == str(tmp_path / f"checkpoint-{outcome.global_step}")
        assert heard.outcome == outcome

    def test_the_observer_hears_the_end_with_the_outcome(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        outcome, heard = self.fit(trainer, new_model(), plan(tmp_path))

        assert heard.total_steps == 6
        assert heard.outcome == outcome
        assert not outcome.interrupted
        assert outcome.tokens > 0
        assert outcome.trainable_parameters > 0

    def test_evaluation_reports_the_loss_of_the_validation_rows(
        self, trainer: Trainer, new_model: NewModel, tmp_path: Path
    ) -> None:
        evaluating = {"eval_strategy": "steps", "eval_steps": 3, "metric_for_best_model": "loss",
                      "greater_is_better": False}  # fmt: skip
        what = plan(tmp_path, arguments=evaluating)

        outcome, heard = self.fit(trainer, new_model(), what, validation=ROWS[:3])

        found = {step: line["eval_loss"] for step, line in heard.lines if "eval_loss" in line}
        assert list(found) == [3, 6]
        assert outcome.best_metric == pytest.approx(min(found.values()))
        assert outcome.best_checkpoint in {str(tmp_path / f"checkpoint-{step}") for step in found}


def _evaluated(heard: RecordingObserver) -> list[float]:
    return [line["eval_loss"] for _, line in heard.lines if "eval_loss" in line]
