"""The `Rehearsal` port: a training step on torch's meta device, whose tensors have shapes and no numbers.

Legend: B batch, T token, D hidden size, N position with a label, V vocabulary, H head, E head size.
Forward, backward and the optimiser's step run as they are written, with every layer that the model has, so
that what they keep and what lives for a moment need no formula. Three things that depend on numbers are
replaced by what holds as much memory: attention, the choice of labels, and random draws.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, cast
from unittest import mock

import psutil
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Trainer, TrainingArguments

from swiftx.adapters.trainers.arguments import checkpointing, training_arguments
from swiftx.adapters.trainers.head_loss import (
    ChunkedLoss,
    chunk_elements,
    linear_head,
    may_use_parts,
    without_head,
)
from swiftx.adapters.trainers.lora_kernel import quicken_lora
from swiftx.adapters.trainers.losses import Targets, token_losses
from swiftx.adapters.trainers.memory_ledger import Ledger
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.memory import BatchShape, StepMemory
from swiftx.domain.plans.training import TrainPlan
from swiftx.errors import BackendError

_META = torch.device("meta")
_TWO_MOMENTS = "optimiser states are taken as two float32 numbers for each trained weight"
_HEAP_LEAST, _HEAP_SHARE = 200 << 20, 0.03  # bytes; share of what comes and goes in a step
_ON_HOST = ("cpu", "mps")
_EIGHT_BITS = "optimiser states are taken as two 8-bit numbers for each trained weight"


class MetaRehearsal:
    """Runs one step on the meta device."""

    def measure(self, model: ModelHandle, plan: TrainPlan, batch: BatchShape) -> StepMemory:
        """Return what a step of the plan holds at most."""
        resident = psutil.Process().memory_info().rss if plan.device in _ON_HOST else 0
        arguments = training_arguments(plan)
        try:
            return _Step(cast(nn.Module, model), plan, arguments).run(batch, resident)
        except (
            RuntimeError,
            TypeError,
        ) as error:  # what torch raises where it is asked for a number
            raise BackendError(
                f"{type(model).__name__} cannot be run without numbers: {str(error).splitlines()[0]}",
                hint="this model's memory is known only when it is trained",
            ) from error


class _Step:
    def __init__(self, model: nn.Module, plan: TrainPlan, arguments: TrainingArguments) -> None:
        self._model = model
        self._plan = plan
        self._arguments = arguments
        self._ledger = Ledger()
        self._notes: list[str] = []
        self._trained = [each for each in model.parameters() if each.requires_grad]
        self._fused = False
        self._takes_parts = (
            plan.use_logits_to_keep is not False
            and plan.token_loss is None
            and may_use_parts(arguments)
        )

    def run(self, batch: BatchShape, resident: int) -> StepMemory:
        ledger = self._ledger
        self._prepare()
        held = [*self._model.parameters(), *self._model.buffers()]
        ledger.book(_once(held), "weights")
        for parameter in self._trained:
            parameter.register_post_accumulate_grad_hook(self._keep_gradient)
        optimizer = self._optimizer()
        for _ in range(2):  # the first step makes the states that the second begins with
            ledger.forget()
            for _ in range(min(self._arguments.gradient_accumulation_steps, 2)):
                with ledger:
                    self._learn(batch)
            states = self._advance(optimizer)
        most = ledger.most
        transient = sum(most[phase] for phase in ("forward", "loss", "backward", "step"))
        return StepMemory(
            weights=most["weights"],
            gradients=most["gradients"],
            optimizer=most["optimizer"] + (0 if optimizer is not None else states),
            activations=most["forward"],
            logits=most["loss"],
            passing=most["backward"] + most["step"],
            heap=_heap(transient) if self._plan.device in _ON_HOST else 0,
            process=resident,
            available=_available(self._plan.device, resident),
            all_gradients=sum(each.nbytes for each in self._trained),
            trained=sum(each.numel() for each in self._trained),
            total_weights=sum(each.numel() for each in self._model.parameters()),
            notes=tuple(dict.fromkeys(self._notes)),
        )

    def _prepare(self) -> None:
        """Put the model into the state that the training loop puts it in."""
        model: Any = self._model
        model.train()
        if not self._arguments.torch_compile:
            quicken_lora(model)
        enabled, kwargs = checkpointing(self._arguments)
        if enabled:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=kwargs)

    def _keep_gradient(self, parameter: Tensor) -> None:
        assert parameter.grad is not None
        self._ledger.book([parameter.grad], "gradients")

    def _learn(self, batch: BatchShape) -> None:
        """Forward and backward of one batch."""
        ledger = self._ledger
        ledger.phase = "forward"
        with _without_numbers():
            loss = self._loss(batch)
            ledger.phase = "backward"
            loss.backward()

    def _loss(self, batch: BatchShape) -> Tensor:
        """Return the loss of the batch; every token has a label."""
        shape = (batch.rows, batch.tokens)
        inputs = {"input_ids": torch.zeros(shape, dtype=torch.long, device=_META)}
        if batch.masked:
            square = (batch.rows, 1, batch.tokens, batch.tokens)
            inputs["attention_mask"] = torch.ones(square, dtype=torch.bool, device=_META)
        scores, head = self._scores(inputs)
        self._ledger.phase = "loss"
        labels_BT = torch.zeros(shape, dtype=torch.long, device=_META)
        if head is None:
            target = Targets(positions_K=labels_BT[0], labels_BK=labels_BT, weights_BK=None)
            return token_losses(scores, target).sum()
        chosen_N = labels_BT.flatten()
        hidden_ND = scores.flatten(0, 1)[chosen_N]
        total, *_ = ChunkedLoss.apply(
            hidden_ND,
            head.weight,
            chosen_N,
            torch.ones(chosen_N.shape, device=_META),
            self._arguments.label_smoothing_factor,
            self._plan.enable_dft_loss,
            chunk_elements(self._plan.device),
        )
        return cast(Tensor, total)

    def _scores(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, nn.Linear | None]:
        """Return logits; or the hidden states, with the head that the loss applies a few at a time."""
        head = linear_head(self._model) if self._takes_parts else None
        if head is not None:
            with without_head(head), _last_input(head) as last:
                scores = self._model(**inputs, use_cache=False).logits
            if scores is last():
                return scores, head
            self._takes_parts = False  # something is applied to the logits
        logits: Tensor = self._model(**inputs, use_cache=False).logits
        return logits, None

    # --- optimiser -----------------------------------------------------------------------------

    def _optimizer(self) -> torch.optim.Optimizer | None:
        """Return torch's optimiser of the plan; None for another library's, which may need numbers."""
        kind, options = Trainer.get_optimizer_cls_and_kwargs(self._arguments, self._model)
        if self._plan.optimizer is not None or not kind.__module__.startswith("torch.optim"):
            return None
        self._fused = bool(options.pop("fused", False))
        if "foreach" in inspect.signature(kind).parameters:
            options["foreach"] = None if not self._fused else False
        return cast(torch.optim.Optimizer, kind(self._trained, **options))

    def _advance(self, optimizer: torch.optim.Optimizer | None) -> int:
        """Do the optimiser's step and let the gradients go; return the bytes of its states."""
        if optimizer is None:
            size = self._states_of_others()
        else:
            self._ledger.phase = "step"
            with nullcontext() if self._fused else self._ledger:  # fused, it needs nothing besides
                optimizer.step()
            states = (each for state in optimizer.state.values() for each in state.values())
            size = self._ledger.book(filter(torch.is_tensor, states), "optimizer")
        for parameter in self._trained:
            parameter.grad = None
        return size

    def _states_of_others(self) -> int:
        eight = "8bit" in getattr(self._arguments.optim, "value", str(self._arguments.optim))
        self._notes.append(_EIGHT_BITS if eight else _TWO_MOMENTS)
        return sum(2 * (1 if eight else 4) * each.numel() for each in self._trained)


