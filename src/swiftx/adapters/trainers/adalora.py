"""AdaLoRA in the training loop: the budget of ranks is stepped, its state saved, its penalty added.

Source: https://arxiv.org/abs/2303.10512, equations 4 (penalty), 8 to 11 (importance) and 13 (budget); the
arithmetic is PEFT's.
"""

# ruff: noqa: ARG002  (transformers fixes the signatures)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from peft.tuners.adalora import AdaLoraModel
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from swiftx.errors import ArgError, UsageError

STATE = "adalora_state.safetensors"
_PARTS = ("exp_avg_ipt", "exp_avg_unc")


class RankSchedule(TrainerCallback):
    """Takes ranks away after optimiser steps, as PEFT's allocator says.

    Args:
        model: A model with adapters of AdaLoRA.
    """

    def __init__(self, model: PeftModel) -> None:
        self._tuner = cast(AdaLoraModel, model.base_model)
        self._adapter = self._tuner.trainable_adapter_name
        self._config: Any = model.peft_config[self._adapter]
        self._factors = [
            (name, parameter)
            for name, parameter in model.named_parameters()
            if f"lora_A.{self._adapter}" in name or f"lora_B.{self._adapter}" in name
        ]

    def penalty(self) -> Tensor:
        """Return the weighted mean distance of the factors from orthogonality, a scalar (equation 4)."""
        distances = []
        for name, factor in self._factors:
            square = factor @ factor.T if "lora_A" in name else factor.T @ factor
            eye = torch.eye(len(square), dtype=square.dtype, device=square.device)
            distances.append(torch.linalg.matrix_norm(square - eye))
        return float(self._config.orth_reg_weight) * torch.stack(distances).mean()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Tell the schedule how long the run is."""
        first, last = self._config.tinit, self._config.tfinal
        if first + last >= state.max_steps:
            raise UsageError(
                [
                    ArgError(
                        "adalora_tinit",
                        f"{first} steps before and {last} after the ranks shrink leave none of the "
                        f"{state.max_steps} steps of this run",
                        "lower --adalora_tinit and --adalora_tfinal, or train longer",
                    )
                ]
            )
        self._config.total_step = state.max_steps

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Step the schedule; the gradients are still there."""
        self._tuner.update_and_allocate(state.global_step + 1)

    def save(self, folder: Path) -> None:
        """Write the smoothed importances and the ranks that are left.

        Raises:
            OSError, SafetensorError: The file cannot be written.
        """
        allocator = self._tuner.rankallocator
        tensors = {
            f"{part}/{name}": tensor.contiguous()
            for part in _PARTS
            for name, tensor in getattr(allocator, part).items()
        }
        pattern = json.dumps(self._config.rank_pattern)
        save_file(tensors, folder / STATE, metadata={"format": "pt", "rank_pattern": pattern})

    def load(self, folder: Path) -> None:
        """Take them back; a checkpoint without them (saved with `save_only_model`) starts them afresh."""
        path = folder / STATE
        if not path.is_file():
            return
        allocator = self._tuner.rankallocator
        device = self._factors[0][1].device
        with safe_open(path, framework="pt", device=str(device)) as file:
            self._config.rank_pattern = json.loads(file.metadata()["rank_pattern"])
            for key in file.keys():  # noqa: SIM118  (it is no mapping)
                part, _, name = key.partition("/")
                getattr(allocator, part)[name] = file.get_tensor(key)
                allocator.ipt[name] = torch.zeros_like(file.get_tensor(key))


def rank_schedule(model: nn.Module) -> RankSchedule | None:
    """Return the schedule of a model that has AdaLoRA's adapters; None for others."""
    ours = isinstance(model, PeftModel) and isinstance(model.base_model, AdaLoraModel)
    return RankSchedule(model) if ours else None
