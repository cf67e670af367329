"""Port: reproducible randomness. The same seed gives the same answers on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol


class Draws(Protocol):
    """A seeded stream of decisions; each call moves it on."""

    def permutation(self, count: int) -> Sequence[int]:
        """Return 0 … count-1 in random order; empty for 0."""
        ...

    def below(self, bound: int) -> int:
        """Return a whole number in [0, bound); `bound` is at least 1."""
        ...


class Generator(Protocol):
    """A second kind of seeded stream, made from one drawn seed for one decision."""

    def permutation(self, count: int) -> Sequence[int]:
        """Return 0 … count-1 in random order; empty for 0."""
        ...

    def choices(self, probabilities: Sequence[float]) -> Iterator[int]:
        """Yield indices without end, each with its probability; the probabilities add up to 1."""
        ...


class Shuffler(Protocol):
    """Opens seeded streams. Two streams of the same kind and seed are equal and independent."""

    def draws(self, seed: int) -> Draws: ...
    def generator(self, seed: int) -> Generator: ...
