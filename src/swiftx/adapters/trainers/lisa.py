"""LISA in the training loop: a few decoder layers train at a time, the others cost no memory."""

# ruff: noqa: ARG002  (transformers fixes the signatures)

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from swiftx.adapters.models.layers import decoder_layers
from swiftx.domain.plans.tuning import LisaPlan
from swiftx.domain.tuning.lisa import active_layers
from swiftx.errors import ArgError, UsageError


class LayerTurns(TrainerCallback):
    """Switches layers on and off between optimiser steps.

    A layer that is switched off loses its gradients and its optimiser state, as in the paper; the optimiser
    knows all layers from the beginning. What was frozen otherwise stays so.

    Args:
        model: The model, with everything trainable that may train in some turn.
        plan: How many layers train, and for how long.
    """

    def __init__(self, model: nn.Module, plan: LisaPlan) -> None:
        layers = decoder_layers(model).modules
        if plan.layers > len(layers):
            raise UsageError(
                [
                    ArgError(
                        "lisa_activated_layers",
                        f"lisa_activated_layers={plan.layers}, and the model has {len(layers)} layers",
                        "2 or 8 are usual",
                    )
                ]
            )
        self._plan = plan
        self._layers = [
            [weight for weight in layer.parameters() if weight.requires_grad] for layer in layers
        ]

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **world: Any
    ) -> None:
        self._switch(state.global_step, world.get("optimizer"))

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **world: Any
    ) -> None:
        if state.global_step % self._plan.interval == 0:
            self._switch(state.global_step, world.get("optimizer"))

    def _switch(self, step: int, optimizer: Any) -> None:
        active = active_layers(self._plan, step=step, depth=len(self._layers))
        kept = {} if optimizer is None else optimizer.state
        for number, weights in enumerate(self._layers):
            for weight in weights:
                weight.requires_grad_(number in active)
                if number not in active:
                    weight.grad = None
                    kept.pop(weight, None)
