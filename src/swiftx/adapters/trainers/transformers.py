"""The `Trainer` port over transformers."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import PrinterCallback, TrainerCallback, TrainingArguments
from transformers.integrations import (
    TensorBoardCallback,
    is_swanlab_available,
    is_wandb_available,
)

from swiftx.adapters.models.adapter_files import has_adapter
from swiftx.adapters.trainers import deepspeed
from swiftx.adapters.trainers.answering import Answers, overlap_scorer
from swiftx.adapters.trainers.arguments import training_arguments
from swiftx.adapters.trainers.callbacks import Narration, StopFlow
from swiftx.adapters.trainers.checkpoint_writer import CheckpointWriter
from swiftx.adapters.trainers.interrupts import StopRequest
from swiftx.adapters.trainers.liger import check_liger, require_liger
from swiftx.adapters.trainers.loop import Loop
from swiftx.adapters.trainers.lora_kernel import quicken_lora
from swiftx.adapters.trainers.memory import peak_gib
from swiftx.adapters.trainers.optimisers import require_optimiser
from swiftx.adapters.trainers.plugin_parts import plugin_callbacks
from swiftx.adapters.trainers.processes import leave_at_exit
from swiftx.adapters.trainers.run_log import RunLog
from swiftx.adapters.trainers.sharding import parameter_sizes, spreads_weights
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.training import TrainOutcome, TrainPlan
from swiftx.domain.ports.batch_stream import BatchStream
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.ports.trainer import StepObserver
from swiftx.domain.training.checkpoints import STATE_FILE
from swiftx.domain.training.summary import share
from swiftx.errors import (
    ArgError,
    BackendError,
    MissingDependency,
    NotFound,
    StorageError,
    SwiftxError,
    UsageError,
)

_RANDOM_STATES = "rng_state"
"""How the files begin that every process writes beside its optimiser's."""


class TransformersTrainer:
    """Trains with transformers' Trainer on one device, or on several that torchrun started."""

    def check(self, plan: TrainPlan) -> None:
        """Raise what the trainer arguments alone would make `fit` raise."""
        _check_checkpoint(plan)
        require_optimiser(plan)
        require_liger(plan)
        if plan.answering is not None and plan.answering.metric == "nlg":
            overlap_scorer()
        deepspeed.prepare(plan)
        training_arguments(plan)
        if plan.deepspeed is not None:
            deepspeed.forget_configuration()

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
        """Run the plan to its end and report."""
        _check_checkpoint(plan)
        deepspeed.prepare(plan)
        arguments = training_arguments(plan)
        check_liger(cast(nn.Module, model), plan)
        leave_at_exit()
        leads = arguments.process_index == 0
        writer = CheckpointWriter(plan, tokenizer, leads=leads, observer=observer)
        writer.recover()
        # Compiling fuses the operations itself; weights that are spread are whole in their own layers only.
        if not (arguments.torch_compile or spreads_weights(plan)):
            quicken_lora(cast(nn.Module, model))
        log = RunLog(plan.output_dir)
        with StopRequest() as stop:
            loop = Loop(
                cast(nn.Module, model),
                arguments,
                plan,
                train=train,
                validation=validation,
                writer=writer,
                log=log,
                answers=_answers(plan, tokenizer, arguments),
            )
            flow = StopFlow(plan, lambda: _anyone(loop, stop.pending))
            others = (*loop.schedules, flow, _Recall(loop), *plugin_callbacks())
            for callback in (*_callbacks(plan, arguments, observer, log), *others):
                loop.add_callback(callback)
            loop.remove_callback(PrinterCallback)
            if leads:
                _check_room(loop, plan)
            try:
                loss = _run(loop, plan, observer)
            finally:
                loop.close()
        outcome = _outcome(loop, plan, writer, loss, log.seconds, interrupted=flow.interrupted)
        if leads:
            log.last_line(_last_line(loop, plan, outcome))
            if plan.plots:
                _draw(loop, plan)
            observer.finished(outcome)
        return outcome


