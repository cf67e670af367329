from __future__ import annotations

from swiftx.domain.plans.encoded import IGNORE, Encoded, Part
from swiftx.domain.training.row_parts import joined, sequences_of

FIRST = Encoded(input_ids=[1, 2], labels=[IGNORE, 2], cut=3)
SECOND = Encoded(input_ids=[3], labels=[3], loss_weights=[0.5], cut=1)


def test_sequences_put_together_come_apart_again() -> None:
    row = joined([("main", FIRST), ("rejected", SECOND)])

    assert (row.parts, len(row), row.cut) == ((Part("main", 2), Part("rejected", 1)), 3, 4)
    parts = list(sequences_of(row))
    assert [side for side, _ in parts] == ["main", "rejected"]
    assert [list(part.input_ids) for _, part in parts] == [[1, 2], [3]]
    assert [list(part.labels) for _, part in parts] == [[IGNORE, 2], [3]]
    assert [list(part.loss_weights or ()) for _, part in parts] == [[0.0, 1.0], [0.5]]


def test_sequences_without_labels_have_none_together() -> None:
    plain = Encoded(input_ids=[1, 2])

    row = joined([("main", plain), ("positive", plain)])

    assert (list(row.labels), row.loss_weights) == ([], None)
    assert [list(part.input_ids) for _, part in sequences_of(row)] == [[1, 2], [1, 2]]


def test_a_row_of_one_sequence_is_itself() -> None:
    assert list(sequences_of(FIRST)) == [("main", FIRST)]
