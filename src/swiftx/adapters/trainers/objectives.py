"""What a training loop asks of whatever is learned, tokens or whole rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from swiftx.adapters.trainers.losses import Hits
from swiftx.domain.plans.encoded import Encoded

Batch = dict[str, Any]
"""Tensors by name, and `channels`: the channel of each row, where some row has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a batch came to.

    Attributes:
        loss: Sum over the batch's items, with its gradient: float, no dimensions.
        hits: Right answers of how many.
        channels: By channel: the sum of losses and the number of items, float, shape (2,).
        results: What metrics are computed from, an entry a row; in evaluations only.
    """

    loss: Tensor
    hits: Hits
    channels: Mapping[str, Tensor] = field(default_factory=dict)
    results: Sequence[Any] = ()


class Objective(Protocol):
    """A loss, with how rows become batches for it and what it reports.

    Attributes:
        accuracy: Name of the share of right answers in the log; None where there are no answers.
    """

    accuracy: str | None

    def collate(self, rows: Sequence[Encoded]) -> Batch:
        """Return the tensors of one batch."""
        ...

    def collate_validation(self, rows: Sequence[Encoded]) -> Batch:
        """Return the tensors of one batch of an evaluation, the same ones each time."""
        ...

    def items(self, batch: Batch) -> Tensor:
        """Return how many items (tokens, rows) the loss of a batch is a sum of: int, no dimensions."""
        ...

    def measure(self, model: nn.Module, batch: Batch, *, training: bool) -> Measured:
        """Return the loss of a batch, with label smoothing and the like in training only."""
        ...

    def scores(self, results: Sequence[Any]) -> Mapping[str, float]:
        """Return metrics of all validation rows, given the results of every batch of every process."""
        ...


def no_hits(device: torch.device) -> Hits:
    """Return the count of no answers."""
    zero = torch.zeros((), dtype=torch.long, device=device)
    return Hits(right=zero, total=zero)
