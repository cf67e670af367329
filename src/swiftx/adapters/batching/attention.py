"""Attention of one query a row over keys that several query heads share."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "swiftx_grouped_sdpa"


def grouped_sdpa(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Return what the library's sdpa does, without copying shared keys and values for each query head.

    With a single query a row, the query heads that share a key head can stand where queries of one head do.
    On a CPU the copies cost more than the attention itself.

    Args:
        query: shape (B, H, T, D).
        key: shape (B, G, K, D), G dividing H.
        value: as `key`.
        attention_mask: Broadcasts to (B, 1, T, K); a mask for each head goes the library's way.

    Returns:
        Attention, shape (B, T, H, D), and no weights.
    """
    heads, shared = query.shape[1], key.shape[1]
    per_head = attention_mask is not None and attention_mask.shape[1] != 1
    if (
        query.shape[2] != 1
        or heads == shared
        or per_head
        or settings.get("position_bias") is not None
    ):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
    grouped = query.reshape(query.shape[0], shared, heads // shared, query.shape[3])
    attended = nn.functional.scaled_dot_product_attention(
        grouped,
        key,
        value,
        attn_mask=attention_mask,
        dropout_p=settings.get("dropout", 0.0),
        scale=settings.get("scaling"),
    )
    return attended.reshape(query.shape[0], 1, heads, value.shape[3]), None


def use_grouped_attention(model: Any) -> None:
    """Let a model use this, whatever its attention was, except for `eager`, which is asked for to be exact.

    Flash attention has no masks over single columns, and sdpa runs the same kernels where it can.
    """
    if model.config._attn_implementation != "eager":
        AttentionInterface.register(NAME, grouped_sdpa)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        model.set_attn_implementation(NAME)
