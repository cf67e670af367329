"""Shifted sparse attention: each half of the heads attends within groups of a quarter of the sequence.

The groups of the second half begin half a group later, so that neighbouring groups hear of each other. Where
LongLoRA rolls the tokens round, and its last group then joins the end of the sequence with its beginning, the
shifted groups here stop at the ends: no token sees a later one. In evaluation mode it is sdpa as ever.
Legend: B batch, H head, T token, D head size.

Source: LongLoRA, https://arxiv.org/abs/2309.12307, section 3.2 and appendix B.3.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

SHIFTED = "swiftx_shifted"
"""Name of `attend_in_groups` among transformers' attention implementations."""

_GROUPS = 4


def group_lengths(tokens: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the lengths of the groups, and of the shifted ones.

    Example:
        >>> group_lengths(16)
        ((4, 4, 4, 4), (2, 4, 4, 4, 2))
    """
    size = -(-tokens // _GROUPS)
    return _lengths(size, size, tokens), _lengths(max(size // 2, 1), size, tokens)


def attend_in_groups(
    module: nn.Module,
    query_BHTD: Tensor,
    key_BHTD: Tensor,
    value_BHTD: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend within groups while training.

    Returns:
        The attended values, float, shape (B, T, H, D), and None for the weights.
    """
    heads, tokens = query_BHTD.shape[1:3]
    if not module.training or tokens != key_BHTD.shape[2] or heads < 2:
        whole: tuple[Tensor, None] = sdpa_attention_forward(
            module,
            query_BHTD,
            key_BHTD,
            value_BHTD,
            attention_mask,
            dropout=dropout,
            scaling=scaling,
            **options,
        )
        return whole
    repeats = heads // key_BHTD.shape[1]
    states = query_BHTD, repeat_kv(key_BHTD, repeats), repeat_kv(value_BHTD, repeats)
    halves = zip(
        *(each.split([heads // 2, heads - heads // 2], dim=1) for each in states), strict=True
    )
    attended = []
    for half, lengths in zip(halves, group_lengths(tokens), strict=True):
        masks = [_part(attention_mask, start, stop) for start, stop in _edges(lengths)]
        groups = zip(*(each.split(lengths, dim=2) for each in half), masks, strict=True)
        attended.append(
            torch.cat(
                [
                    scaled_dot_product_attention(
                        query,
                        key,
                        value,
                        attn_mask=mask,
                        dropout_p=dropout,
                        is_causal=mask is None,
                        scale=scaling,
                    )
                    for query, key, value, mask in groups
                ],
                dim=2,
            )
        )
    return torch.cat(attended, dim=1).transpose(1, 2).contiguous(), None


AttentionInterface.register(SHIFTED, attend_in_groups)
AttentionMaskInterface.register(SHIFTED, sdpa_mask)


def _lengths(first: int, size: int, tokens: int) -> tuple[int, ...]:
    lengths = [min(first, tokens)]
    while sum(lengths) < tokens:
        lengths.append(min(size, tokens - sum(lengths)))
    return tuple(lengths)


def _edges(lengths: tuple[int, ...]) -> list[tuple[int, int]]:
    stops = list(accumulate(lengths))
    return list(zip([0, *stops], stops, strict=False))


def _part(mask: Tensor | None, start: int, stop: int) -> Tensor | None:
    """Return the mask within a group; padding there sees itself, for a softmax over nothing has no value."""
    if mask is None:
        return None
    part = mask[:, :, start:stop, start:stop]
    itself = torch.eye(stop - start, dtype=torch.bool, device=mask.device)
    return part | itself if part.dtype == torch.bool else part.masked_fill(itself, 0.0)
