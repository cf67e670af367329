"""From encoded rows to padded tensors. Legend: B batch, T token."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from swiftx.domain.plans.encoded import IGNORE, Encoded

ROWS = "rows"
"""Where a training batch has the numbers of its rows."""


class EncodedRows(Dataset[Encoded]):
    """Encoded rows as torch's data loader wants them."""

    def __init__(self, rows: Sequence[Encoded]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Encoded:
        return self._rows[index]


class NumberedRows(Dataset[tuple[int, Encoded]]):
    """Encoded rows with their numbers, which `Numbered` leads around the collator."""

    def __init__(self, rows: Sequence[Encoded]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[int, Encoded]:
        return index, self._rows[index]


@dataclass(frozen=True)
class Numbered:
    """Collates `NumberedRows`; a batch also has `ROWS`, a list of numbers."""

    collate: Callable[[Sequence[Encoded]], Mapping[str, Any]]

    def __call__(self, rows: Sequence[tuple[int, Encoded]]) -> dict[str, Any]:
        numbers, encoded = zip(*rows, strict=True)
        return {**self.collate(encoded), ROWS: list(numbers)}


@dataclass(frozen=True, slots=True)
class PaddedBatch:
    """Pads the rows of a batch to its longest.

    The batch has `input_ids`, `labels` (-100 in the padding) and `attention_mask`, int, shape (B, T); and
    `loss_weights`, float, shape (B, T), 0 in the padding, when a row has weights other than 0 and 1.
    """

    pad_token_id: int
    padding_side: str = "right"

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Tensor]:
        """Return the tensors of one batch."""
        width = max(len(row) for row in rows)
        batch = {
            "input_ids": self._integers([row.input_ids for row in rows], width, self.pad_token_id),
            "labels": self._integers([row.labels for row in rows], width, IGNORE),
            "attention_mask": self._mask([len(row) for row in rows], width),
        }
        if any(row.loss_weights is not None for row in rows):
            batch["loss_weights"] = self._weights(rows, width)
        return batch

    def _integers(self, values: Sequence[Sequence[int]], width: int, fill: int) -> Tensor:
        tensor_BT = torch.full((len(values), width), fill, dtype=torch.long)
        for index, row in enumerate(values):
            tensor_BT[index, self._place(len(row), width)] = _tensor(row)
        return tensor_BT

    def _mask(self, lengths: Sequence[int], width: int) -> Tensor:
        mask_BT = torch.zeros((len(lengths), width), dtype=torch.long)
        for index, length in enumerate(lengths):
            mask_BT[index, self._place(length, width)] = 1
        return mask_BT

    def _weights(self, rows: Sequence[Encoded], width: int) -> Tensor:
        """Return the weights; a row without any has 1 at its labels."""
        tensor_BT = torch.zeros((len(rows), width), dtype=torch.float32)
        for index, row in enumerate(rows):
            weights = row.loss_weights
            if weights is None:
                weights = [0.0 if label == IGNORE else 1.0 for label in row.labels]
            tensor_BT[index, self._place(len(row), width)] = torch.tensor(list(weights))
        return tensor_BT

    def _place(self, length: int, width: int) -> slice:
        return slice(width - length, width) if self.padding_side == "left" else slice(0, length)


def _tensor(values: Sequence[int]) -> Tensor:
    """Return values as a tensor; those of an array are read as they lie in memory."""
    if isinstance(values, array) and len(values):
        return torch.frombuffer(values, dtype=torch.int32)
    return torch.tensor(list(values))
