"""Shuffling as numpy does it, so that orders equal those of the reference for the same seed.

Source: numpy's legacy `RandomState` (MT19937) and `default_rng` (PCG64); the `datasets` library
shuffles, splits and interleaves with the latter, drawing choices in blocks of 1000.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.random  # numpy itself loads it only when it is first used

from swiftx.domain.datasets.orders import index_kind

_BLOCK = (
    1000  # `datasets.interleave_datasets` draws this many at once; another size is another order
)


class NumpyDraws:
    """`Draws` over `numpy.random.RandomState`."""

    def __init__(self, seed: int) -> None:
        self._state = np.random.RandomState(seed)

    def permutation(self, count: int) -> array[int]:
        return _in_array(self._state.permutation(count))

    def below(self, bound: int) -> int:
        return int(self._state.randint(0, bound))


class NumpyGenerator:
    """`Generator` over `numpy.random.default_rng`."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def permutation(self, count: int) -> array[int]:
        return _in_array(self._rng.permutation(count))

    def choices(self, probabilities: Sequence[float]) -> Iterator[int]:
        while True:
            yield from self._rng.choice(
                len(probabilities), size=_BLOCK, p=list(probabilities)
            ).tolist()


def _in_array(order: Any) -> array[int]:
    kind = index_kind(len(order))
    return array(kind, order.astype(kind).tobytes())


class NumpyShuffler:
    """Opens numpy streams."""

    def draws(self, seed: int) -> NumpyDraws:
        return NumpyDraws(seed)

    def generator(self, seed: int) -> NumpyGenerator:
        return NumpyGenerator(seed)
