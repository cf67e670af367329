"""Sampling, splitting and mixing: which rows are used, and in which order."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.rows import SeededShuffler, SeededStream

from swiftx.domain.datasets.arrangement import Mix, arrange
from swiftx.domain.datasets.mixing import (
    buffer_shuffled,
    check_probabilities,
    interleaved,
    interleaved_stream,
)
from swiftx.domain.datasets.sampling import sampled
from swiftx.domain.datasets.splitting import Part, Split, split
from swiftx.errors import DataError, UsageError


def _split(
    rows: int, count: int | None, *, ratio: float, shuffle: bool = True, seed: int = 1
) -> Split:
    shuffler = SeededShuffler()
    return split(
        Part("rows.jsonl", rows, count),
        ratio=ratio,
        shuffle=shuffle,
        draws=shuffler.draws(seed),
        shuffler=shuffler,
    )


@pytest.mark.parametrize(
    ("rows", "count", "order"),
    [(3, 2, [0, 1]), (3, 3, [0, 1, 2]), (2, 5, [0, 1, 0, 1, 0]), (1, 3, [0, 0, 0])],
)
def test_without_draws_the_first_rows_are_taken_and_repeated(
    rows: int, count: int, order: list[int]
) -> None:
    assert list(sampled(rows, count, draws=None)) == order


@given(st.integers(1, 20), st.integers(1, 60), st.integers(0, 5))
def test_a_sample_uses_every_row_about_as_often(rows: int, count: int, seed: int) -> None:
    uses = Counter(sampled(rows, count, draws=SeededStream(seed)))

    assert uses.total() == count
    assert all(uses[row] in (count // rows, count // rows + 1) for row in range(rows))


@given(st.integers(2, 30), st.none() | st.integers(2, 70), st.floats(0.01, 0.9), st.booleans())
def test_no_row_is_both_trained_and_validated(
    rows: int, count: int | None, ratio: float, shuffle: bool
) -> None:
    train, validation = _split(rows, count, ratio=ratio, shuffle=shuffle)

    wanted = count or rows
    assert not set(train) & set(validation)
    assert len(validation) == max(int(min(rows, wanted) * ratio), 1)
    assert len(set(validation)) == len(validation)
    assert len(train) + len(validation) == wanted


def test_without_shuffling_the_last_rows_validate() -> None:
    train, validation = _split(10, None, ratio=0.3, shuffle=False)

    assert list(train) == [0, 1, 2, 3, 4, 5, 6]
    assert list(validation) == [7, 8, 9]


@pytest.mark.parametrize(("rows", "count"), [(1, None), (5, 1), (1, 9)])
def test_a_split_that_leaves_nothing_to_train_is_refused(rows: int, count: int | None) -> None:
    with pytest.raises(DataError, match=r"rows\.jsonl: .*no row to train on") as caught:
        _split(rows, count, ratio=0.5)

    assert caught.value.hint is not None
    assert "--split_dataset_ratio" in caught.value.hint


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_a_ratio_outside_0_to_1_is_refused(ratio: float) -> None:
    with pytest.raises(UsageError, match="from 0 to 1"):
        _split(5, None, ratio=ratio)


def test_validation_rows_are_never_repeated() -> None:
    with pytest.raises(UsageError, match="5 rows, fewer than the 6"):
        _split(5, 6, ratio=1.0)


def test_first_exhausted_ends_with_the_shortest_set() -> None:
    order = list(
        interleaved(
            [3, 100], [0.5, 0.5], stopping_strategy="first_exhausted", generator=SeededStream(0)
        )
    )

    assert order[-1] == (0, 2)
    assert [index for part, index in order if part == 1] == list(range(len(order) - 3))


def test_all_exhausted_repeats_the_shorter_set_until_every_row_was_there() -> None:
    order = list(
        interleaved(
            [3, 20], [0.5, 0.5], stopping_strategy="all_exhausted", generator=SeededStream(0)
        )
    )

    assert order[-1] == (1, 19)
    short = [index for part, index in order if part == 0]
    assert len(short) > 3
    assert short == [position % 3 for position in range(len(short))]


@pytest.mark.parametrize("strategy", ["first_exhausted", "all_exhausted"])
def test_streams_are_interleaved_like_known_lengths(strategy: str) -> None:
    lengths, probabilities = [4, 9, 2], [0.2, 0.5, 0.3]
    streams = [[(part, row) for row in range(length)] for part, length in enumerate(lengths)]

    order = interleaved_stream(
        streams, probabilities, stopping_strategy=strategy, generator=SeededStream(3)
    )

    assert list(order) == list(
        interleaved(lengths, probabilities, stopping_strategy=strategy, generator=SeededStream(3))
    )


@pytest.mark.parametrize(
    ("strategy", "rows"), [("first_exhausted", []), ("all_exhausted", [0, 1, 2])]
)
def test_an_empty_stream_is_exhausted_from_the_start(strategy: str, rows: list[int]) -> None:
    order = interleaved_stream(
        [[], [0, 1, 2]], [0.5, 0.5], stopping_strategy=strategy, generator=SeededStream(0)
    )

    assert list(order) == rows


@pytest.mark.parametrize(
    ("probabilities", "problem"),
    [
        ([1.0], "1 probabilities for 2 data sets"),
        ([1.5, -0.5], "below 0"),
        ([0.5, float("nan")], "below 0"),
        ([0.5, 0.4], "add up to 0.9"),
        ([1.0, 0.0], "never exhausted"),
    ],
)
def test_impossible_probabilities_are_refused(probabilities: list[float], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        check_probabilities(probabilities, datasets=2, stopping_strategy="all_exhausted")


@given(st.integers(0, 60), st.integers(-1, 20))
def test_a_buffer_shuffles_without_losing_a_row(rows: int, size: int) -> None:
    order = list(buffer_shuffled(range(rows), buffer_size=size, generator=SeededStream(0)))

    assert sorted(order) == list(range(rows))


def test_a_buffer_reads_no_further_than_it_is_large() -> None:
    rows = iter(range(1000))

    list(islice(buffer_shuffled(rows, buffer_size=10, generator=SeededStream(0)), 5))

    assert next(rows) == 10


@given(
    st.lists(st.tuples(st.integers(2, 9), st.none() | st.integers(2, 20)), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.booleans(),
)
def test_an_arrangement_counts_as_its_parts_do(
    sizes: list[tuple[int, int | None]], ratio: float, shuffle: bool
) -> None:
    if ratio == 1.0:
        sizes = [(rows, None) for rows, _ in sizes]
    parts = [Part("p", rows, wanted) for rows, wanted in sizes]

    train, validation = arrange(
        parts, ratio=ratio, shuffle=shuffle, seed=1, shuffler=SeededShuffler()
    )

    assert len(train) + len(validation) == sum(wanted or rows for rows, wanted in sizes)
    assert not set(train) & set(validation)
    assert set(train) | set(validation) <= set(range(sum(rows for rows, _ in sizes)))


def test_the_same_seed_is_the_same_order_and_another_seed_is_not() -> None:
    parts = [Part("a", 50, None), Part("b", 50, None)]

    def order(seed: int) -> object:
        return arrange(parts, ratio=0.1, shuffle=True, seed=seed, shuffler=SeededShuffler())

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_mixing_applies_to_training_and_split_off_validation_rows() -> None:
    parts = [Part("a", 100, None), Part("b", 100, None)]
    mix = Mix([0.5, 0.5], "first_exhausted")

    train, validation = arrange(
        parts, ratio=0.2, shuffle=False, seed=1, shuffler=SeededShuffler(), mix=mix
    )

    for order in (train, validation):
        owners = [index // 100 for index in order]
        assert owners != sorted(owners)


def test_a_mix_takes_a_few_bytes_a_row() -> None:
    rows = 20_000
    parts = [Part("a", rows, None), Part("b", rows, None)]
    mix = Mix([0.5, 0.5], "first_exhausted")

    tracemalloc.start()
    train, _ = arrange(parts, ratio=0, shuffle=False, seed=1, shuffler=SeededShuffler(), mix=mix)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(train) > rows
    assert peak < 16 * 2 * rows  # a list of pairs takes over 60
