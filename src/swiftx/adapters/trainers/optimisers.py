"""Optimisers that the library's own choice does not give, and the modes that some have."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, cast

from peft import PeftModel
from peft.optimizers import create_loraplus_optimizer
from torch import nn
from torch.optim import Optimizer
from transformers import Trainer, TrainingArguments

from swiftx.adapters.trainers.galore import galore_adamw
from swiftx.adapters.trainers.plugin_parts import plugin_optimizer
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.training.optimisers import LIBRARIES
from swiftx.errors import MissingDependency


def require_optimiser(plan: TrainPlan) -> None:
    """Raise `MissingDependency` when the library of the plan's `optim` is absent."""
    values = plan.trainer_arguments
    name = "adafactor" if values.get("adafactor") else str(values.get("optim"))
    library = LIBRARIES.get(name)
    if library is not None and find_spec(library) is None:
        raise MissingDependency(
            library, extra="optimisers", reason=f"--optim {name} needs {library!r}."
        )


def own_optimizer(
    plan: TrainPlan,
    model: nn.Module,
    arguments: TrainingArguments,
    decayed: Callable[[nn.Module], list[str]],
) -> Optimizer | None:
    """Return the optimiser of a plugin, of GaLore or of LoRA+; None where `--optim` alone decides.

    Args:
        plan: What is asked for.
        model: What is trained, before it is wrapped.
        arguments: The optimiser's settings.
        decayed: Returns the names of the parameters whose weights decay.

    Raises:
        BackendError: A plugin's optimiser fails.
    """
    if plan.optimizer is not None:
        return plugin_optimizer(plan.optimizer, model, arguments)
    if plan.galore is not None:
        return galore_adamw(model, plan.galore, arguments, decayed)
    if plan.lora_plus_ratio is None:
        return None
    kind, options = Trainer.get_optimizer_cls_and_kwargs(arguments, model)
    made = create_loraplus_optimizer(
        cast(PeftModel, model),
        kind,
        loraplus_lr_ratio=plan.lora_plus_ratio,
        loraplus_weight_decay=arguments.weight_decay,
        **options,
    )
    return cast(Optimizer, made)


def optimiser_mode(optimizer: Any, mode: str) -> None:
    """Switch an optimiser that has modes (the schedule-free ones) before weights are looked at."""
    if hasattr(optimizer, mode):
        getattr(optimizer, mode)()
