"""A transformers model as the batching engine sees it: what it can do together, and one forward pass.

B: rows, T: tokens of a row in this pass, V: vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from swiftx.adapters.batching.attention import NAME, use_grouped_attention
from swiftx.adapters.batching.named import NamedAdapters
from swiftx.adapters.batching.slots import SlotCache, key_mask

_ATTENTION = ("sdpa", "eager", "flash_attention_2", "flash_attention_3", NAME)
_ROPES_OF_ONE_LENGTH = ("dynamic", "longrope")
"""Kinds of rope that look at the longest row of a batch, so that rows would change each other."""


class SharedModel:
    """A model that answers many requests at once, with one adapter or another.

    Args:
        model: The library's model, or PEFT's around it.
        adapters: Folders of further adapters by name.

    Attributes:
        alone: Why the model must answer one request after the other; None when it need not.
        sliding_windows: By layer that has a cache: how many tokens it sees; None for all.
    """

    def __init__(self, model: Any, adapters: Mapping[str, str] | None = None) -> None:
        self._named = NamedAdapters(model, adapters or {})
        self.whole = model = self._named.model
        self.base = model.get_base_model() if isinstance(model, PeftModel) else model
        self.sliding_windows: list[int | None] = []
        self.alone = self._reason_to_be_alone()
        if self.alone is None:
            use_grouped_attention(self.base)
        parameters = inspect.signature(self.base.forward).parameters
        self._takes_positions = "position_ids" in parameters
        self._keeps_some = "logits_to_keep" in parameters
        self.vocabulary = len(self.base.get_input_embeddings().weight)  # wrapped ones have no count

    @property
    def device(self) -> torch.device:
        return self.base.device

    @property
    def adapters(self) -> tuple[str, ...]:
        return self._named.names

    def activate(self, adapter: str | None) -> None:
        """Let the next passes go through this adapter; None is the model as it was given."""
        self._named.activate(adapter)

    def forward(
        self,
        ids_BT: Sequence[Sequence[int]],
        cache: SlotCache,
        *,
        positions: Sequence[int],
        keep: Sequence[int] = (-1,),
    ) -> Tensor:
        """Read tokens into the cache, and return logits after one of them in each row.

        Args:
            ids_BT: Equally long; what is padding comes last.
            positions: Of each row's first token.
            keep: Of which token, by row; one number for all rows.

        Returns:
            float32, shape (B, V).
        """
        device, width = self.device, len(ids_BT[0])
        cache.reserve(width)
        inputs: dict[str, Any] = {
            "input_ids": torch.tensor(ids_BT, device=device),
            "attention_mask": key_mask(
                [length + width for length in cache.lengths], cache.width + width, device=device
            ),
            "past_key_values": cache,
            "use_cache": True,
        }
        if self._takes_positions:
            first = torch.tensor(positions, device=device)
            inputs["position_ids"] = first[:, None] + torch.arange(width, device=device)
        kept = [place % width for place in keep]
        places = sorted(set(kept))
        if self._keeps_some:
            inputs["logits_to_keep"] = torch.tensor(places, device=device)
        logits = self.base(**inputs).logits
        cache.appended(width)
        if not self._keeps_some:
            logits = logits[:, places]
        if len(places) == 1:
            return logits[:, 0].float()
        picked = torch.tensor([places.index(place) for place in kept], device=device)
        return logits[torch.arange(len(kept), device=device), picked].float()

    def _reason_to_be_alone(self) -> str | None:
        """Return what makes the answers of a batch depend on each other, or cannot be put into slots."""
        base, config = self.base, self.base.config
        if isinstance(self.whole, PeftModel) and self.whole.active_peft_config.is_prompt_learning:
            return "its adapter is a learned prompt"
        if not type(base).__module__.startswith("transformers."):
            return "it has code of its own"
        if config.is_encoder_decoder or config.get_text_config(decoder=True) is not config:
            return "it is no plain decoder"
        if config._attn_implementation not in _ATTENTION:
            return f"its attention is {config._attn_implementation}"
        eager = config._attn_implementation == "eager" and base._supports_attention_backend
        if not base._supports_sdpa and not eager:
            return "it does not let its attention be chosen"  # old code, with masks of its own
        if getattr(config, "attention_chunk_size", None) or getattr(
            config, "num_kv_shared_layers", None
        ):
            return "its layers see chunks, or share their keys"
        if any(kind in _ROPES_OF_ONE_LENGTH for kind in _rope_kinds(config)):
            return "its positions depend on the longest prompt"
        for layer in DynamicCache(config=config).layers:
            if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
                return f"its cache has a {type(layer).__name__}"
            self.sliding_windows.append(getattr(layer, "sliding_window", None))
        return None


def _rope_kinds(config: Any) -> list[str]:
    """Return the kinds of rope, of which a model may have one for each kind of layer."""
    rope = getattr(config, "rope_parameters", None) or {}
    settings = [rope, *(value for value in rope.values() if isinstance(value, Mapping))]
    return [str(setting.get("rope_type", "default")) for setting in settings]
