"""Liger's kernels for a model; transformers applies them when training begins."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from peft import PeftModel
from torch import nn

from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.training.liger import LOSSES
from swiftx.errors import ArgError, MissingDependency, UsageError


def require_liger(plan: TrainPlan) -> None:
    """Raise `MissingDependency` when the plan wants Liger's kernels and the library is absent."""
    if not plan.trainer_arguments.get("use_liger_kernel"):
        return
    for name in ("liger_kernel", "triton"):
        if find_spec(name) is None:
            reason = f"--use_liger_kernel true needs {name!r}."
            raise MissingDependency(name, extra="liger", reason=reason)


def check_liger(model: nn.Module, plan: TrainPlan) -> None:
    """Refuse a model for which Liger would do nothing, which it does without a word.

    Raises:
        UsageError: It has no kernels for the model, or none of a name.
    """
    if not plan.trainer_arguments.get("use_liger_kernel"):
        return
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN

    inner: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    asked = plan.trainer_arguments.get("liger_kernel_config") or {}
    check_kernels(inner.config.model_type, asked, MODEL_TYPE_TO_APPLY_LIGER_FN)


def check_kernels(
    model_type: str, asked: Mapping[str, Any], appliers: Mapping[str, Callable[..., None]]
) -> None:
    """Refuse a type of models without kernels, and names of kernels that it does not have.

    Args:
        model_type: As in config.json.
        asked: Kernels by name, and whether they are wanted.
        appliers: By type of models: what applies its kernels, which its parameters name.

    Raises:
        UsageError: One of the two.
    """
    if model_type not in appliers:
        raise UsageError(
            [
                ArgError(
                    "use_liger_kernel",
                    f"use_liger_kernel: Liger has no kernels for models of type {model_type!r}.",
                    "Leave --use_liger_kernel out.",
                )
            ]
        )
    known = [
        name
        for name in inspect.signature(appliers[model_type]).parameters
        if name not in ("model", *LOSSES)
    ]
    unknown = sorted(asked.keys() - {*known, *LOSSES})
    if unknown:
        raise UsageError(
            [
                ArgError(
                    "liger_kernel_config",
                    f"liger_kernel_config: {model_type} has no kernel {', '.join(unknown)}.",
                    f"There are {', '.join(known)}.",
                )
            ]
        )
