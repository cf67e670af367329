"""Optimisers and callbacks of plugins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer
from transformers import TrainerCallback, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from swiftx.domain.plans.extending import OptimizerSettings
from swiftx.domain.training.extensions import CALLBACKS, OPTIMIZERS
from swiftx.errors import BackendError


def plugin_optimizer(name: str, model: nn.Module, arguments: TrainingArguments) -> Optimizer:
    """Return the optimiser that a plugin makes for a model.

    Raises:
        BackendError: It fails, or makes something else.
    """
    settings = OptimizerSettings(
        learning_rate=arguments.learning_rate,
        weight_decay=arguments.weight_decay,
        betas=(arguments.adam_beta1, arguments.adam_beta2),
        epsilon=arguments.adam_epsilon,
        options=_options(arguments.optim_args),
    )
    try:
        made = OPTIMIZERS.get(name).function(model, settings)
    except Exception as error:  # it is the user's code: it may raise anything
        raise _failed("optimizer", name, error) from error
    if not isinstance(made, Optimizer):
        raise BackendError(
            f"the optimizer {name!r} of a plugin returned {made!r}",
            hint="return a torch.optim.Optimizer over the parameters that are trained",
        )
    return made


def plugin_callbacks() -> list[TrainerCallback]:
    """Return a new callback of each kind that plugins brought.

    Raises:
        BackendError: One cannot be made, or is something else.
    """
    callbacks = []
    for plugin in CALLBACKS.all():
        try:
            made = plugin.function()
        except Exception as error:  # it is the user's code: it may raise anything
            raise _failed("callback", plugin.name, error) from error
        if not isinstance(made, TrainerCallback):
            raise BackendError(
                f"the callback {plugin.name!r} of a plugin is {made!r}",
                hint="derive it from transformers.TrainerCallback",
            )
        callbacks.append(made)
    return callbacks


def remember_callbacks(state: TrainerState, callbacks: Iterable[TrainerCallback]) -> None:
    """Put what callbacks export into the state, from where `--restore_callback_states_from_checkpoint` reads.

    Several of a class are a list, in their order.
    """
    kept: dict[str, list[Any]] = {}
    for callback in callbacks:
        if isinstance(callback, ExportableState):
            kept.setdefault(type(callback).__name__, []).append(callback.state())
    state.stateful_callbacks |= kept


def _options(text: str | None) -> dict[str, str]:
    """Return the options of `--optim_args`, which are `key=value` with commas between them."""
    pairs = (part.partition("=") for part in (text or "").replace(" ", "").split(",") if part)
    return {key: value for key, _, value in pairs}


def _failed(kind: str, name: str, error: Exception) -> BackendError:
    return BackendError(f"the {kind} {name!r} of a plugin failed: {type(error).__name__}: {error}")
