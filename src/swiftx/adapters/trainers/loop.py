"""transformers' Trainer with our loss, our order of rows and our checkpoints."""

# ruff: noqa: ARG002  (transformers fixes the signatures)

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_utils import EvalLoopOutput

from swiftx.adapters.trainers.adalora import rank_schedule
from swiftx.adapters.trainers.answering import Answers
from swiftx.adapters.trainers.attention import keep_documents_apart
from swiftx.adapters.trainers.checkpoint_writer import CheckpointWriter
from swiftx.adapters.trainers.collators import ROWS, EncodedRows, Numbered, NumberedRows
from swiftx.adapters.trainers.fsdp import is_spread
from swiftx.adapters.trainers.head_loss import may_use_parts
from swiftx.adapters.trainers.interrupts import ignore_interrupts
from swiftx.adapters.trainers.lisa import LayerTurns
from swiftx.adapters.trainers.memory import peak_gib
from swiftx.adapters.trainers.meter import Meter, channels_of_all, tokens_in
from swiftx.adapters.trainers.objectives import Batch, Objective
from swiftx.adapters.trainers.optimisers import optimiser_mode, own_optimizer
from swiftx.adapters.trainers.order import EpochBatches
from swiftx.adapters.trainers.plugin_parts import remember_callbacks
from swiftx.adapters.trainers.processes import from_all_processes
from swiftx.adapters.trainers.row_objective import RowObjective
from swiftx.adapters.trainers.run_log import RunLog
from swiftx.adapters.trainers.sequence_parallel import (
    SharedAttention,
    SharedTokens,
    process_grid,
)
from swiftx.adapters.trainers.sharding import ShardedTrainer, load_weights
from swiftx.adapters.trainers.stream_feed import StreamEpochs, StreamFeed
from swiftx.adapters.trainers.token_objective import TokenObjective
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.ports.batch_stream import BatchStream
from swiftx.domain.training.batches import shard
from swiftx.errors import BackendError

_STATE_KEY = "swiftx"


