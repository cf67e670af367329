"""Reads vectors off a transformers model in this process, several sequences at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from swiftx.adapters.models.pooled import pooled, unwrapped
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.pooling import PoolingPlan
from swiftx.errors import ArgError, BackendError, UsageError

_TOKENS_AT_ONCE = 1 << 14
"""Of a batch, padding included: more does not make a processor faster and takes memory."""


class TransformersPooling:
    """Pools with a loaded model.

    Args:
        model: Of the class that the task needs; see `pooled`.
        plan: What is read off it.
    """

    def __init__(self, model: ModelHandle, plan: PoolingPlan) -> None:
        self._model = cast(nn.Module, model).eval()
        self._plan = plan
        config: Any = unwrapped(self._model).config
        if config.get_text_config().pad_token_id is None:
            config.get_text_config().pad_token_id = 0  # transformers refuses several rows without
        sizes = {"embedding": config.get_text_config().hidden_size, "seq_cls": config.num_labels}
        self.size: int = sizes.get(plan.task, 1)

    def pool(self, prompts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        """Return a vector for each sequence, in order."""
        self._check(prompts)
        found: dict[int, tuple[float, ...]] = {}
        for numbers in self._batches(prompts):
            vectors = self._vectors([prompts[number] for number in numbers])
            found |= zip(numbers, map(tuple, vectors.tolist()), strict=True)
        return [found[number] for number in range(len(prompts))]

    def _check(self, prompts: Sequence[Sequence[int]]) -> None:
        limit = self._plan.max_model_len
        for prompt in prompts:
            if not len(prompt):
                raise UsageError([ArgError(None, "A sequence has no tokens.")])
            if limit is not None and len(prompt) > limit:
                raise UsageError(
                    [
                        ArgError(
                            "max_length",
                            f"A sequence has {len(prompt)} tokens, the model takes {limit}.",
                            "Shorten it, or use a model with a longer context.",
                        )
                    ]
                )

    def _batches(self, prompts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Yield the numbers of sequences of like length, so that little is padding."""
        rows = self._plan.max_batch_size
        batch: list[int] = []
        for number in sorted(range(len(prompts)), key=lambda each: -len(prompts[each])):
            longest = len(prompts[batch[0]]) if batch else 0
            if batch and (len(batch) == rows or (len(batch) + 1) * longest > _TOKENS_AT_ONCE):
                yield batch
                batch = []
            batch.append(number)
        if batch:
            yield batch

    def _vectors(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        """Return float32, shape (B, D)."""
        plan = self._plan
        answers = None
        if plan.positive_token is not None and plan.negative_token is not None:
            answers = (plan.positive_token, plan.negative_token)
        device = next(self._model.parameters()).device
        try:
            with torch.inference_mode():
                batch = {name: each.to(device) for name, each in padded_right(prompts).items()}
                return pooled(self._model, batch, plan.task, answer_ids=answers)
        except torch.OutOfMemoryError as error:
            raise BackendError(
                f"The device's memory is full with {len(prompts)} sequences at once.",
                hint="Lower --max_batch_size.",
            ) from error
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise BackendError(f"The model failed: {error}") from error


def padded_right(prompts: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """Return `input_ids` and `attention_mask`, int64, shape (B, T); padding is masked, whatever its id."""
    longest = max(map(len, prompts))
    ids = torch.zeros((len(prompts), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = torch.tensor(list(prompt))
        mask[row, : len(prompt)] = 1
    return {"input_ids": ids, "attention_mask": mask}
