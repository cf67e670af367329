"""Several data sets → one order of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from swiftx.domain.ports.random import Generator
from swiftx.errors import ArgError, UsageError

_Row = TypeVar("_Row")

FIRST_EXHAUSTED = "first_exhausted"
ALL_EXHAUSTED = "all_exhausted"


def interleaved(
    lengths: Sequence[int],
    probabilities: Sequence[float],
    *,
    stopping_strategy: str,
    generator: Generator,
) -> Iterator[tuple[int, int]]:
    """Yield (data set, index in it) pairs, each data set in its order, chosen at random row by row.

    `first_exhausted` ends when one data set has given its last row; `all_exhausted` when each has, and
    starts the shorter ones again meanwhile.

    Args:
        lengths: Rows of each data set, at least 1.

    Raises:
        UsageError: See `check_probabilities`; at once, not with the first pair.
    """
    check_probabilities(probabilities, datasets=len(lengths), stopping_strategy=stopping_strategy)
    return _interleaved(lengths, generator.choices(probabilities), ended=_ended(stopping_strategy))


def _interleaved(
    lengths: Sequence[int], choices: Iterable[int], *, ended: Callable[[Iterable[bool]], bool]
) -> Iterator[tuple[int, int]]:
    following = [0] * len(lengths)
    exhausted = [False] * len(lengths)
    for chosen in choices:
        if ended(exhausted):
            return
        yield chosen, following[chosen]
        following[chosen] += 1
        if following[chosen] == lengths[chosen]:
            exhausted[chosen] = True
            following[chosen] = 0


def interleaved_stream(
    streams: Sequence[Iterable[_Row]],
    probabilities: Sequence[float],
    *,
    stopping_strategy: str,
    generator: Generator,
) -> Iterator[_Row]:
    """Yield the rows that `interleaved` orders, without knowing the lengths.

    Args:
        streams: Each can be iterated again; an empty one counts as exhausted and gives nothing.

    Raises:
        UsageError: See `check_probabilities`.
    """
    check_probabilities(probabilities, datasets=len(streams), stopping_strategy=stopping_strategy)
    ended = _ended(stopping_strategy)
    iterators = [iter(stream) for stream in streams]
    nothing = object()
    following: list[object] = [next(iterator, nothing) for iterator in iterators]
    exhausted = [row is nothing for row in following]
    empty = list(exhausted)
    for chosen in generator.choices(probabilities):
        if ended(exhausted):
            return
        if empty[chosen]:
            continue
        row = following[chosen]
        following[chosen] = next(iterators[chosen], nothing)
        if following[chosen] is nothing:
            exhausted[chosen] = True
            iterators[chosen] = iter(streams[chosen])
            following[chosen] = next(iterators[chosen], nothing)
        yield row  # type: ignore[misc]  # `nothing` never gets here: an empty stream is skipped


def buffer_shuffled(
    rows: Iterable[_Row], *, buffer_size: int, generator: Generator
) -> Iterator[_Row]:
    """Yield all rows in an order that is random within about `buffer_size` rows.

    A full buffer is shuffled, half of it given and half kept, as the `datasets` library does.
    """
    size = max(buffer_size, 1)
    buffer: list[_Row] = []
    for row in rows:
        buffer.append(row)
        if len(buffer) >= size:
            order = generator.permutation(len(buffer))
            given = len(buffer) - size // 2
            yield from (buffer[index] for index in order[:given])
            buffer = [buffer[index] for index in order[given:]]
    yield from (buffer[index] for index in generator.permutation(len(buffer)))


def check_probabilities(
    probabilities: Sequence[float], *, datasets: int, stopping_strategy: str
) -> None:
    """Refuse probabilities that cannot interleave so many data sets.

    Raises:
        UsageError: A wrong number of them, one below 0, a sum other than 1, or a data set of
            probability 0 that `all_exhausted` would wait for.
    """
    problem = None
    if len(probabilities) != datasets:
        problem = f"{len(probabilities)} probabilities for {datasets} data sets"
    elif any(not probability >= 0 for probability in probabilities):
        problem = f"a probability below 0: {list(probabilities)}"
    elif abs(sum(probabilities) - 1) > 1e-8:
        problem = f"the probabilities add up to {sum(probabilities):g}, not to 1"
    elif stopping_strategy == ALL_EXHAUSTED and 0 in probabilities:
        problem = "a data set of probability 0 is never exhausted"
    if problem is not None:
        raise UsageError(
            [ArgError("interleave_prob", problem, hint="Give one share a data set, 1 in total.")]
        )


def _ended(stopping_strategy: str) -> Callable[[Iterable[bool]], bool]:
    return all if stopping_strategy == ALL_EXHAUSTED else any
