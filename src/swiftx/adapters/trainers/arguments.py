"""The reference's trainer names as the `TrainingArguments` of the installed transformers: one table.

A name that transformers still has passes as it is. `RENAMED` holds the names that transformers dropped or
renamed, `OWN` those that the adapter settles itself whatever was given, with the reason for each.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import TrainingArguments
from transformers.integrations import get_available_reporting_integrations
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from swiftx.adapters.trainers.fsdp import fsdp_arguments
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.training.deepspeed import zero_stage
from swiftx.domain.training.liger import liger_kernels
from swiftx.errors import ArgError, MissingDependency, UsageError

Values = Mapping[str, Any]
_WITH_EXTRA = ("swanlab", "wandb")  # trackers
_ALL_STEPS = math.nextafter(1.0, 0.0)  # 1 itself would be one step
FIELDS = frozenset(field.name for field in dataclasses.fields(TrainingArguments) if field.init)


_KWARGS = (
    "activation_checkpointing_kwargs"
    if "activation_checkpointing_kwargs" in FIELDS
    else "gradient_checkpointing_kwargs"
)


def _warmup(values: Values) -> Values:
    """`warmup_steps` below 1 is a share of all steps; whole steps win over the ratio, as they did."""
    ratio = values["warmup_ratio"]
    if not ratio or values.get("warmup_steps"):
        return {}
    return {"warmup_steps": min(float(ratio), _ALL_STEPS)}


def _checkpointing(values: Values) -> Values:
    name = "activation_checkpointing"
    return {
        name if name in FIELDS else "gradient_checkpointing": bool(values["gradient_checkpointing"])
    }


def _checkpointing_kwargs(values: Values) -> Values:
    return {_KWARGS: values["gradient_checkpointing_kwargs"] or None}


def _grouping(values: Values) -> Values:
    wanted = values["group_by_length"] or values["sortish_sampler"]
    return {"train_sampling_strategy": "group_by_length"} if wanted else {}


def _adafactor(values: Values) -> Values:
    return {"optim": "adafactor"} if values["adafactor"] else {}


def _dynamo(values: Values) -> Values:
    backend = values["torchdynamo"]
    return {} if backend is None else {"torch_compile": True, "torch_compile_backend": backend}


def _neftune(values: Values) -> Values:
    return {"neftune_noise_alpha": values["neftune_noise_alpha"] or None}


def _metric_inputs(values: Values) -> Values:
    return {"include_for_metrics": ["inputs"]} if values["include_inputs_for_metrics"] else {}


def _liger(values: Values) -> Values:
    if not values["use_liger_kernel"]:
        return {}
    return {"liger_kernel_config": liger_kernels(values["liger_kernel_config"])}


RENAMED: Mapping[str, Callable[[Values], Values]] = {
    "adafactor": _adafactor,
    "gradient_checkpointing": _checkpointing,
    "gradient_checkpointing_kwargs": _checkpointing_kwargs,
    "group_by_length": _grouping,
    "include_inputs_for_metrics": _metric_inputs,
    "liger_kernel_config": _liger,
    "neftune_noise_alpha": _neftune,
    "sortish_sampler": _grouping,
    "torchdynamo": _dynamo,
    "warmup_ratio": _warmup,
}
"""Name of the reference → what it becomes, given all values."""

OWN: Mapping[str, str] = {
    "bf16_full_eval": "transformers casts outside of training only",
    "deepspeed": "comes with the plan, as a whole configuration",
    "disable_tqdm": "progress is drawn by the step observer",
    "fp16_backend": "one backend is left",
    "fp16_opt_level": "belonged to apex, which is gone",
    "fp16_full_eval": "transformers casts outside of training only",
    "fsdp": "comes with the plan, with its configuration",
    "fsdp_config": "goes with fsdp",
    "parallelism_config": "goes with fsdp",
    "fsdp_min_num_params": "goes with fsdp",
    "fsdp_transformer_layer_cls_to_wrap": "goes with fsdp",
    "generation_config": "goes with predict_with_generate",
    "generation_max_length": "goes with predict_with_generate",
    "generation_num_beams": "goes with predict_with_generate",
    "half_precision_backend": "one backend is left",
    "hub_always_push": "goes with push_to_hub",
    "hub_model_id": "goes with push_to_hub",
    "hub_private_repo": "goes with push_to_hub",
    "hub_revision": "goes with push_to_hub",
    "hub_strategy": "goes with push_to_hub",
    "label_names": "rows have one column of labels",
    "include_tokens_per_second": "tokens/s is always logged",
    "jit_mode_eval": "belonged to a backend that is gone",
    "local_rank": "read from the environment that torchrun sets",
    "logging_dir": "given to the TensorBoard callback",
    "logging_nan_inf_filter": "a loss that is not finite stops the run with its step",
    "mp_parameters": "belonged to SageMaker",
    "overwrite_output_dir": "the run folder is versioned",
    "past_index": "dropped by transformers",
    "predict_with_generate": "comes with the plan, as questions and how they are answered",
    "push_to_hub": "comes with the plan, as questions and how they are answered",
    "push_to_hub_organization": "goes with push_to_hub",
    "ray_scope": "goes with Ray's search, which is not used",
    "resume_from_checkpoint": "an argument of train()",
    "save_safetensors": "safetensors is the only format",
    "save_total_limit": "checkpoints are rotated here, so that none is ever half deleted",
    "tpu_metrics_debug": "dropped by transformers",
    "tpu_num_cores": "dropped by transformers",
    "use_legacy_prediction_loop": "dropped by transformers",
    "use_mps_device": "an Apple device is used where there is one",
}
"""Name of the reference → why it does not reach `TrainingArguments`."""


def training_arguments(plan: TrainPlan) -> TrainingArguments:
    """Return the arguments of the installed transformers that do what the plan says.

    Raises:
        UsageError: transformers refuses a value or a combination.
    """
    values = _settled(plan, translate(plan.trainer_arguments))
    try:
        return TrainingArguments(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            [ArgError(None, f"the trainer refuses these arguments: {error}")]
        ) from error


def translate(values: Values) -> dict[str, Any]:
    """Return keyword arguments of `TrainingArguments` for values under the reference's names.

    Raises:
        KeyError: A name is neither a field of transformers nor in the tables.
    """
    unknown = sorted(values.keys() - FIELDS - RENAMED.keys() - OWN.keys())
    if unknown:
        raise KeyError(f"no translation for the trainer arguments {', '.join(unknown)}")
    passed = {
        name: value for name, value in values.items() if name not in OWN and name not in RENAMED
    }
    for name in sorted(values.keys() & RENAMED.keys()):
        passed |= RENAMED[name](values)
    return passed


def checkpointing(arguments: TrainingArguments) -> tuple[bool, Mapping[str, Any]]:
    """Return whether activations are computed again in the backward pass, and the options of that."""
    name = "activation_checkpointing"
    enabled = getattr(arguments, name if name in FIELDS else "gradient_checkpointing")
    return bool(enabled), getattr(arguments, _KWARGS) or {"use_reentrant": False}


def _settled(plan: TrainPlan, values: Values) -> Values:
    """Return the values with what the machine and this adapter decide."""
    workers = int(values.get("dataloader_num_workers") or 0)
    persistent = bool(values.get("dataloader_persistent_workers", False))
    pinned = bool(values.get("dataloader_pin_memory", True))
    unused = values.get("ddp_find_unused_parameters")
    kwargs = values.get(_KWARGS)
    if (
        zero_stage(plan.deepspeed) == 3
    ):  # the other kind fetches weights in an order it did not plan
        kwargs = {"use_reentrant": True, **(kwargs or {})}
    sharded = {} if plan.fsdp is None else fsdp_arguments(plan.fsdp)
    if plan.fsdp is not None:
        kwargs = {"use_reentrant": False, **(kwargs or {})}
        if plan.fsdp.activation_checkpointing:
            sharded |= _checkpointing({"gradient_checkpointing": True})
    return {
        **values,
        **sharded,
        _KWARGS: kwargs,
        # The loss reaches every trained parameter, unless layers take turns.
        "ddp_find_unused_parameters": bool(unused) or plan.lisa is not None,
        "output_dir": plan.output_dir,
        "deepspeed": copy.deepcopy(dict(plan.deepspeed)) if plan.deepspeed else None,
        "use_cpu": bool(values.get("use_cpu", False)) or plan.device == "cpu",
        "dataloader_num_workers": workers,
        "dataloader_prefetch_factor": values.get("dataloader_prefetch_factor") if workers else None,
        "dataloader_persistent_workers": persistent and workers > 0,
        "dataloader_pin_memory": pinned and plan.device == "cuda",
        "report_to": _reporters(values.get("report_to") or ()),
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "logging_nan_inf_filter": False,
    }


def _reporters(names: Sequence[str]) -> list[str]:
    """Return the trackers that transformers drives; the others are driven by `transformers.py`."""
    available = get_available_reporting_integrations()
    wanted = available if "all" in names else [name for name in names if name != "none"]
    for name in wanted:
        if name not in INTEGRATION_TO_CALLBACK:
            known = ", ".join(sorted(INTEGRATION_TO_CALLBACK))
            raise UsageError(
                [ArgError("report_to", f"report_to={name!r} is unknown", f"there are {known}")]
            )
        if name not in available:
            extra = name if name in _WITH_EXTRA else "train"
            missing = MissingDependency(
                name, extra=extra, reason=f"--report_to {name} needs {name!r}."
            )
            if name not in _WITH_EXTRA:
                missing.hint = f"pip install {name}"
            raise missing
    return [name for name in wanted if name not in {"tensorboard", *_WITH_EXTRA}]
