"""Rows that several processes share (Ulysses). Legend: B batch, H head, T token, D head size.

Each process has a part of every sequence. For attention the processes swap: each gets all tokens of a share
of the heads, attends as one process would, and swaps back. Everything else looks at one token at a time.

Source: DeepSpeed Ulysses, https://arxiv.org/abs/2309.14509, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import torch
from peft import PeftModel
from torch import Size, Tensor, distributed, nn
from torch.nn.functional import pad
from transformers import AttentionInterface, AttentionMaskInterface, TrainingArguments
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from swiftx.adapters.trainers.attention import BY_DOCUMENT, evaluating
from swiftx.adapters.trainers.losses import row_numbers
from swiftx.adapters.trainers.objectives import Batch, Measured
from swiftx.adapters.trainers.token_objective import ROW_NUMBERS, TokenObjective
from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.training.sequence_parallel import (
    ProcessGrid,
    key_repeats,
    part,
    part_lengths,
)
from swiftx.errors import ArgError, UsageError

SHARED = "swiftx_shared_rows"
"""Name of attention over all parts among transformers' implementations."""

_WHOLE_MASK, _WHOLE_POSITIONS = "whole_attention_mask", "whole_position_ids"
_PROBE = 8  # tokens of a part
_ROUNDING, _COARSE_ROUNDING = 0.01, 0.3  # shares of the yardstick; the second of 16-bit weights


def process_grid(arguments: TrainingArguments, plan: TrainPlan) -> ProcessGrid:
    """Return where this process is among those of the run."""
    return ProcessGrid(
        rank=arguments.process_index,
        world_size=arguments.world_size,
        group_size=plan.sequence_parallel_size,
    )