class Loop(ShardedTrainer):
    """The training loop of one run.

    Three things differ from its base: the loss is the sum of the weighted token losses over the number of
    trained tokens in the whole optimiser step; rows (or packs of them) come in an order that depends on seed
    and epoch only, dealt to the processes so that the number of processes changes no step; a checkpoint is
    written aside and renamed. Validation rows are never packed: their loss is the same either way.
    """

    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: nn.Module,
        arguments: TrainingArguments,
        plan: TrainPlan,
        *,
        train: Sequence[Encoded] | BatchStream,
        validation: Sequence[Encoded],
        writer: CheckpointWriter,
        log: RunLog,
        answers: Answers | None = None,
    ) -> None:
        grid = process_grid(arguments, plan)
        objective = _objective(plan, model, arguments)
        if plan.padding_free:
            keep_documents_apart(model, compiled=arguments.torch_compile)
        self._shared: SharedAttention | None = None
        if grid.group_size > 1:
            assert isinstance(objective, TokenObjective)
            self._shared = SharedAttention(model, grid, arguments.ddp_timeout_delta)
            objective = SharedTokens(objective, self._shared)
        self._plan = plan  # the base asks for it
        super().__init__(
            model=model,
            args=arguments,
            data_collator=objective.collate,
            train_dataset=None if isinstance(train, BatchStream) else NumberedRows(train),
            eval_dataset=EncodedRows(validation) if len(validation) else None,
        )
        self.model_accepts_loss_kwargs = True  # makes the loop count the tokens of a whole step
        self.optimizer: Any  # the base sets it, without a type
        self._grid = grid
        self._writer = writer
        self._log = log
        self._order: EpochBatches | None = None
        self._feed: StreamFeed | None = None
        if isinstance(train, BatchStream):
            self._feed = StreamFeed(
                train,
                arguments,
                grid,
                batch_size=lambda: self._train_batch_size,
                collate=self.data_collator,
                loading=self._loading(),
            )
            self.add_callback(StreamEpochs(self._feed))
        else:
            self._order = EpochBatches(
                train,
                arguments,
                grid,
                batch_size=lambda: self._train_batch_size,
                shuffle=plan.train_dataloader_shuffle,
                packs=plan.packs,
            )
        self._meter = Meter(arguments.device)
        self._objective = objective
        self._answers = answers
        self._ranks = rank_schedule(model)
        self._turns = None if plan.lisa is None else LayerTurns(model, plan.lisa)

    @property
    def schedules(self) -> list[TrainerCallback]:
        """Return what steps the tuner along with the optimiser."""
        return [schedule for schedule in (self._ranks, self._turns) if schedule is not None]

    # --- rows ----------------------------------------------------------------------------------

    def get_train_dataloader(self) -> DataLoader[Encoded] | StreamFeed:
        if self._feed is not None:
            self._feed.begin(None)
            return self._feed
        options = {**self._loading(), "collate_fn": Numbered(self.data_collator)}
        return DataLoader(self.train_dataset, batch_sampler=self._order, **options)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Encoded]:
        """Return this process's share of the validation rows."""
        grid = self._grid
        mine = shard(len(self.eval_dataset), rank=grid.group, world_size=grid.groups)
        size = self.args.eval_batch_size
        dealt = [list(mine[start : start + size]) for start in range(0, len(mine), size)]
        options = {**self._loading(), "collate_fn": self._objective.collate_validation}
        return DataLoader(self.eval_dataset, batch_sampler=dealt, **options)

    def _loading(self) -> dict[str, Any]:
        """Return the data loader's options; its generator keeps it away from the global random numbers."""
        return {
            "num_workers": self.args.dataloader_num_workers,
            "pin_memory": self.args.dataloader_pin_memory,
            "persistent_workers": self.args.dataloader_persistent_workers,
            "prefetch_factor": self.args.dataloader_prefetch_factor,
            "multiprocessing_context": self.args.dataloader_multiprocessing_context,
            "worker_init_fn": ignore_interrupts,
            "generator": torch.Generator().manual_seed(self.args.seed),
        }

    def close(self) -> None:
        """End what reads ahead; a loading worker would outlive the run, for stop signals do not reach it."""
        if self._feed is not None:
            self._feed.close()

    def _run_epoch(self, *, epoch: int, **rest: Any) -> None:
        if self._order is None:
            rest["steps_trained_in_current_epoch"] = 0  # a stream is at its position already
        else:
            self._order.epoch = epoch
        if isinstance(self._objective, RowObjective):
            self._objective.batches.epoch = epoch
        super()._run_epoch(epoch=epoch, **rest)

    # --- loss ----------------------------------------------------------------------------------

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> Tensor:
        """Return the number of trained tokens (or rows) of an optimiser step, at least 1."""
        count = sum(map(self._objective.items, batch_samples), torch.zeros((), dtype=torch.long))
        count = count.to(device)
        if self.args.average_tokens_across_devices and self.args.world_size > 1:
            count = self.accelerator.gather(count).sum()
        elif self._shared is not None:
            count = self._shared.summed(count)
        return count.clamp(min=1)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Any:
        measured = self._objective.measure(model, inputs, training=True)
        self._meter.add(measured, tokens_in(inputs))
        total = measured.loss / (1 if num_items_in_batch is None else num_items_in_batch)
        if self.args.average_tokens_across_devices:
            total = total * self.args.world_size  # the gradients of the processes are averaged
        else:
            total = total * self._grid.group_size  # a group's are the sum of its processes
        if self._ranks is not None:
            total = total + self._ranks.penalty() / self.current_gradient_accumulation_steps
        return (total, {}) if return_outputs else total

    def training_step(
        self, model: nn.Module, inputs: Batch, num_items_in_batch: Tensor | None = None
    ) -> Tensor:
        rows = inputs.pop(ROWS, ())
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            raise self._not_finite(loss.item(), rows)
        return cast(Tensor, loss)

    def _not_finite(self, loss: float, rows: Sequence[int]) -> BackendError:
        """Say which rows of a batch spoil its loss; all of them where none does alone."""
        apart = isinstance(self._objective, TokenObjective) and not self.sharded
        guilty = [row for row in rows if apart and not torch.isfinite(self._loss_of(row))]
        named = ", ".join(str(self._number_of(row)) for row in guilty or rows)
        return BackendError(
            f"the loss is {loss} in step {self.state.global_step + 1}; training stopped before this step "
            "changed any weight"
            + (f". It came from rows {named} of the data set (counted from 0)" if named else ""),
            hint="look at those rows (swiftx preview), or try a lower --learning_rate, --warmup_ratio 0.05, "
            "or --torch_dtype float32",
        )

    def _number_of(self, place: int) -> int:
        """Return the number of a row in its data set, as `swiftx preview` shows it."""
        row = self.train_dataset[place][1].row
        return place if row < 0 else row

    @torch.no_grad()
    def _loss_of(self, row: int) -> Tensor:
        """Return the loss of one row alone; the model is the bare one, which no other process waits for."""
        batch = self._prepare_inputs(self.data_collator([self.train_dataset[row][1]]))
        return self._objective.measure(self.model, batch, training=False).loss

    # --- evaluation ----------------------------------------------------------------------------

    @torch.no_grad()
    def evaluation_loop(
        self,
        dataloader: DataLoader[Encoded],
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Return the mean loss of a token (or row), the accuracy and the metrics over all processes."""
        self.model.eval()
        optimiser_mode(self.optimizer, "eval")
        precise = torch.float32 if self.args.device.type == "mps" else torch.float64
        sums = torch.zeros(4, dtype=precise, device=self.args.device)
        meter = Meter(self.args.device)
        results: list[Any] = []
        for turn in self.in_step(dataloader):
            inputs = self._prepare_inputs(turn.batch)
            measured = self._objective.measure(self.evaluated, inputs, training=False)
            if not turn.counts:
                continue
            items, seen = self._objective.items(inputs), measured.hits
            sums += torch.stack([measured.loss.to(precise), items, seen.right, seen.total])
            meter.add(measured, tokens_in(inputs))
            results += measured.results
        loss, items, right, total = self._summed(sums).tolist()
        metrics = {"loss": loss / max(items, 1.0), **self._channel_losses(meter)}
        if self._objective.accuracy is not None and not self.args.prediction_loss_only:
            metrics[self._objective.accuracy] = right / max(total, 1.0)
        if not self.args.prediction_loss_only:
            metrics |= self._objective.scores(from_all_processes(results))
        if self._answers is not None:
            metrics |= self._answers.scores(self.model, self.state.global_step)
        return EvalLoopOutput(
            predictions=None,
            label_ids=None,
            metrics={f"{metric_key_prefix}_{name}": value for name, value in metrics.items()},
            num_samples=len(self.eval_dataset),
        )

    def _channel_losses(self, meter: Meter) -> dict[str, float]:
        """Return the mean loss of a token by channel, over all processes: `loss_math` and so on."""
        if not self._plan.enable_channel_loss:
            return {}
        sums = channels_of_all(from_all_processes([meter.channels()]))
        return {f"loss_{name}": loss / max(count, 1.0) for name, (loss, count) in sums.items()}

    # --- optimiser, log ------------------------------------------------------------------------

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            self.optimizer = own_optimizer(
                self._plan, self.model, self.args, self.get_decay_parameter_names
            )
        return cast(torch.optim.Optimizer, super().create_optimizer(model))

    def log(self, logs: dict[str, Any], start_time: float | None = None) -> None:
        """Add accuracy, memory and speed to a line of training metrics, then log it."""
        if "loss" in logs:
            right, answers, tokens = self._summed(self._meter.totals()).tolist()
            logs |= self._channel_losses(self._meter)
            self._meter.forget_answers()
            if self._objective.accuracy is not None:
                logs[self._objective.accuracy] = right / max(answers, 1)
            logs |= {
                "memory(GiB)": round(peak_gib(), 2),
                **self._log.speed(self.state.global_step, tokens),
            }
        super().log(logs, start_time)

    def tokens(self) -> int:
        """Return the tokens that all processes have trained on in this run."""
        return int(self._summed(self._meter.totals())[2])

    def _summed(self, values: Tensor) -> Tensor:
        """Return the sum over the processes."""
        return cast(Tensor, self.accelerator.reduce(values, "sum"))

    # --- checkpoints ---------------------------------------------------------------------------

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        step = self.state.global_step
        if self._writer.saved_step == step:
            return
        self.store_flos()
        self._remember_log()
        optimiser_mode(self.optimizer, "eval")  # the next step switches back
        with self._writer.writing(step, barrier=self.accelerator.wait_for_everyone) as staging:
            if not self.args.save_only_model:
                self._save_optimizer_and_scheduler(staging)
                self._save_scaler(staging)
                self._save_rng_state(staging)
                if self._ranks is not None and self.args.should_save:
                    self._ranks.save(Path(staging))
            with self.whole_weights() as weights:
                self._writer.write(self.model, self.args, self.state, staging, weights)

    def _remember_log(self) -> None:
        """Put the sums of the unfinished log interval into the state, so that a resumed run logs the same."""
        loss = self._tr_loss.detach()
        remember_callbacks(self.state, self.callback_handler.callbacks)
        mean_loss = self._summed(loss.clone()) / self.args.world_size
        totals = self._summed(self._meter.totals()).tolist()
        self.state.stateful_callbacks[_STATE_KEY] = {
            "loss": mean_loss.item(),
            "loss_since_step": self._globalstep_last_logged,
            "right": totals[0],
            "answers": totals[1],
            "channels": channels_of_all(from_all_processes([self._meter.channels()])),
            **({} if self._feed is None else self._feed.state()),
        }

    def recall_log(self) -> None:
        """Take the sums back, and the intervals from the arguments; called when the loop has set its own."""
        self.state.compute_steps(self.args, self.state.max_steps)
        kept = self.state.stateful_callbacks.get(_STATE_KEY)
        if self._feed is not None and kept is not None and not self.args.ignore_data_skip:
            self._feed.begin(kept)
        if kept is None or self._plan.resume_only_model:
            return
        self._tr_loss.fill_(kept["loss"])
        self._total_loss_scalar -= kept["loss"]  # it belongs to the mean of the run before
        self._globalstep_last_logged = kept["loss_since_step"]
        if self.args.process_index == 0:  # counts are summed over the processes for the log
            self._meter.restore(kept)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if not self._plan.resume_only_model and not is_spread(self.model):
            load_weights(self.model, Path(resume_from_checkpoint))
            if self._ranks is not None:
                self._ranks.load(Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if not self._plan.resume_only_model:
            super()._load_optimizer_and_scheduler(checkpoint)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if not self._plan.resume_only_model:
            super()._load_rng_state(checkpoint)


def _objective(plan: TrainPlan, model: nn.Module, arguments: TrainingArguments) -> Objective:
    if plan.task is not None:
        return RowObjective(plan, plan.task, model)
    return TokenObjective(
        plan,
        model,
        label_smoothing=arguments.label_smoothing_factor,
        chunked=may_use_parts(arguments),
    )
