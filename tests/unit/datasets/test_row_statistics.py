"""Statistics of rows, and what they say is wrong."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftx.domain.chat.rows import StandardRow, plain_row
from swiftx.domain.datasets.statistics import Bin, RowStatistics, SortedLengths, histogram_lines
from swiftx.domain.datasets.survey import Survey
from swiftx.domain.plans.data import RowOrigin
from swiftx.domain.plans.encoded import IGNORE, Encoded, EncodedBlock, Part

BOS, END, BREAK = 1, 2, 3


def surveyed(*rows: Encoded | Sequence[Encoded]) -> RowStatistics:
    """Statistics of rows whose answers end with END and BREAK."""
    survey = Survey(ends=[(END, BREAK)], bos=BOS, control_tokens=["<|end|>", "<|end|>er"])
    for number, sequences in enumerate(rows):
        each = [sequences] if isinstance(sequences, Encoded) else sequences
        survey.add({"messages": [{"role": "user", "content": "x"}]}, each, RowOrigin("a", number))
    return survey.statistics()


def learned(*labels: int) -> Encoded:
    """A sequence of these labels after one that is not trained."""
    return Encoded(input_ids=[9, *map(abs, labels)], labels=[-100, *labels])


def test_tokens_are_counted_as_they_can_be_predicted() -> None:
    first_is_trained = Encoded(input_ids=[5, 6], labels=[5, 6])

    statistics = surveyed(learned(7, END, BREAK), first_is_trained)

    assert (statistics.kept, statistics.tokens, statistics.trained) == (2, 6, 4)
    assert (statistics.shortest, statistics.longest, statistics.mean) == (2, 4, 3)


def test_a_prompt_has_nothing_to_train() -> None:
    statistics = surveyed(Encoded(input_ids=[5, 6]))

    assert statistics.trained is None
    assert list(statistics.findings()) == []


@pytest.mark.parametrize(
    ("labels", "ends"),
    [
        ((7, END, BREAK), True),
        ((END, BREAK, -100, 7), True),
        ((END, -100, BREAK, 7), False),
        ((END, END, BREAK), True),
        ((7, END), False),
        ((BREAK, END), False),
    ],
)
def test_an_answer_ends_where_the_whole_end_is_trained(labels: Sequence[int], ends: bool) -> None:
    assert surveyed(learned(*labels)).endless.rows == (0 if ends else 1)


@pytest.mark.parametrize(
    ("ids", "doubled"),
    [([BOS, BOS, 5], True), ([BOS, 5, BOS], False), ([5, BOS, BOS], True), ([BOS], False)],
)
def test_a_beginning_that_follows_itself_is_doubled(ids: list[int], doubled: bool) -> None:
    assert surveyed(Encoded(input_ids=ids)).doubled_bos.rows == int(doubled)


def test_a_row_counts_once_however_many_sequences_it_has() -> None:
    statistics = surveyed([learned(7), learned(7)])

    assert statistics.endless == (1, ("a", 0), "")
    assert (statistics.kept, len(statistics.lengths)) == (1, 2)


def test_the_longest_control_token_is_named() -> None:
    survey = Survey(control_tokens=["<|end|>", "<|end|>er", "<image>"])
    texts = ("fine <image>", "say <|end|>er or <|end|>")
    for number, text in enumerate(texts):
        row = {"messages": [{"role": "user", "content": text}]}
        survey.add(row, [Encoded(input_ids=[1])], RowOrigin("a", number))

    assert survey.statistics().forged == (1, ("a", 1), "<|end|>er")


@given(st.lists(st.integers(0, 5000), max_size=50))
def test_every_sequence_is_in_one_bin(lengths: list[int]) -> None:
    statistics = RowStatistics(kept=len(lengths), dropped=(), lengths=sorted(lengths), trained=0)

    bins = statistics.histogram()

    for each in bins:
        inside = [length for length in lengths if each.shortest <= length <= each.longest]
        assert len(inside) == each.sequences
    assert sum(each.sequences for each in bins) == len(lengths)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=50), st.floats(0, 1))
def test_a_share_of_the_rows_does_not_exceed_its_length(lengths: list[int], share: float) -> None:
    statistics = RowStatistics(kept=len(lengths), dropped=(), lengths=sorted(lengths), trained=0)

    bound = statistics.at_most(share)

    assert sum(length <= bound for length in lengths) >= share * len(lengths)


def test_a_bin_with_a_single_row_is_seen_beside_a_large_one() -> None:
    lines = histogram_lines([Bin(1, 1, 1), Bin(2, 3, 0), Bin(4, 7, 9999)])

    assert [line.count("█") for line in lines] == [1, 0, 40]
    assert [line.partition("  ")[0] for line in lines] == ["1 to 1", "2 to 3", "4 to 7"]


def test_nothing_can_be_said_of_no_rows() -> None:
    statistics = Survey().statistics()

    assert statistics.table() == {"rows": "0"}
    assert (statistics.mean, statistics.at_most(0.5), statistics.histogram()) == (0, 0, ())
    assert histogram_lines([]) == []
    assert [finding.fatal for finding in statistics.findings()] == [True]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30), st.integers(0, 30))
def test_counts_of_parts_add_up_to_those_of_the_whole(
    rows: list[tuple[int, bool]], cut: int
) -> None:
    def surveyed(part: range) -> Survey:
        survey = Survey(ends=[(2,)], bos=0, control_tokens=["<x>"])
        for number in part:
            trained, is_used = rows[number]
            origin = RowOrigin("a.jsonl", number)
            if is_used:
                ids = [0] * (number % 3) + [1, *[2] * trained]
                labels = [IGNORE] * (len(ids) - trained) + [2] * trained
                survey.add(
                    {"messages": [{"role": "user", "content": f"<x>{number}" * (number % 2)}]},
                    [Encoded(input_ids=ids, labels=labels, cut=number % 4)],
                    origin,
                )
            else:
                survey.drop(f"reason {trained}", origin, f"row {number}")
        return survey

    whole = surveyed(range(len(rows)))
    parts = surveyed(range(min(cut, len(rows))))
    parts.counts.extend(surveyed(range(min(cut, len(rows)), len(rows))).counts)

    assert parts.statistics() == whole.statistics()


@pytest.mark.parametrize(
    ("labels", "trained"),
    [
        ([IGNORE] * 5, 0),
        ([1, IGNORE, 0xFFFF, 0xFF9C, IGNORE, 0x9CFFFF], 3),
        ([IGNORE, 0x9C, IGNORE, IGNORE, 0xFFFE], 2),
        (list(range(1, 50)), 48),
    ],
)
def test_trained_tokens_are_those_that_can_be_predicted(labels: list[int], trained: int) -> None:
    survey = Survey()
    survey.add({}, [Encoded(input_ids=[0] * len(labels), labels=labels)], RowOrigin("a", 0))

    assert survey.statistics().trained == trained


@given(
    st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), min_size=1, max_size=3)
)
def test_an_answer_ends_where_the_ids_of_an_end_follow_one_another(
    ids: list[int], end: list[int]
) -> None:
    labels = [IGNORE, *ids, 9]
    survey = Survey(ends=[end])
    survey.add({}, [Encoded(input_ids=labels, labels=labels)], RowOrigin("a", 0))

    found = any(ids[start : start + len(end)] == end for start in range(len(ids)))
    assert survey.statistics().endless.rows == int(not found)


def test_media_that_a_text_model_does_not_see_are_told() -> None:
    survey = Survey(ends=[(END, BREAK)])
    row: StandardRow = {"messages": [{"role": "user", "content": "<image>x"}], "images": ["a.png"]}
    survey.add(row, [learned(7, END, BREAK)], RowOrigin("a", 0))
    survey.add({**row, "images": []}, [learned(7, END, BREAK)], RowOrigin("a", 1))

    (finding,) = survey.statistics().findings()

    assert finding.message.endswith("in 1 of 2 rows, first a, row 0: images.")
    assert not finding.fatal


IDS = st.sampled_from([BOS, END, BREAK, 7])
SEQUENCES = st.builds(
    lambda ids, trained, cut, in_array: Encoded(
        input_ids=array("i", ids) if in_array else ids,
        labels=array("i", _labels(ids, trained)) if in_array else _labels(ids, trained),
        cut=cut,
    ),
    st.lists(IDS, min_size=1, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.sampled_from([0, 0, 0, 3]),
    st.sampled_from([True, True, False]),
)
ROWS = st.fixed_dictionaries(
    {
        "messages": st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(["user", "assistant"]),
                    "content": st.sampled_from(["a", "b <|end|>", "c"]),
                    "loss": st.sampled_from([None, None, 1.0]),
                }
            ),
            min_size=1,
            max_size=2,
        )
    },
    optional={"images": st.sampled_from([[], ["x.png"]])},
)


def _labels(ids: Sequence[int], trained: Sequence[bool]) -> list[int]:
    return [each if counts else IGNORE for each, counts in zip(ids, trained, strict=False)]


@given(st.lists(st.tuples(ROWS, st.lists(SEQUENCES, min_size=1, max_size=2)), max_size=8))
def test_rows_together_count_as_they_do_one_by_one(
    drawn: list[tuple[StandardRow, list[Encoded]]],
) -> None:
    together, one_by_one = (
        Survey(ends=[(END, BREAK), (END,)], bos=BOS, control_tokens=["<|end|>"]) for _ in range(2)
    )
    sequences = {
        number: each if len(each) == 1 else [*each, each[0]]
        for number, (_, each) in enumerate(drawn)
    }
    rows = [plain_row(row) for row, _ in drawn]
    whole = [
        [
            replace(
                each[0], row=number, parts=() if len(each) == 1 else (Part("main", len(each[0])),)
            )
        ]
        for number, each in sequences.items()
    ]

    together.add_all(
        rows,
        whole,
        sequences=lambda encoded: sequences[encoded.row],
        origin=lambda number: RowOrigin("a", number),
    )
    for number, (row, _) in enumerate(drawn):
        one_by_one.add(row, sequences[number], RowOrigin("a", number))

    assert together.statistics() == one_by_one.statistics()


@given(st.lists(st.integers(0, 20)))
def test_counted_lengths_are_the_sorted_ones(lengths: list[int]) -> None:
    listed = sorted(lengths)

    counted = SortedLengths(Counter(lengths))

    assert list(counted) == listed
    assert [counted[index] for index in range(-len(listed), len(listed))] == listed * 2
    assert counted[1:-1] == listed[1:-1]
    with pytest.raises(IndexError):
        counted[len(listed)]


@given(
    st.lists(
        st.tuples(
            st.lists(IDS, min_size=1, max_size=6),
            st.lists(st.booleans(), min_size=6, max_size=6),
            st.sampled_from([[END], [END, BREAK], [7]]),
            st.sampled_from(["a", "a", "a", "b <|end|>"]),
        ),
        max_size=4,
    )
)
def test_a_block_counts_as_its_rows_do_or_not_at_all(
    drawn: list[tuple[list[int], list[bool], list[int], str]],
) -> None:
    at_once, one_by_one = (
        Survey(ends=[(END, BREAK), (END,)], bos=BOS, control_tokens=["<|end|>"]) for _ in range(2)
    )
    block = EncodedBlock(
        input_ids=array("i", chain.from_iterable([*ids, *end] for ids, _, end, _ in drawn)),
        labels=array(
            "i",
            chain.from_iterable(
                [IGNORE, *_labels(ids, trained)[1:], *end] for ids, trained, end, _ in drawn
            ),
        ),
        ends=array("q", accumulate((len(ids) + len(end) for ids, _, end, _ in drawn), initial=0)),
        rows=range(len(drawn)),
    )
    rows = [
        plain_row({"messages": [{"role": "user", "content": text, "loss": None}]})
        for *_, text in drawn
    ]
    for row, encoded in zip(rows, block, strict=True):
        one_by_one.add(row, [encoded], RowOrigin("a", encoded.row))

    counted = at_once.add_block(rows, block)

    noticed = bool(one_by_one.counts.notes.of)
    assert not (counted and noticed)
    assert at_once.statistics() == (one_by_one if counted else Survey()).statistics()


def test_plain_rows_that_end_alike_are_counted_at_once() -> None:
    survey = Survey(
        ends=[(END,)], bos=END
    )  # where one row ends and the next begins nothing is doubled
    block = EncodedBlock(
        input_ids=array("i", [END, 7, END, END, 8, END]),
        labels=array("i", [IGNORE, 7, END, IGNORE, 8, END]),
        ends=array("q", [0, 3, 6]),
        rows=range(2),
    )
    row = plain_row({"messages": [{"role": "user", "content": "a", "loss": None}]})

    assert survey.add_block([row, row], block)
    assert (survey.counts.kept, survey.counts.trained) == (2, 4)
