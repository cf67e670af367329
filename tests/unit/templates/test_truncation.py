"""What becomes of rows that are too long."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.templating import TruncationStrategy
from swiftx.domain.templates.truncation import TooLong, split, truncate

ROW = Encoded(
    input_ids=[1, 2, 3, 4, 5], labels=[-100, -100, 3, 4, 5], loss_weights=[0, 0, 1, 2, 3], row=7
)


@pytest.mark.parametrize("max_length", [None, 5, 6])
@pytest.mark.parametrize("strategy", ["delete", "left", "right"])
def test_a_row_that_fits_stays_as_it_is(
    max_length: int | None, strategy: TruncationStrategy
) -> None:
    assert truncate(ROW, max_length, strategy) is ROW


def test_a_row_that_must_not_be_cut_says_how_long_it_is() -> None:
    assert truncate(ROW, 4, "delete") == TooLong(length=5, max_length=4, row=7)


@pytest.mark.parametrize(
    ("strategy", "ids", "labels", "weights"),
    [("left", [4, 5], [4, 5], [2, 3]), ("right", [1, 2], [-100, -100], [0, 0])],
)
def test_a_side_is_cut_away_from_ids_labels_and_weights_alike(
    strategy: TruncationStrategy, ids: list[int], labels: list[int], weights: list[float]
) -> None:
    cut = truncate(ROW, 2, strategy)

    assert cut == Encoded(input_ids=ids, labels=labels, loss_weights=weights, row=7, cut=3)


@pytest.mark.parametrize(
    ("strategy", "kept"), [("left", [2, 3, 5]), ("right", [1, 2, 3])], ids=["left", "right"]
)
def test_protected_tokens_are_never_cut_away(strategy: TruncationStrategy, kept: list[int]) -> None:
    cut = truncate(ROW, 3, strategy, protected={2, 3})

    assert isinstance(cut, Encoded)
    assert list(cut.input_ids) == kept


def test_protected_tokens_alone_may_stay_longer() -> None:
    cut = truncate(ROW, 1, "right", protected={1, 3, 5})

    assert isinstance(cut, Encoded)
    assert list(cut.input_ids) == [1, 3, 5]


@given(
    ids=st.lists(st.integers(0, 4), max_size=20),
    max_length=st.integers(1, 25),
    strategy=st.sampled_from(["left", "right"]),
    protected=st.sets(st.integers(0, 4)),
)
def test_what_is_cut_is_as_long_as_it_may_be_and_keeps_the_order(
    ids: list[int], max_length: int, strategy: TruncationStrategy, protected: set[int]
) -> None:
    positions = list(range(len(ids)))
    row = Encoded(input_ids=ids, labels=positions)

    cut = truncate(row, max_length, strategy, protected=protected)

    assert isinstance(cut, Encoded)
    held = [position for position in positions if ids[position] in protected]
    assert len(cut) == min(len(ids), max(max_length, len(held)))
    assert list(cut.labels) == sorted(cut.labels)
    assert [ids[position] for position in cut.labels] == list(cut.input_ids)
    if len(ids) > max_length:
        assert set(held) <= set(cut.labels)


def test_a_long_row_becomes_pieces_whose_first_tokens_nothing_predicts() -> None:
    row = replace(ROW, labels=[-100, 2, 3, 4, 5], loss_weights=[0, 1, 2, 3, 4])

    first, second = split(row, 3)

    assert first == replace(row, input_ids=[1, 2, 3], labels=[-100, 2, 3], loss_weights=[0, 1, 2])
    assert second == replace(row, input_ids=[4, 5], labels=[-100, 5], loss_weights=[0, 4])
    assert row.labels == [-100, 2, 3, 4, 5]


def test_splitting_leaves_a_row_whole_until_its_pieces_are_asked_for() -> None:
    assert truncate(ROW, 2, "split") is ROW
    assert split(ROW, None) == split(ROW, 5) == (ROW,)


def test_a_last_token_that_would_be_alone_is_cut_away() -> None:
    first, second = split(ROW, 2)

    assert [list(first.input_ids), list(second.input_ids)] == [[1, 2], [3, 4]]
    assert (first.cut, second.cut) == (0, 1)


@given(length=st.integers(1, 40), max_length=st.integers(2, 12))
def test_pieces_put_together_are_the_row(length: int, max_length: int) -> None:
    ids = array("i", range(length))
    row = Encoded(input_ids=ids, labels=array("i", [-100, *ids[1:]]), row=3)

    pieces = split(row, max_length)

    lone = 1 if length > max_length and length % max_length == 1 else 0
    joined = [token for piece in pieces for token in piece.input_ids]
    assert joined == list(ids[: length - lone])
    assert all(len(piece) == max_length for piece in pieces[:-1])
    for piece in pieces:
        assert list(piece.labels) == [-100, *list(piece.input_ids)[1:]]
        assert piece.row == 3
    assert sum(piece.cut for piece in pieces) == lone
