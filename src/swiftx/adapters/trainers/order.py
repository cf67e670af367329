"""The order of rows, or of packs of rows, in an epoch, as a batch sampler for torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from transformers import TrainingArguments
from transformers.trainer_pt_utils import get_length_grouped_indices

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.training.batches import batch_count, batches
from swiftx.domain.training.packing import lengths_of
from swiftx.domain.training.sequence_parallel import ProcessGrid


class EpochBatches:
    """The batches of this process in the epoch that is set.

    Args:
        rows: The training rows.
        arguments: Seeds and sampling strategy.
        grid: The processes; those that share rows have the same batches.
        batch_size: Returns the rows (or packs) in a batch, which may change while training looks for one that
            fits.
        shuffle: Whether they come in random order.
        packs: Numbers of the rows that go together; None when each row goes by itself.
    """

    def __init__(
        self,
        rows: Sequence[Encoded],
        arguments: TrainingArguments,
        grid: ProcessGrid,
        *,
        batch_size: Callable[[], int],
        shuffle: bool,
        packs: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.epoch = 0
        self._rows = rows
        self._packs = packs
        self._arguments = arguments
        self._grid = grid
        self._batch_size = batch_size
        self._shuffle = shuffle

    def __len__(self) -> int:
        return batch_count(
            self._count,
            self._batch_size(),
            world_size=self._grid.groups,
            drop_last=self._arguments.dataloader_drop_last,
        )

    def __iter__(self) -> Iterator[list[int]]:
        dealt = batches(
            self._order(),
            self._batch_size(),
            rank=self._grid.group,
            world_size=self._grid.groups,
            drop_last=self._arguments.dataloader_drop_last,
        )
        packs = self._packs
        if packs is None:
            return iter(dealt)
        return ([row for number in batch for row in packs[number]] for batch in dealt)

    @property
    def _count(self) -> int:
        return len(self._rows) if self._packs is None else len(self._packs)

    def _order(self) -> Sequence[int]:
        """Return all rows' (or packs') indices; the random order depends on the seed plus the epoch only."""
        arguments = self._arguments
        if not self._shuffle or arguments.train_sampling_strategy == "sequential":
            return range(self._count)
        seed = arguments.seed if arguments.data_seed is None else arguments.data_seed
        generator = torch.Generator().manual_seed(seed + self.epoch)
        if arguments.train_sampling_strategy == "group_by_length":
            together = self._batch_size() * arguments.gradient_accumulation_steps
            return cast(
                list[int],
                get_length_grouped_indices(
                    self._lengths(), together * self._grid.groups, generator=generator
                ),
            )
        return cast(list[int], torch.randperm(self._count, generator=generator).tolist())

    def _lengths(self) -> list[int]:
        lengths = lengths_of(self._rows)
        if self._packs is None:
            return list(lengths)
        return [sum(lengths[row] for row in pack) for pack in self._packs]
