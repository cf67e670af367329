"""Attention that stays inside each document of a sequence. Legend: B batch, H head, T token, D head size.

A sequence of several documents (packed rows, or the rows of a batch laid end to end) is told by its
`position_ids`, which start again at 0, and by having no attention mask and no cache of keys: with a cache, or
with a mask of ones, transformers' own masks let the documents see each other without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from swiftx.errors import ArgError, UsageError

BY_DOCUMENT = "swiftx_by_document"
"""Name of `attend_by_document` among transformers' attention implementations."""

_WHOLE = "full_attention"
_RUNS_ON = frozenset({"conv", "hybrid", "hybrid_sliding", "linear_attention", "mamba"})
"""Kinds of layers that hand on a state; with small weights, what leaks is too little to measure."""
_PROBE = 8  # tokens of a document
_ROUNDING, _COARSE_ROUNDING = 0.01, 0.3  # shares of the yardstick; the second of 16-bit weights


def keep_documents_apart(model: nn.Module, *, compiled: bool = False) -> None:
    """Make the model keep documents that share a sequence apart, and prove on two short ones that it does.

    A model with sdpa attends to one document after the other. Others, those that torch compiles (every
    batch has other lengths) and those that keep the position ids from their attention leave it to
    transformers, which makes a block-diagonal mask of the position ids; flash attention takes the lengths
    from there.

    Args:
        model: A causal language model, perhaps with adapters; it stays in the mode it is in.
        compiled: Whether torch.compile will be applied.

    Raises:
        UsageError: The documents see each other all the same.
    """
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    runs_on = not _RUNS_ON.isdisjoint(_layer_kinds(inner.config))
    given = inner.config._attn_implementation
    suited = not compiled and given == "sdpa" and _attends_to_all_before(inner.config)
    for attention in (BY_DOCUMENT, given) if suited else (given,):
        inner.set_attn_implementation(attention)
        if not runs_on and _documents_are_apart(model):
            return
    raise UsageError(
        [
            ArgError(
                "padding_free",
                f"rows cannot share a sequence: with attention {given!r}, {type(inner).__name__} lets them "
                "see each other",
                "leave out --packing and --padding_free, or try --attn_impl sdpa",
            )
        ]
    )


def document_lengths(position_ids_1T: Tensor) -> tuple[int, ...]:
    """Return the tokens of each document; position 0 is where one starts.

    Example:
        >>> document_lengths(torch.tensor([[0, 1, 2, 0, 0, 1]]))
        (3, 1, 2)
    """
    total = position_ids_1T.shape[-1]
    starts = (position_ids_1T[0] == 0).nonzero().flatten().tolist()
    edges = [0, *(start for start in starts if start > 0), total]
    return tuple(end - start for start, end in pairwise(edges))


def attend_by_document(
    module: nn.Module,
    query_BHTD: Tensor,
    key_BHTD: Tensor,
    value_BHTD: Tensor,
    attention_mask: Tensor | None,
    *,
    position_ids: Tensor | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend with sdpa within each document: no mask of T x T numbers, and no work between documents.

    Where there is a mask, a batch of several sequences or a cache of earlier keys, it is sdpa as ever.

    Returns:
        The attended values, float, shape (B, T, H, D), and None for the weights.
    """
    alone = query_BHTD.shape[0] == 1 and query_BHTD.shape[2] == key_BHTD.shape[2]
    if attention_mask is not None or position_ids is None or not alone:
        whole: tuple[Tensor, None] = sdpa_attention_forward(
            module, query_BHTD, key_BHTD, value_BHTD, attention_mask, **options
        )
        return whole
    lengths = _lengths_once(position_ids)
    documents = zip(
        query_BHTD.split(lengths, dim=2),
        key_BHTD.split(lengths, dim=2),
        value_BHTD.split(lengths, dim=2),
        strict=True,
    )
    attended = [sdpa_attention_forward(module, *each, None, **options)[0] for each in documents]
    return torch.cat(attended, dim=1), None


def mask_by_document(
    *,
    batch_size: int,
    q_length: int,
    kv_length: int,
    attention_mask: Tensor | None = None,
    **options: Any,
) -> Tensor | None:
    """Return sdpa's mask; None for the one sequence whose documents `attend_by_document` tells apart."""
    if batch_size == 1 and attention_mask is None and q_length == kv_length:
        return None
    mask: Tensor | None = sdpa_mask(
        batch_size=batch_size,
        q_length=q_length,
        kv_length=kv_length,
        attention_mask=attention_mask,
        **options,
    )
    return mask


AttentionInterface.register(BY_DOCUMENT, attend_by_document)
AttentionMaskInterface.register(BY_DOCUMENT, mask_by_document)


@lru_cache(maxsize=1)
def _lengths_once(position_ids: Tensor) -> tuple[int, ...]:
    """Read the lengths off the device in the first layer; every other layer has the same tensor."""
    return document_lengths(position_ids)


def _attends_to_all_before(config: Any) -> bool:
    """Return whether every layer lets a token attend to all tokens before it."""
    text = config.get_text_config()
    windows = (getattr(text, name, None) for name in ("sliding_window", "attention_chunk_size"))
    return _layer_kinds(config) == {_WHOLE} and not any(windows)


def _layer_kinds(config: Any) -> set[str]:
    """Return the kinds of the model's layers; a configuration that names none has plain attention."""
    return set(getattr(config.get_text_config(), "layer_types", None) or [_WHOLE])


def _documents_are_apart(model: nn.Module) -> bool:
    """Return whether the logits of a document behind another are those it has alone.

    The yardstick is how they look when it continues the other. Rounding was below 1e-5 of that in float32 and
    0.1 in bfloat16; where all of the other document is seen, the share is 1.
    """
    weight: Tensor = model.get_input_embeddings().weight
    ids = torch.arange(3, 3 + 2 * _PROBE, device=weight.device) % len(weight)
    first, second = ids[:_PROBE], ids[_PROBE:]
    with torch.no_grad(), evaluating(model):
        alone_TV = _logits(model, second)
        behind_TV = _logits(model, first, second)[_PROBE:]
        continued_TV = _logits(model, ids)[_PROBE:]
    leak_T = (behind_TV - alone_TV).abs().mean(dim=1)
    yardstick_T = (continued_TV - alone_TV).abs().mean(dim=1)
    tolerated = _ROUNDING if weight.dtype == torch.float32 else _COARSE_ROUNDING
    return bool((leak_T <= tolerated * yardstick_T).all())


def _logits(model: nn.Module, *documents: Tensor) -> Tensor:
    positions = [torch.arange(len(ids), device=ids.device) for ids in documents]
    output = model(
        input_ids=torch.cat(documents)[None],
        position_ids=torch.cat(positions)[None],
        use_cache=False,
    )
    logits: Tensor = output.logits[0].float()
    return logits


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout off, so that nothing is random and no random number is drawn."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
