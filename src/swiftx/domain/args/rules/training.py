"""Rules about a training run: where it writes, how it steps, evaluates, resumes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from swiftx.domain.args.coerce import one_of
from swiftx.domain.args.paths import joined, suffix_of
from swiftx.domain.args.rule import KEEP, Facts, Values, check, normaliser, override, rule
from swiftx.errors import ArgError

_TRAINING = ("pt", "sft", "rlhf")
_TOTAL_BATCH = 16
_VERSION = re.compile(r"v(\d+)-")
_PAI_JOB = "PAI_TRAINING_JOB_ID"
_PAI_LOGS = "PAI_OUTPUT_TENSORBOARD"
_DEEPSPEED = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")


@override("add_version")
def a_pai_job_owns_its_folder(_: Values, facts: Facts) -> object:
    """Rule T3."""
    return False if _PAI_JOB in facts.environ else KEEP


@normaliser("output_dir", needs=("add_version",), commands=_TRAINING)
def each_run_has_a_folder_of_its_own(values: Values, facts: Facts) -> object:
    """Rules T2 and T3."""
    return _run_folder(values.output_dir, values, facts)


@rule("output_dir", needs=("add_version", "model"), commands=_TRAINING)
def output_is_named_after_the_model(values: Values, facts: Facts) -> object:
    """Rules T1 and T2."""
    return _run_folder(f"output/{suffix_of(values.model)}", values, facts) if values.model else KEEP


@rule("logging_dir", needs=("output_dir",))
def logs_are_in_the_output_folder(values: Values, facts: Facts) -> object:
    """Rule T4; a PAI job names another place."""
    if _PAI_JOB in facts.environ and facts.environ.get(_PAI_LOGS):
        return facts.environ[_PAI_LOGS]
    return joined(values.output_dir, "runs") if values.output_dir else KEEP


@rule("run_name", needs=("output_dir",))
def a_run_is_named_after_its_folder(values: Values, _: Facts) -> object:
    """Rule T4."""
    return values.output_dir


@rule("learning_rate", needs=("train_type",))
def learning_rate_follows_train_type(values: Values, _: Facts) -> object:
    """Rule T5."""
    return 1e-5 if values.train_type == "full" else 1e-4


@rule("eval_strategy", needs=("save_strategy",))
def evaluation_follows_saving(values: Values, _: Facts) -> object:
    """Rule T6."""
    return "steps" if values.save_strategy == "best" else values.save_strategy


@override(
    "eval_strategy", needs=("val_dataset", "eval_dataset", "split_dataset_ratio", "cached_dataset")
)
def without_validation_rows_nothing_is_evaluated(values: Values, facts: Facts) -> object:
    """Rule T9. A cached data set keeps its validation rows in a folder of their own."""
    rows = values.val_dataset or values.eval_dataset or values.split_dataset_ratio > 0
    cached = any(facts.storage.exists(f"{path}/val") for path in values.cached_dataset)
    return KEEP if rows or cached else "no"


@rule("eval_steps", needs=("save_strategy", "save_steps"))
def evaluation_steps_follow_saving_steps(values: Values, _: Facts) -> object:
    """Rule T8."""
    return values.save_steps if _strategy_asked_for(values) in ("steps", "best") else KEEP


@override("eval_steps", needs=("save_strategy",))
def no_evaluation_has_no_steps(values: Values, _: Facts) -> object:
    """Rule T7."""
    return None if _strategy_asked_for(values) == "no" else KEEP


@rule(
    "gradient_accumulation_steps",
    needs=(
        "per_device_train_batch_size",
        "rlhf_type",
        "num_generations",
        "sequence_parallel_size",
    ),
)
def accumulation_fills_a_total_batch(values: Values, facts: Facts) -> object:
    """Rule T10: at least sixteen rows. In GRPO one step, or as many as complete a group of answers.

    The reference keeps one step in GRPO, and its own defaults then fail (rule G1). Processes that share
    rows (`sequence_parallel_size`) have one batch together.
    """
    batch = max(1, values.per_device_train_batch_size * facts.world_size)
    if values.rlhf_type != "grpo":
        batch = max(1, batch // (values.sequence_parallel_size or 1))
        return max(1, math.ceil(_TOTAL_BATCH / batch))
    planned = values.given("generation_batch_size") or values.given("steps_per_generation")
    contradicted = values.given("per_device_train_batch_size") and values.given("num_generations")
    if planned or contradicted or values.num_generations < 1:
        return 1
    return values.num_generations // math.gcd(values.num_generations, batch)


@rule("metric", needs=("predict_with_generate",))
def generated_text_is_scored_by_overlap(values: Values, _: Facts) -> object:
    """Rule T11."""
    return "nlg" if values.predict_with_generate else KEEP


@rule("metric_for_best_model", needs=("predict_with_generate", "rlhf_type"))
def the_best_model_is_the_one_the_run_is_for(values: Values, _: Facts) -> object:
    """Rules T11 and G18; PPO has no metric to compare by."""
    if values.rlhf_type == "ppo":
        return KEEP
    if values.rlhf_type == "grpo":
        return "reward"
    return "rouge-l" if values.predict_with_generate else "loss"


@rule("greater_is_better", needs=("metric_for_best_model",))
def less_loss_is_better(values: Values, _: Facts) -> object:
    """Rule T12."""
    metric = values.metric_for_best_model
    return KEEP if metric is None else "loss" not in metric


@rule("dataloader_num_workers")
def one_process_loads_batches(_: Values, facts: Facts) -> object:
    """Rule T13."""
    return 0 if facts.device.system == "windows" else 1


@override("dataloader_num_workers", needs=("streaming",))
def one_process_reads_a_stream(values: Values, _: Facts) -> object:
    """Rule T13."""
    return 1 if values.streaming and (values.dataloader_num_workers or 0) > 1 else KEEP


@rule("dataloader_prefetch_factor", needs=("dataloader_num_workers",))
def loading_processes_work_ahead(values: Values, _: Facts) -> object:
    """Rule T13."""
    return 10 if values.dataloader_num_workers > 0 else KEEP


@rule("vit_gradient_checkpointing", needs=("gradient_checkpointing",))
def vision_checkpoints_like_the_rest(values: Values, _: Facts) -> object:
    """Rule T14."""
    return values.gradient_checkpointing


@rule("gradient_checkpointing_kwargs", needs=("gradient_checkpointing", "deepspeed", "fsdp"))
def data_parallel_checkpointing_is_not_reentrant(values: Values, facts: Facts) -> object:
    """Rule T17."""
    plain = facts.world_size > 1 and not values.deepspeed and not values.fsdp
    return {"use_reentrant": False} if plain and values.gradient_checkpointing else KEEP


@rule("optimizer", needs=("lorap_lr_ratio", "use_galore", "vit_lr", "aligner_lr"))
def special_learning_rates_have_an_optimizer(values: Values, _: Facts) -> object:
    """Rule T15."""
    if values.lorap_lr_ratio is not None:
        return "lorap"
    if values.use_galore:
        return "galore"
    parts = values.vit_lr is not None or values.aligner_lr is not None
    return "multimodal" if parts else KEEP


@rule("bf16", needs=("torch_dtype",))
def bfloat16_weights_compute_in_bfloat16(values: Values, facts: Facts) -> object:
    """Rule M9; only where the device has such arithmetic."""
    return values.torch_dtype == "bfloat16" and facts.device.bf16 and not values.given("fp16")


@rule("fp16", needs=("torch_dtype", "use_cpu"))
def other_weights_compute_in_float16_on_an_accelerator(values: Values, facts: Facts) -> object:
    """Rule M8. A CPU computes in float32: its float16 is slower and loses precision."""
    accelerated = facts.device.kind in ("cuda", "npu") and not values.use_cpu
    return accelerated and values.torch_dtype != "bfloat16" and not values.given("bf16")


@rule("accelerator_config")
def each_process_reads_its_own_batches(_: Values, __: Facts) -> object:
    """Rule T25."""
    return {"dispatch_batches": False}


@normaliser("resume_from_checkpoint")
def the_resumed_checkpoint_is_an_absolute_path(values: Values, facts: Facts) -> object:
    """Rule T19."""
    return facts.storage.absolute(values.resume_from_checkpoint)


@check("resume_from_checkpoint")
def the_resumed_checkpoint_exists(values: Values, facts: Facts) -> Sequence[ArgError]:
    """Rule T19."""
    folder = values.resume_from_checkpoint
    if folder is None or facts.storage.is_dir(folder):
        return ()
    message = f"resume_from_checkpoint: directory not found: {folder!r}."
    return [
        ArgError("resume_from_checkpoint", message, "Name a folder like output/…/checkpoint-500.")
    ]


@check("fp16", "bf16")
def one_half_precision_at_a_time(values: Values, _: Facts) -> Sequence[ArgError]:
    if not (values.fp16 and values.bf16):
        return ()
    return [ArgError("fp16", "fp16 and bf16 exclude each other.", "Keep one of them.")]


@check("deepspeed", "teacher_deepspeed")
def deepspeed_has_a_configuration(values: Values, _: Facts) -> Sequence[ArgError]:
    """Rule T21: the name of a built-in configuration, JSON, or a file."""
    return [
        ArgError(
            name,
            f"{name}: {value!r} is no built-in configuration, and no such file exists.",
            one_of(value, _DEEPSPEED),
        )
        for name in ("deepspeed", "teacher_deepspeed")
        if isinstance(value := getattr(values, name), str) and value not in _DEEPSPEED
    ]


@check("deepspeed", "device_map", "deepspeed_autotp_size", "train_type")
def deepspeed_places_the_model_itself(values: Values, _: Facts) -> Sequence[ArgError]:
    """Rules T22 and T24."""
    errors: list[ArgError] = []
    if values.deepspeed and values.device_map:
        message = "deepspeed and device_map exclude each other: DeepSpeed places the model."
        errors.append(ArgError("device_map", message, "Leave out --device_map."))
    if (values.deepspeed_autotp_size or 1) > 1:
        sharded = isinstance(values.deepspeed, str) and values.deepspeed.startswith("zero3")
        if not values.deepspeed or sharded or values.train_type != "full":
            message = "deepspeed_autotp_size needs zero0, zero1 or zero2, and full training."
            hint = "Add --deepspeed zero2 --train_type full."
            errors.append(ArgError("deepspeed_autotp_size", message, hint))
    return errors


@check("zero_hpz_partition_size", "deepspeed")
def shared_copies_are_of_sharded_weights(values: Values, _: Facts) -> Sequence[ArgError]:
    size, config = values.zero_hpz_partition_size, values.deepspeed
    if size is None:
        return ()
    zero = config.get("zero_optimization") if isinstance(config, Mapping) else None
    named = isinstance(config, str) and config.startswith("zero3")
    if size >= 1 and (named or (isinstance(zero, Mapping) and zero.get("stage") == 3)):
        return ()
    message = (
        f"zero_hpz_partition_size={size}: a number of processes is expected, and ZeRO stage 3."
    )
    return [ArgError("zero_hpz_partition_size", message, "Add --deepspeed zero3.")]


@check("use_liger_kernel", "device_map", "task_type")
def liger_runs_whole_language_models(values: Values, _: Facts) -> Sequence[ArgError]:
    """Rule T27."""
    if not values.use_liger_kernel:
        return ()
    errors: list[ArgError] = []
    if values.device_map:
        message = "use_liger_kernel does not support device_map."
        errors.append(ArgError("device_map", message, "Use data parallel processes or DeepSpeed."))
    if values.task_type != "causal_lm":
        message = f"use_liger_kernel does not support task_type {values.task_type}."
        errors.append(ArgError("use_liger_kernel", message, "Leave out --use_liger_kernel."))
    return errors


@check("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps")
def batches_hold_something(values: Values, _: Facts) -> Sequence[ArgError]:
    names = (
        "per_device_train_batch_size",
        "per_device_eval_batch_size",
        "gradient_accumulation_steps",
    )
    return [
        ArgError(name, f"{name}: {value} is not a positive number.", "Use 1 or more.")
        for name in names
        if (value := getattr(values, name)) is not None and value < 1
    ]


def _strategy_asked_for(values: Values) -> str:
    """The strategy before it is dropped for want of rows."""
    return str(values.given("eval_strategy") or values.save_strategy)


def _run_folder(path: str, values: Values, facts: Facts) -> str:
    folder = facts.storage.absolute(path)
    if not values.add_version:
        return folder
    found = (_VERSION.match(name) for name in facts.storage.names(folder))
    number = max((int(match[1]) + 1 for match in found if match), default=0)
    return joined(folder, f"v{number}-{facts.now:%Y%m%d-%H%M%S}")


STEPS = (
    a_pai_job_owns_its_folder,
    each_run_has_a_folder_of_its_own,
    output_is_named_after_the_model,
    logs_are_in_the_output_folder,
    a_run_is_named_after_its_folder,
    learning_rate_follows_train_type,
    evaluation_follows_saving,
    without_validation_rows_nothing_is_evaluated,
    evaluation_steps_follow_saving_steps,
    no_evaluation_has_no_steps,
    accumulation_fills_a_total_batch,
    generated_text_is_scored_by_overlap,
    the_best_model_is_the_one_the_run_is_for,
    less_loss_is_better,
    one_process_loads_batches,
    one_process_reads_a_stream,
    loading_processes_work_ahead,
    vision_checkpoints_like_the_rest,
    data_parallel_checkpointing_is_not_reentrant,
    special_learning_rates_have_an_optimizer,
    bfloat16_weights_compute_in_bfloat16,
    other_weights_compute_in_float16_on_an_accelerator,
    each_process_reads_its_own_batches,
    the_resumed_checkpoint_is_an_absolute_path,
)
CHECKS = (
    the_resumed_checkpoint_exists,
    one_half_precision_at_a_time,
    deepspeed_has_a_configuration,
    deepspeed_places_the_model_itself,
    shared_copies_are_of_sharded_weights,
    liger_runs_whole_language_models,
    batches_hold_something,
)
