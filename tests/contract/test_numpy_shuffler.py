"""numpy's shuffler keeps the contract and its orders."""

from __future__ import annotations

from itertools import islice

import pytest
from tests.contract.shuffler_contract import ShufflerContract

pytest.importorskip("numpy")

from swiftx.adapters.rows.numpy_random import NumpyShuffler
from swiftx.domain.ports.random import Shuffler


class TestNumpyShuffler(ShufflerContract):
    @pytest.fixture
    def shuffler(self) -> Shuffler:
        return NumpyShuffler()


def test_orders_are_those_of_every_numpy() -> None:
    """Fixed values: another numpy release must not reorder anyone's training data."""
    shuffler = NumpyShuffler()

    assert list(shuffler.draws(42).permutation(10)) == [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]
    assert shuffler.draws(42).below(2**31 - 1) == 1608637542
    assert list(shuffler.generator(42).permutation(10)) == [5, 6, 0, 7, 3, 2, 4, 9, 1, 8]
    assert list(islice(shuffler.generator(42).choices([0.3, 0.7]), 8)) == [1, 1, 1, 1, 0, 1, 1, 1]
