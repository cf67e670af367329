"""Parts of batches: together they are the whole, and each label is predicted once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from swiftx.adapters.trainers.collators import PaddedBatch
from swiftx.adapters.trainers.flat_batch import FlatBatch
from swiftx.adapters.trainers.losses import targets
from swiftx.adapters.trainers.objectives import Batch
from swiftx.adapters.trainers.sequence_parallel import split_batch
from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.training.sequence_parallel import ProcessGrid

ROWS = [
    Encoded(input_ids=[5, 6, 7, 8], labels=[IGNORE, 6, 7, 8], loss_weights=[0.0, 1.0, 2.0, 3.0]),
    Encoded(input_ids=[9, 10, 11], labels=[IGNORE, IGNORE, 11], loss_weights=[0.0, 0.0, 4.0]),
]


@pytest.mark.parametrize(
    "whole",
    [PaddedBatch(0)(ROWS), PaddedBatch(0, "left")(ROWS), FlatBatch()(ROWS)],
    ids=["right", "left", "flat"],
)
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_parts_have_all_tokens_and_each_target_once(whole: Batch, size: int) -> None:
    parts = _parts(whole, size)

    assert torch.cat([part["input_ids"] for part in parts], dim=1).equal(whole["input_ids"])
    found = [pair for part in parts for pair in _targets(part)]
    assert sorted(found) == sorted(_targets(whole)) == [(6, 1.0), (7, 2.0), (8, 3.0), (11, 4.0)]


def test_positions_go_on_from_part_to_part_and_rows_keep_their_numbers() -> None:
    flat, padded = _parts(FlatBatch()(ROWS), 2), _parts(PaddedBatch(0)(ROWS), 2)

    assert [part["position_ids"].tolist() for part in flat] == [[[0, 1, 2, 3]], [[0, 1, 2]]]
    assert [part["row_numbers"].tolist() for part in flat] == [[[0, 0, 0, 0]], [[1, 1, 1]]]
    assert [part["position_ids"].tolist() for part in padded] == [[[0, 1]] * 2, [[2, 3]] * 2]


def test_no_part_is_empty() -> None:
    short = Encoded(input_ids=[5, 6], labels=[IGNORE, 6])

    for whole in (PaddedBatch(0)([short]), FlatBatch()([short])):
        parts = _parts(whole, 4)
        assert [part["input_ids"].shape[1] for part in parts] == [1, 1, 1, 1]
        assert [len(_targets(part)) for part in parts] == [1, 0, 0, 0]


def _parts(whole: Batch, size: int) -> list[Batch]:
    grids = [ProcessGrid(rank=rank, world_size=size, group_size=size) for rank in range(size)]
    return [split_batch(whole, grid) for grid in grids]


def _targets(batch: Batch) -> list[tuple[int, float]]:
    target = targets(batch["labels"], batch.get("loss_weights"))
    chosen = target.labels_BK != IGNORE
    weights: Tensor = (
        torch.ones_like(target.labels_BK) if target.weights_BK is None else target.weights_BK
    )
    return list(zip(target.labels_BK[chosen].tolist(), weights[chosen].tolist(), strict=True))
