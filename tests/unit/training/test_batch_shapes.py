import pytest

from swiftx.domain.plans.memory import BatchShape
from swiftx.domain.training.batch_shapes import largest_batch


@pytest.mark.parametrize(
    ("size", "shape"),
    [(1, BatchShape(rows=1, tokens=9)), (2, BatchShape(rows=2, tokens=9))],
)
def test_padded_rows_are_as_long_as_the_longest(size: int, shape: BatchShape) -> None:
    assert largest_batch([5, 9, 2], size, flat=False) == shape


def test_a_batch_has_no_more_rows_than_there_are() -> None:
    assert largest_batch([5, 9], 8, flat=False) == BatchShape(rows=2, tokens=9)


def test_rows_laid_end_to_end_add_up() -> None:
    assert largest_batch([3, 3, 3, 3], 2, flat=True) == BatchShape(rows=1, tokens=6)


def test_the_order_decides_which_rows_meet() -> None:
    lengths = [1, 1, 1, 1, 10, 20]
    tokens = {largest_batch(lengths, 2, flat=True, seed=seed).tokens for seed in range(20)}
    assert max(tokens) == 30
    assert min(tokens) >= 21


def test_packs_come_whole() -> None:
    shape = largest_batch([5, 3, 8, 2], 1, flat=True, packs=[[0, 1], [2, 3]])
    assert shape == BatchShape(rows=1, tokens=10)
