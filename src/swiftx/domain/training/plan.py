"""From training arguments to what the training loop does."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from swiftx.domain.args.groups.hf_trainer_table import HfTrainerArgs
from swiftx.domain.args.groups.trainer import TrainerArgs
from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.plans.tasks import TaskPlan
from swiftx.domain.plans.training import AnsweringPlan, SwanlabPlan, TrainPlan
from swiftx.domain.plans.tuning import LisaPlan
from swiftx.domain.ports.system import Storage
from swiftx.domain.training.checkpoints import STATE_FILE, newest
from swiftx.domain.training.deepspeed import deepspeed_config
from swiftx.domain.training.extensions import LOSSES, METRICS, OPTIMIZERS
from swiftx.domain.training.fsdp import fsdp_plan
from swiftx.domain.training.galore import galore_plan
from swiftx.domain.training.task import loss_name, measured_names, metric_sees
from swiftx.errors import ArgError, NotFound, UsageError

_NOT_THE_TRAINERS = frozenset(
    {
        "aligner_lr",
        "deepspeed_autotp_size",
        "enable_channel_loss",
        "enable_dft_loss",
        "max_epochs",
        "resume_only_model",
        "router_aux_loss_coef",
        "train_dataloader_shuffle",
        "vit_gradient_checkpointing",
        "vit_lr",
        "zero_hpz_partition_size",
    }
)
_FROM_ELSEWHERE = ("seed", "data_seed", "ddp_timeout", "ddp_backend")
_LORA_PLUS_EMBEDDING_RATE = 1e-6  # the reference's; PEFT has the same

TRAINER_NAMES = (
    *sorted(
        {
            field.name
            for group in (TrainerArgs, HfTrainerArgs)
            for field in dataclasses.fields(group)
        }
        - _NOT_THE_TRAINERS
    ),
    *_FROM_ELSEWHERE,
)
"""The arguments that transformers' Trainer is to hear of, under the reference's names."""


def train_plan(
    args: TrainingArgs,
    *,
    device: str,
    args_json: Mapping[str, Any],
    pad_token_id: int,
    resume_from: str | None,
    has_validation: bool,
    packs: Sequence[Sequence[int]] | None = None,
    task: TaskPlan | None = None,
    answering: AnsweringPlan | None = None,
    statistics: Mapping[str, Any],
) -> TrainPlan:
    """Return the plan of resolved training arguments.

    Args:
        args: Resolved arguments.
        device: `cuda`, `npu`, `mps` or `cpu`.
        args_json: What args.json holds.
        pad_token_id: Fills up short rows.
        resume_from: The checkpoint to continue from.
        has_validation: Whether there are validation rows; without, nothing is evaluated.
        packs: Numbers of the training rows that share a sequence; None when they are not packed.
        task: How whole rows are learned; None where tokens are.
        answering: What the model is asked in evaluations; None asks nothing.
        statistics: What logging.jsonl says of the data.

    Raises:
        UsageError: The metric of the best model is none that is measured.
    """
    trainer = {name: getattr(args, name) for name in TRAINER_NAMES}
    if not has_validation:
        trainer |= {"eval_strategy": "no", "eval_steps": None, "eval_on_start": False}
    evaluates = has_validation and args.eval_strategy != "no"
    _check_metric(args, measured_names(args, task), evaluates=evaluates)
    scores_tokens = task is None and answering is None
    starts_afresh = args.resume_only_model and args.ignore_data_skip
    return TrainPlan(
        output_dir=str(args.output_dir),
        device="cpu" if args.use_cpu else device,
        trainer_arguments=trainer,
        args_json=args_json,
        additional_config=_additional_config(args),
        pad_token_id=pad_token_id,
        padding_side=args.padding_side,
        padding_free=args.padding_free or packs is not None,
        packs=packs,
        sequence_parallel_size=args.sequence_parallel_size,
        train_dataloader_shuffle=args.train_dataloader_shuffle,
        resume_from=None if starts_afresh else resume_from,
        resume_only_model=args.resume_only_model,
        create_checkpoint_symlink=args.create_checkpoint_symlink,
        max_epochs=args.max_epochs,
        early_stop_interval=args.early_stop_interval,
        acc_strategy=args.acc_strategy,
        use_logits_to_keep=args.use_logits_to_keep,
        enable_dft_loss=args.enable_dft_loss,
        task=task,
        token_loss=_plugin(loss_name(args), LOSSES.names()) if task is None else None,
        token_metric=_plugin(args.metric, METRICS.names()) if scores_tokens else None,
        metric_sees=metric_sees(args),
        answering=answering,
        optimizer=_plugin(args.optimizer, OPTIMIZERS.names()),
        enable_channel_loss=args.enable_channel_loss,
        router_aux_loss_coef=args.router_aux_loss_coef,
        lora_plus_ratio=args.lorap_lr_ratio,
        lisa=_lisa(args),
        galore=galore_plan(args),
        deepspeed=deepspeed_config(args),
        fsdp=fsdp_plan(args),
        swanlab=_swanlab(args),
        statistics=statistics,
    )


def _swanlab(args: TrainingArgs) -> SwanlabPlan | None:
    if not {"swanlab", "all"} & set(args.report_to):
        return None
    output_dir = str(args.output_dir)
    return SwanlabPlan(
        mode=args.swanlab_mode,
        experiment=args.swanlab_exp_name or output_dir,
        folder=f"{output_dir}/swanlog",
        project=args.swanlab_project,
        workspace=args.swanlab_workspace,
        token=args.swanlab_token,
        lark_url=args.swanlab_lark_webhook_url,
        lark_secret=args.swanlab_lark_secret,
    )


def _additional_config(args: TrainingArgs) -> dict[str, Any]:
    shifted = {"shifted_attention": True} if args.train_type == "longlora" else {}
    return {
        "lora_dtype": args.lora_dtype,
        "lorap_lr_ratio": args.lorap_lr_ratio,
        "lorap_emb_lr": _LORA_PLUS_EMBEDDING_RATE,
        **shifted,
    }


def _lisa(args: TrainingArgs) -> LisaPlan | None:
    if not args.lisa_activated_layers:
        return None
    return LisaPlan(
        layers=args.lisa_activated_layers, interval=args.lisa_step_interval, seed=args.seed
    )


def resumed_checkpoint(path: str | None, storage: Storage) -> str | None:
    """Return the checkpoint that `path` names: itself, or the newest whole one in a run folder.

    Raises:
        NotFound: There is none.
    """
    if path is None:
        return None
    if storage.is_file(f"{path}/{STATE_FILE}"):
        return path
    name = newest(
        name for name in storage.names(path) if storage.is_file(f"{path}/{name}/{STATE_FILE}")
    )
    if name is None:
        raise NotFound(
            f"{path!r} is no checkpoint and holds none (no {STATE_FILE})",
            hint="name a checkpoint-N folder, or the run folder that contains one",
        )
    return f"{path}/{name}"


def _plugin(name: str | None, registered: Sequence[str]) -> str | None:
    return name if name is not None and name in registered else None


def _check_metric(args: TrainingArgs, measured: Sequence[str], *, evaluates: bool) -> None:
    metric = args.metric_for_best_model
    unknown = metric is not None and metric.removeprefix("eval_") not in measured
    if evaluates and unknown and _plugin(args.metric, METRICS.names()) is None:
        raise UsageError(
            [
                ArgError(
                    "metric_for_best_model",
                    f"metric_for_best_model={metric!r} is not measured",
                    f"there are {', '.join(measured)}",
                )
            ]
        )
    needs = {"load_best_model_at_end": args.load_best_model_at_end, "early_stop_interval":
             args.early_stop_interval, "save_strategy": args.save_strategy == "best",
             "predict_with_generate": args.predict_with_generate}  # fmt: skip
    problems = [
        ArgError(
            name,
            f"{name} needs evaluations with validation rows, and there are none",
            "add --val_dataset or --split_dataset_ratio 0.01, and no --eval_strategy no",
        )
        for name, wanted in needs.items()
        if wanted and not evaluates
    ]
    if problems:
        raise UsageError(problems)