class SharedAttention:
    """Attention of one model over sequences that the processes of a group have parts of.

    Args:
        model: A causal language model with sdpa, perhaps with adapters and perhaps by document; from now on
            it wants its part of a batch, whose whole is told with `expect`.
        grid: Where this process is. Every process of the run must construct one, at the same time.
        timeout: Of a swap.

    Raises:
        UsageError: The model's attention cannot be shared.
    """

    def __init__(self, model: nn.Module, grid: ProcessGrid, timeout: timedelta) -> None:
        inner = model.get_base_model() if isinstance(model, PeftModel) else model
        given = inner.config._attn_implementation
        self.grid = grid
        self._group, _ = distributed.new_subgroups(grid.group_size, timeout=timeout)
        self._tokens = 0
        self._mask_BT: Tensor | None = None
        self._positions_BT: Tensor | None = None
        if given not in ("sdpa", BY_DOCUMENT):
            raise _impossible(f"its attention is {given!r}, not sdpa", "add --attn_impl sdpa")
        self._attention = ALL_ATTENTION_FUNCTIONS[given]
        self._masking = ALL_MASK_ATTENTION_FUNCTIONS[given]
        AttentionInterface.register(SHARED, self.attend)
        AttentionMaskInterface.register(SHARED, self.mask)
        expected = _Probe(model, grid)
        inner.set_attn_implementation(SHARED)
        self._prove(model, expected)

    def expect(self, batch: Mapping[str, Any]) -> None:
        """Hear of the whole sequences whose parts come next; they hold until the next call."""
        self._mask_BT = batch.get(_WHOLE_MASK)
        self._positions_BT = batch.get(_WHOLE_POSITIONS)
        whole = self._mask_BT if self._positions_BT is None else self._positions_BT
        assert whole is not None
        self._tokens = whole.shape[-1]

    def summed(self, value: Tensor) -> Tensor:
        """Return the sum over the processes of the group."""
        total = value.clone()
        distributed.all_reduce(total, group=self._group)
        return total

    def attend(
        self,
        module: nn.Module,
        query_BHTD: Tensor,
        key_BHTD: Tensor,
        value_BHTD: Tensor,
        attention_mask: Tensor | None,
        **options: Any,
    ) -> tuple[Tensor, None]:
        """Attend to all parts with a share of the heads.

        Args:
            module: The layer.
            query_BHTD: float, of this process's tokens; keys and values as well, perhaps of fewer heads.
            attention_mask: From `mask`, of all tokens.
            options: For the attention, which gets the positions of all tokens in place of this process's.

        Returns:
            The attended values of this process's tokens, float, shape (B, T, H, D), and None for the weights.
        """
        key_heads = key_BHTD.shape[1]
        repeats = key_repeats(key_heads, self.grid.group_size)
        alone = SimpleNamespace(
            num_key_value_groups=query_BHTD.shape[1] // (key_heads * repeats),
            is_causal=getattr(module, "is_causal", True),
            training=module.training,
        )
        attended_BTHD, _ = self._attention(
            alone,
            self._all_tokens(query_BHTD),
            self._all_tokens(key_BHTD.repeat_interleave(repeats, dim=1)),
            self._all_tokens(value_BHTD.repeat_interleave(repeats, dim=1)),
            attention_mask,
            **{**options, "position_ids": self._positions_BT},
        )
        return self._all_heads(attended_BTHD), None

    def mask(self, **options: Any) -> Tensor | None:
        """Return the mask of all tokens, given what transformers asks of a mask for this process's part."""
        whole_BT = None if self._mask_BT is None else self._mask_BT.bool()
        sizes = {"q_length": self._tokens, "kv_length": self._tokens}
        mask: Tensor | None = self._masking(**{**options, **sizes, "attention_mask": whole_BT})
        return mask

    def _all_tokens(self, part_BHTD: Tensor) -> Tensor:
        """Return all tokens of this process's share of the heads, given all heads of its tokens."""
        size = self.grid.group_size
        batch, heads, _, width = part_BHTD.shape
        shapes = [
            Size((batch, heads // size, tokens, width))
            for tokens in part_lengths(self._tokens, size)
        ]
        swapped: tuple[Tensor, ...] = _Swap.apply(
            self._group, shapes, *part_BHTD.chunk(size, dim=1)
        )
        return torch.cat(swapped, dim=2)

    def _all_heads(self, whole_BTHD: Tensor) -> Tensor:
        """Return all heads of this process's tokens, given all tokens of its share of the heads."""
        size = self.grid.group_size
        lengths = part_lengths(self._tokens, size)
        batch, _, heads, width = whole_BTHD.shape
        shapes = [Size((batch, lengths[self.grid.place], heads, width))] * size
        swapped: tuple[Tensor, ...] = _Swap.apply(
            self._group, shapes, *whole_BTHD.split(lengths, dim=1)
        )
        return torch.cat(swapped, dim=2)

    def _prove(self, model: nn.Module, probe: _Probe) -> None:
        """Hold the logits of a short sequence against those that one process had; all come to one answer."""
        self.expect({_WHOLE_MASK: torch.ones_like(probe.ids_1T)})
        shared_TV = probe.logits(model, probe.mine)
        leak = (shared_TV - probe.whole_TV[probe.mine]).abs().sum()
        apart = (probe.alone_TV - probe.whole_TV[probe.mine]).abs().sum()
        leak, apart = self.summed(torch.stack([leak, apart])).tolist()
        exact = model.get_input_embeddings().weight.dtype == torch.float32
        if not leak <= (_ROUNDING if exact else _COARSE_ROUNDING) * apart:
            raise _impossible(
                "its answers change when processes share a row",
                "leave --sequence_parallel_size out",
            )


class _Probe:
    """A short sequence, with what the model says in one process of all tokens and of this part alone."""

    def __init__(self, model: nn.Module, grid: ProcessGrid) -> None:
        embeddings = model.get_input_embeddings()
        tokens = _PROBE * grid.group_size + 1
        device = embeddings.weight.device
        self.positions_1T = torch.arange(tokens, device=device)[None]
        self.ids_1T = (self.positions_1T + 3) % embeddings.num_embeddings
        self.mine = part(tokens, grid.group_size, grid.place)
        self.whole_TV = self.logits(model, slice(None))
        self.alone_TV = self.logits(model, self.mine)

    @torch.no_grad()
    def logits(self, model: nn.Module, tokens: slice) -> Tensor:
        ids_1T = self.ids_1T[:, tokens]
        with evaluating(model):
            output = model(
                input_ids=ids_1T,
                attention_mask=torch.ones_like(ids_1T),
                position_ids=self.positions_1T[:, tokens],
                use_cache=False,
            )
        logits: Tensor = output.logits[0].float()
        return logits


class _Swap(torch.autograd.Function):
    """Sends the i-th tensor to the i-th process of a group; the gradients go the way back."""

    @staticmethod
    def forward(ctx: Any, group: Any, shapes: Sequence[Size], *sent: Tensor) -> tuple[Tensor, ...]:
        ctx.group, ctx.shapes = group, [tensor.shape for tensor in sent]
        return _swapped(sent, shapes, group)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        return None, None, *_swapped(gradients, ctx.shapes, ctx.group)


def _swapped(sent: Sequence[Tensor], shapes: Sequence[Size], group: Any) -> tuple[Tensor, ...]:
    """Send each process its tensor, and return what each has sent, which has these shapes."""
    line = torch.cat([tensor.reshape(-1) for tensor in sent])
    sizes = [shape.numel() for shape in shapes]
    received = line.new_empty(sum(sizes))
    distributed.all_to_all_single(
        received, line, sizes, [tensor.numel() for tensor in sent], group=group
    )
    return tuple(
        piece.view(shape) for piece, shape in zip(received.split(sizes), shapes, strict=True)
    )


class SharedTokens:
    """The objective of tokens in processes that share rows: each has the losses of its own tokens.

    A batch has this process's part of `input_ids`, `position_ids` and `attention_mask`; of `labels` and
    `loss_weights` one token more, for its last token predicts the first one of the next part.
    """

    def __init__(self, tokens: TokenObjective, attention: SharedAttention) -> None:
        self.accuracy = tokens.accuracy
        self._tokens = tokens
        self._attention = attention
        self._grid = attention.grid

    def collate(self, rows: Sequence[Encoded]) -> Batch:
        return split_batch(self._tokens.collate(rows), self._grid)

    def collate_validation(self, rows: Sequence[Encoded]) -> Batch:
        return split_batch(self._tokens.collate_validation(rows), self._grid)

    def items(self, batch: Batch) -> Tensor:
        """Return the number of trained tokens of this process."""
        return self._tokens.items(batch)

    def measure(self, model: nn.Module, batch: Batch, *, training: bool) -> Measured:
        self._attention.expect(batch)
        return self._tokens.measure(model, batch, training=training)

    def scores(self, results: Sequence[Any]) -> Mapping[str, float]:
        return self._tokens.scores(results)


def split_batch(batch: Batch, grid: ProcessGrid) -> Batch:
    """Return this process's part of a padded or flat batch, with the mask or the positions of the whole."""
    batch = _long_enough(batch, grid.group_size)
    tokens = batch["input_ids"].shape[1]
    mine = part(tokens, grid.group_size, grid.place)
    one_more = slice(mine.start, mine.stop + 1)
    shared: Batch = {**batch, "input_ids": batch["input_ids"][:, mine]}
    if "position_ids" in batch:
        positions_BT = batch["position_ids"]
        shared[_WHOLE_POSITIONS] = positions_BT
        shared[ROW_NUMBERS] = row_numbers(positions_BT)[:, mine]
    else:
        positions_BT = torch.arange(tokens)[None].expand(len(batch["input_ids"]), -1)
        shared[_WHOLE_MASK] = batch["attention_mask"]
        shared["attention_mask"] = batch["attention_mask"][:, mine]
    shared["position_ids"] = positions_BT[:, mine]
    shared["labels"] = pad(batch["labels"], (0, 1), value=IGNORE)[:, one_more]
    if "loss_weights" in batch:
        shared["loss_weights"] = pad(batch["loss_weights"], (0, 1))[:, one_more]
    return shared


def _long_enough(batch: Batch, tokens: int) -> Batch:
    """Fill up a batch of fewer tokens than that, in documents of their own; no part may be empty."""
    missing = tokens - batch["input_ids"].shape[1]
    if missing <= 0:
        return batch
    fills = {
        "input_ids": 0,
        "attention_mask": 0,
        "position_ids": 0,
        "labels": IGNORE,
        "loss_weights": 0,
    }
    filled = {
        name: pad(batch[name], (0, missing), value=fill)
        for name, fill in fills.items()
        if name in batch
    }
    return {**batch, **filled}


def _impossible(reason: str, hint: str) -> UsageError:
    message = f"processes cannot share the rows of this model: {reason}"
    return UsageError([ArgError("sequence_parallel_size", message, hint)])