@contextmanager
def _without_numbers() -> Iterator[None]:
    """Answer what depends on numbers, in the backward pass too, where checkpointed layers run again.

    Attention keeps what its kernels keep and makes what they make. A model that looks at its inputs asks
    whether it may take the short way (no padding, one document a row): it may.
    """
    attention = mock.patch.object(functional, "scaled_dot_product_attention", _attend)
    with attention, mock.patch.object(Tensor, "__bool__", _agree):
        yield


def _agree(_: Tensor) -> bool:
    return True


def _attend(
    query_BHTE: Tensor,
    key_BHTE: Tensor,
    value_BHTE: Tensor,
    attn_mask: Tensor | None = None,
    **_: Any,
) -> Tensor:
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = attn_mask.to(query_BHTE.dtype)  # the kernels add it
    attended: Tensor = _Attended.apply(query_BHTE, key_BHTE, value_BHTE, attn_mask)
    return attended


class _Attended(torch.autograd.Function):
    """Keeps inputs, output and the logarithm of each row's sum, as in https://arxiv.org/abs/2205.14135."""

    @staticmethod
    def forward(
        ctx: Any, query_BHTE: Tensor, key_BHTE: Tensor, value_BHTE: Tensor, mask: Tensor | None
    ) -> Tensor:
        attended_BHTE = torch.empty_like(query_BHTE[..., :1]).expand(
            *query_BHTE.shape[:-1], value_BHTE.shape[-1]
        )
        attended_BHTE = attended_BHTE.contiguous()
        sums_BHT = query_BHTE.new_empty(query_BHTE.shape[:-1], dtype=torch.float32)
        ctx.save_for_backward(query_BHTE, key_BHTE, value_BHTE, mask, attended_BHTE, sums_BHT)
        return attended_BHTE

    @staticmethod
    def backward(ctx: Any, *_: Any) -> tuple[Tensor | None, ...]:
        query_BHTE, key_BHTE, value_BHTE, *_ = ctx.saved_tensors
        made = (torch.empty_like(each) for each in (query_BHTE, key_BHTE, value_BHTE))
        return *made, None


@contextmanager
def _last_input(head: nn.Linear) -> Iterator[Callable[[], Tensor | None]]:
    """Return a function that tells what the head was given last."""
    given: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    try:
        yield lambda: given[-1] if given else None
    finally:
        hook.remove()


def _heap(transient: int) -> int:
    """Return what a training process held beside its tensors, in measurements on Linux.

    Kernels that are made when they are first used, their buffers, and holes between tensors: for SmolLM2-135M
    with LoRA and full, with and without checkpointing, 120 to 290 MB.
    """
    return int(_HEAP_LEAST + _HEAP_SHARE * transient)


def _available(device: str, resident: int) -> int | None:
    """Return what a run would find free if this process ended now."""
    if device in _ON_HOST:
        return int(psutil.virtual_memory().available) + resident
    if device == "cuda" and torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return int(free)
    return None


def _once(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return tensors without those that share the memory of another."""
    return list({each.untyped_storage()._cdata: each for each in tensors}.values())
