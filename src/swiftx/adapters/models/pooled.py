"""One vector a sequence, read off a model that is being trained or asked.

Legend: B batch, T token, H hidden, C classes, V vocabulary, D numbers of a vector.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from swiftx.domain.plans.pooling import PoolingTask

HEADS = ("score", "classifier")
"""What transformers calls the head of a sequence classifier: decoders have the first, encoders the second."""


def pooled(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    task: PoolingTask,
    *,
    answer_ids: tuple[int, int] | None = None,
) -> Tensor:
    """Return the vectors of a padded batch: float32, shape (B, D).

    The vector is that of the last token, wherever the padding is, and whatever its id; transformers itself
    looks for the last id that is not the padding's, which goes wrong where padding and end of turn share one.
    Encoders that pool their first token want the padding on the right.

    Args:
        model: As `AutoModel` loads it for `embedding`, `AutoModelForSequenceClassification` for `seq_cls` and
            `reranker`, `AutoModelForCausalLM` for `generative_reranker`; wrapped by PEFT or DDP or not.
        batch: `input_ids` and `attention_mask`, int, shape (B, T).
        task: What is read.
        answer_ids: Token ids that mean yes and no, for `generative_reranker`.
    """
    mask_BT = batch["attention_mask"]
    inputs: dict[str, Any] = {"input_ids": batch["input_ids"], "attention_mask": mask_BT}
    accepted = inspect.signature(unwrapped(model).forward).parameters
    if "position_ids" in accepted and not bool(mask_BT[:, 0].all()):  # padded on the left
        inputs["position_ids"] = (mask_BT.cumsum(dim=1) - 1).clamp(min=0)
    if "use_cache" in accepted:
        inputs["use_cache"] = False
    ends_B = last_positions(mask_BT)
    match task:
        case "embedding":
            hidden_BTH = model(**inputs).last_hidden_state
            return functional.normalize(_at(hidden_BTH, ends_B).float(), dim=-1)
        case "generative_reranker":
            if answer_ids is None:
                raise ValueError("a generative reranker needs the ids of its two answers")
            columns, positions_B = ends_B.unique(return_inverse=True)
            logits_BKV = model(**inputs, logits_to_keep=columns).logits
            logits_BV = _at(logits_BKV, positions_B).float()
            return (logits_BV[:, answer_ids[0]] - logits_BV[:, answer_ids[1]])[:, None]
        case "seq_cls" | "reranker":
            return _class_logits(model, inputs, ends_B).float()


def last_positions(mask_BT: Tensor) -> Tensor:
    """Return where the last token of each row is: int, shape (B,).

    Args:
        mask_BT: int, 1 at tokens and 0 in the padding, on whichever side.
    """
    places_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    return (mask_BT * places_T).argmax(dim=1)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model of transformers in what PEFT and DDP have put around it."""
    inner: Any = model
    while not hasattr(inner, "get_base_model") and isinstance(
        getattr(inner, "module", None), nn.Module
    ):
        inner = inner.module
    return inner.get_base_model() if hasattr(inner, "get_base_model") else inner


def heads_of(model: nn.Module) -> tuple[str, ...]:
    """Return the names of a model's heads for classes; none for a language model."""
    return tuple(name for name in HEADS if isinstance(getattr(model, name, None), nn.Module))


def _class_logits(model: nn.Module, inputs: Mapping[str, Any], ends_B: Tensor) -> Tensor:
    """Return float, shape (B, C)."""
    head = getattr(unwrapped(model), "score", None)
    if not isinstance(head, nn.Module):
        return model(**inputs).logits
    with _outputs_of(head) as seen:
        model(**inputs)
    return _at(seen[-1], ends_B)


@contextmanager
def _outputs_of(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what a module returns while the context lasts."""
    seen: list[Tensor] = []
    handle = module.register_forward_hook(lambda *call: seen.append(call[-1]))
    try:
        yield seen
    finally:
        handle.remove()


def _at(values_BTX: Tensor, positions_B: Tensor) -> Tensor:
    """Return the entry of each row at its position: shape (B, X)."""
    return values_BTX[torch.arange(len(positions_B), device=values_BTX.device), positions_B]
