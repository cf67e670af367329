from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.datasets.sequences import Purpose, RowUse
from swiftx.domain.datasets.targets import (
    MULTI,
    REGRESSION,
    SINGLE,
    class_target,
    similarity_target,
)
from swiftx.errors import DataError


@pytest.mark.parametrize(
    ("problem", "label", "expected"),
    [
        (SINGLE, 0, (0.0,)),
        (SINGLE, True, (1.0,)),
        (SINGLE, 2.0, (2.0,)),
        (None, 1, (1.0,)),
        (MULTI, [], (0.0, 0.0, 0.0)),
        (MULTI, [2, 0], (1.0, 0.0, 1.0)),
        (REGRESSION, [0.5, -1, 2], (0.5, -1.0, 2.0)),
    ],
)
def test_labels_become_numbers(
    problem: str | None, label: Any, expected: tuple[float, ...]
) -> None:
    assert class_target(label, num_labels=3, problem_type=problem) == expected


@pytest.mark.parametrize(
    ("problem", "label", "message"),
    [
        (SINGLE, 3, "with --num_labels 3 they are 0 to 2"),
        (SINGLE, -1, "there is no class -1"),
        (SINGLE, 0.5, "no class"),
        (SINGLE, "spam", "'spam' is no number"),
        (SINGLE, [1], "is no number"),
        (MULTI, 1, "no list"),
        (MULTI, [0, 1, 0], "twice"),
        (MULTI, [0, 3], "there is no class 3"),
        (REGRESSION, 0.5, "has 1 numbers, and --num_labels is 3"),
        (REGRESSION, [1, 2, float("nan")], "is no number"),
    ],
)
def test_labels_that_do_not_fit_are_refused(problem: str, label: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        class_target(label, num_labels=3, problem_type=problem)


def test_texts_without_a_label_are_alike() -> None:
    assert similarity_target(None) == (1.0,)
    assert similarity_target(0.25) == (0.25,)


def test_what_rows_are_for_decides_on_their_target() -> None:
    row = {"label": 1}

    assert RowUse(purpose=Purpose.ANSWER).target(row) is None
    assert RowUse(purpose=Purpose.RANKING).target(row) is None
    assert RowUse(purpose=Purpose.DOCUMENTS).target(row) == (1.0,)
    assert RowUse(purpose=Purpose.CLASS, num_labels=2).target(row) == (1.0,)
    assert RowUse(purpose=Purpose.CLASS).target(row) is None
