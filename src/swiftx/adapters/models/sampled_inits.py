"""Initialisations of LoRA that look at training rows: LoRA-GA, CorDA and EVA, as PEFT computes them.

Sources: LoRA-GA https://arxiv.org/abs/2407.05000, CorDA https://arxiv.org/abs/2406.05223, EVA
https://arxiv.org/abs/2410.07170.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from peft import PeftModel, initialize_lora_eva_weights
from peft.tuners.lora.corda import preprocess_corda
from peft.tuners.lora.loraga import preprocess_loraga
from torch import Tensor, nn

from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.plans.tuning import SampledInit

Batch = dict[str, Tensor]


def prepare_init(
    model: nn.Module, config: Any, samples: Sequence[Encoded], plan: SampledInit
) -> None:
    """Leave at the model's layers what PEFT needs when it adds the adapters.

    Args:
        model: The model without adapters.
        config: PEFT's configuration of LoRA.
        samples: The rows to look at.
        plan: How many rows make a batch, and how long they are.
    """
    match config.init_lora_weights:
        case "lora_ga":
            preprocess_loraga(model, config, lambda: _gradients(model, samples, plan))
        case "corda":
            alone = replace(plan, batch_size=1)  # PEFT's hook takes one row at a time
            preprocess_corda(model, config, lambda: _look(model, samples, alone))


def finish_init(model: PeftModel, samples: Sequence[Encoded], plan: SampledInit) -> None:
    """Give EVA's adapters the directions in which their inputs vary most; others are ready."""
    if model.active_peft_config.init_lora_weights != "eva":
        return
    with _evaluating(model):
        initialize_lora_eva_weights(
            model,
            _Repeatable(model, samples, plan),
            gather_distributed_inputs=False,  # all processes look at the same rows
            show_progress_bar=False,
        )


class _Repeatable:
    """The batches; EVA may go through them several times."""

    def __init__(self, model: nn.Module, samples: Sequence[Encoded], plan: SampledInit) -> None:
        self._model, self._samples, self._plan = model, samples, plan

    def __iter__(self) -> Iterator[Batch]:
        return _batches(self._model, self._samples, self._plan)

    def __len__(self) -> int:
        return math.ceil(len(self._samples) / self._plan.batch_size)


def _gradients(model: nn.Module, samples: Sequence[Encoded], plan: SampledInit) -> None:
    for batch in _batches(model, samples, plan):
        model(**batch, use_cache=False).loss.backward()


def _look(model: nn.Module, samples: Sequence[Encoded], plan: SampledInit) -> None:
    with torch.no_grad(), _evaluating(model):
        for batch in _batches(model, samples, plan):
            model(**batch, use_cache=False)


def _batches(model: nn.Module, samples: Sequence[Encoded], plan: SampledInit) -> Iterator[Batch]:
    """Yield ids, mask and labels, int64, shape (B, T), filled up on the right, on the model's device."""
    device = next(model.parameters()).device
    for start in range(0, len(samples), plan.batch_size):
        rows = [samples[i] for i in range(start, min(start + plan.batch_size, len(samples)))]
        length = min(max(len(row.input_ids) for row in rows), plan.max_length)
        ids = torch.zeros((len(rows), length), dtype=torch.long)
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORE)
        for position, row in enumerate(rows):
            count = min(len(row.input_ids), length)
            ids[position, :count] = torch.as_tensor(row.input_ids[:count])
            labels[position, :count] = torch.as_tensor(row.labels[:count])
            mask[position, :count] = 1
        yield {
            "input_ids": ids.to(device),
            "attention_mask": mask.to(device),
            "labels": labels.to(device),
        }


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