class _Recall(TrainerCallback):
    """Restores the log's sums once the loop has set them to nothing."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._loop.recall_log()


def _answers(plan: TrainPlan, tokenizer: Tokenizer, arguments: TrainingArguments) -> Answers | None:
    if plan.answering is None:
        return None
    return Answers(
        plan.answering,
        tokenizer,
        plan.output_dir,
        rank=arguments.process_index,
        world_size=arguments.world_size,
    )


def _check_checkpoint(plan: TrainPlan) -> None:
    """Refuse what cannot be resumed, or only with an optimiser that starts from nothing."""
    folder = plan.resume_from
    if folder is None:
        return
    if not (Path(folder) / STATE_FILE).is_file():
        raise NotFound(
            f"{folder!r} is no checkpoint to resume from: it has no {STATE_FILE}",
            hint="name a checkpoint-N folder of a run, or the run folder itself",
        )
    if not plan.resume_only_model and not any(Path(folder).glob(f"{_RANDOM_STATES}*")):
        problem = f"resume_from_checkpoint: {folder!r} holds the model alone (--save_only_model)."
        hint = "Add --resume_only_model true: the optimiser then starts anew."
        raise UsageError([ArgError("resume_from_checkpoint", problem, hint)])


def _check_room(loop: Loop, plan: TrainPlan) -> None:
    """Refuse to begin where not even one checkpoint fits; hours later would be too late to find out."""
    if loop.args.save_strategy == "no":
        return
    whole = not has_adapter(loop.model)
    moments = (
        0 if loop.args.save_only_model else 2
    )  # Adam keeps two numbers for each that is trained
    needed = sum(
        tensor.nbytes * ((whole or tensor.requires_grad) + moments * tensor.requires_grad)
        for tensor in loop.model.parameters()
    )
    free = shutil.disk_usage(plan.output_dir).free
    if free < needed:
        raise StorageError(
            f"a checkpoint takes about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in "
            f"{plan.output_dir!r}",
            hint="free some space, choose another --output_dir, or add --save_only_model true",
        )


def _run(loop: Loop, plan: TrainPlan, observer: StepObserver) -> float:
    """Train and return the mean loss of the steps that were done."""
    try:
        return float(loop.train(resume_from_checkpoint=plan.resume_from).training_loss)
    except BaseException as error:
        if loop.args.process_index == 0:
            observer.failed()
        if not isinstance(error, RuntimeError) or isinstance(error, SwiftxError):
            raise
        memory = isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
        raise BackendError(
            f"training failed in step {loop.state.global_step + 1}: {str(error).splitlines()[0]}",
            hint="lower --per_device_train_batch_size or --max_length, or add --gradient_checkpointing true"
            if memory
            else None,
        ) from error


def _anyone(loop: Loop, pending: bool) -> bool:
    """Return whether some process was asked to stop; all processes get the same answer."""
    if loop.args.world_size == 1:
        return pending
    flag = torch.tensor(int(pending), device=loop.args.device)
    return bool(loop.accelerator.reduce(flag, "sum").item())


def _callbacks(
    plan: TrainPlan, arguments: TrainingArguments, observer: StepObserver, log: RunLog
) -> list[TrainerCallback]:
    if arguments.process_index != 0:
        return []
    callbacks: list[TrainerCallback] = [Narration(observer, log)]
    wanted = set(plan.trainer_arguments.get("report_to") or ())
    if wanted & {"tensorboard", "all"}:
        callbacks.append(_tensorboard(plan))
    return [*callbacks, *_trackers(plan, wanted)]


def _trackers(plan: TrainPlan, wanted: set[str]) -> list[TrainerCallback]:
    """Return the trackers that have a module of their own; `all` means those that are installed."""
    trackers: list[TrainerCallback] = []
    if "wandb" in wanted or ("all" in wanted and is_wandb_available()):
        from swiftx.adapters.trainers.wandb import Wandb

        trackers.append(Wandb())
    if plan.swanlab is not None and ("swanlab" in wanted or is_swanlab_available()):
        from swiftx.adapters.trainers.swanlab import SwanLab

        trackers.append(SwanLab(plan.swanlab))
    return trackers


def _tensorboard(plan: TrainPlan) -> TrainerCallback:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependency("tensorboard", extra="train") from error
    return TensorBoardCallback(SummaryWriter(str(plan.trainer_arguments["logging_dir"])))


def _outcome(
    loop: Loop,
    plan: TrainPlan,
    writer: CheckpointWriter,
    loss: float,
    seconds: float,
    *,
    interrupted: bool,
) -> TrainOutcome:
    state = loop.state
    sizes = parameter_sizes(loop.model)
    return TrainOutcome(
        output_dir=plan.output_dir,
        last_checkpoint=writer.last_checkpoint or plan.resume_from,
        best_checkpoint=state.best_model_checkpoint,
        best_metric=state.best_metric,
        global_step=state.global_step,
        train_loss=loss,
        seconds=seconds,
        tokens=loop.tokens(),
        peak_memory_gib=peak_gib(),
        trainable_parameters=sum(size for size, trained in sizes if trained),
        total_parameters=sum(size for size, _ in sizes),
        interrupted=interrupted,
    )


def _last_line(loop: Loop, plan: TrainPlan, outcome: TrainOutcome) -> dict[str, Any]:
    return {
        **plan.statistics,
        "model_parameter_info": share(outcome.trainable_parameters, outcome.total_parameters),
        "last_model_checkpoint": outcome.last_checkpoint,
        "best_model_checkpoint": outcome.best_checkpoint,
        "best_metric": outcome.best_metric,
        "global_step": outcome.global_step,
        "log_history": loop.state.log_history,
        "memory": round(outcome.peak_memory_gib, 2),
    }


def _draw(loop: Loop, plan: TrainPlan) -> None:
    try:
        from swiftx.adapters.trainers.plots import draw
    except ImportError as error:
        raise MissingDependency("matplotlib", extra="train") from error
    draw(loop.state.log_history, Path(plan.output_dir) / "images")
