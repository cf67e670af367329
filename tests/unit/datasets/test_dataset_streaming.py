from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from tests.fakes.hub import InMemoryHub
from tests.fakes.rows import InMemoryRows, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage

from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.stream_reading import StreamMark
from swiftx.domain.datasets.streaming import RowStream, StreamedData, stream
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.ports.rows import RawRow
from swiftx.errors import DataError, UsageError


class CountedRows(InMemoryRows):
    """Remembers how many rows were read."""

    read = 0

    def rows(self, path: str, *, start: int = 0) -> Iterator[RawRow]:
        for row in super().rows(path, start=start):
            self.read += 1
            yield row


def _row(number: int) -> RawRow:
    """Every seventh row cannot be used; every fifth has two answers to choose from."""
    if number % 7 == 3:
        return {"foo": number}
    row = chat(f"q{number}", "a")
    if number % 5 == 0:
        row["messages"][1]["content"] = ["a", "b"]
    return row


def _no_hub(use_hf: bool) -> InMemoryHub:
    raise AssertionError("no hub")


def _ports(rows: InMemoryRows, files: Mapping[str, object]) -> DataPorts:
    return DataPorts(rows, InMemoryStorage(dict.fromkeys(files, "")), SeededShuffler(), _no_hub)


def _stream(files: Mapping[str, Sequence[RawRow]], *dataset: str, **options: Any) -> StreamedData:
    plan = DataPlan(dataset=dataset, **{"dataset_shuffle": False, "streaming": True, **options})
    return stream(plan, _ports(InMemoryRows(files), files))


def _queries(rows: RowStream | None, epoch: int = 0) -> list[str]:
    assert rows is not None
    return [row["messages"][0]["content"] for row, _ in rows.reader(epoch)]


TEN = {"ten.jsonl": [chat(f"q{row}", f"a{row}") for row in range(10)]}


def test_rows_come_in_file_order_and_again_for_the_next_epoch() -> None:
    data = _stream(TEN, "ten.jsonl#3", "ten.jsonl#2")

    assert _queries(data.train) == ["q0", "q1", "q2", "q0", "q1"]
    assert _queries(data.train, 1) == ["q0", "q1", "q2", "q0", "q1"]
    assert data.validation is None


def test_a_count_past_the_end_repeats_nothing() -> None:
    assert len(_queries(_stream(TEN, "ten.jsonl#30").train)) == 10


def test_a_shuffle_keeps_all_rows_and_differs_by_epoch() -> None:
    data = _stream(TEN, "ten.jsonl", dataset_shuffle=True, shuffle_buffer_size=4)

    first, second = _queries(data.train), _queries(data.train, 1)

    assert sorted(first) == sorted(second) == [f"q{row}" for row in range(10)]
    assert first != second
    assert first == _queries(data.train)


def test_no_more_is_read_than_is_used() -> None:
    rows = CountedRows({"ten.jsonl": [*TEN["ten.jsonl"]] * 10})
    plan = DataPlan(dataset=("ten.jsonl",), shuffle_buffer_size=8)

    data = stream(plan, _ports(rows, TEN))
    assert rows.read == 0
    assert data.train is not None
    list(islice(data.train.reader(), 3))

    assert rows.read == 8


def test_a_count_lets_the_first_rows_be_split_off() -> None:
    data = _stream(TEN, "ten.jsonl#10", split_dataset_ratio=0.2)

    assert _queries(data.validation) == ["q0", "q1"]
    assert _queries(data.train) == [f"q{row}" for row in range(2, 10)]


def test_an_unknown_length_cannot_be_split() -> None:
    with pytest.raises(UsageError, match="unknown length"):
        _stream(TEN, "ten.jsonl", split_dataset_ratio=0.2)


def test_a_count_far_above_the_rows_leaves_nothing_to_train_and_says_so() -> None:
    data = _stream(TEN, "ten.jsonl#100", split_dataset_ratio=0.2)

    assert len(_queries(data.validation)) == 10
    with pytest.raises(DataError, match=r"no row after the first 20"):
        _queries(data.train)


def test_validation_data_is_streamed_whole() -> None:
    data = _stream(TEN, "ten.jsonl#2", val_dataset=("ten.jsonl#4",), split_dataset_ratio=0.5)

    assert len(_queries(data.train)) == 2
    assert len(_queries(data.validation)) == 4


def test_streams_are_interleaved() -> None:
    files = {**TEN, "more.jsonl": [chat(f"x{row}", "a") for row in range(10)]}

    data = _stream(files, "ten.jsonl", "more.jsonl", interleave_prob=(0.5, 0.5))

    kinds = [query[0] for query in _queries(data.train)]
    assert kinds != sorted(kinds)


def test_dropped_rows_are_counted_as_they_pass() -> None:
    data = _stream({"rows.jsonl": [{"foo": 1}, chat("q", "a")]}, "rows.jsonl")

    assert data.train is not None
    reader = data.train.reader()
    assert [row["messages"][0]["content"] for row, _ in reader] == ["q"]
    assert [entry.count for entry in reader.tally.dropped()] == [1]


@pytest.mark.parametrize(
    ("rows", "problem"), [([], "has no rows"), ([{"foo": 1}], "none of its 1 rows can be used")]
)
def test_a_stream_without_a_usable_row_ends_in_an_error(rows: list[RawRow], problem: str) -> None:
    data = _stream({"rows.jsonl": rows}, "rows.jsonl")

    with pytest.raises(DataError, match=problem):
        _queries(data.train)


FILES = {
    "a/1.jsonl": [_row(number) for number in range(23)],
    "a/2.jsonl": [],
    "a/3.jsonl": [_row(number) for number in range(100, 131)],
    "b.jsonl": [_row(number) for number in range(200, 211)],
}
PLANS: list[dict[str, Any]] = [
    {"dataset": ("a",), "dataset_shuffle": False},
    {"dataset": ("a", "b.jsonl"), "dataset_shuffle": True, "shuffle_buffer_size": 8},
    {"dataset": ("a#30", "b.jsonl#5"), "dataset_shuffle": True, "shuffle_buffer_size": 8},
    {
        "dataset": ("a", "b.jsonl"),
        "dataset_shuffle": True,
        "shuffle_buffer_size": 8,
        "interleave_prob": (0.8, 0.2),
        "stopping_strategy": "all_exhausted",
    },
    {
        "dataset": ("a#40", "b.jsonl#8"),
        "dataset_shuffle": True,
        "shuffle_buffer_size": 5,
        "interleave_prob": (0.3, 0.7),
        "stopping_strategy": "all_exhausted",
        "split_dataset_ratio": 0.25,
    },
]


@pytest.mark.parametrize("options", PLANS, ids=str)
def test_reading_goes_on_at_any_mark_with_the_rows_that_are_left(options: dict[str, Any]) -> None:
    data = stream(DataPlan(**options), _ports(InMemoryRows(FILES), FILES))
    assert data.train is not None
    reader = data.train.reader(1)
    mark, marks, rows = StreamMark(), [], []
    for row in reader:
        rows.append(row)
        mark = reader.mark().after(mark)
        marks.append(StreamMark.from_json(json.loads(json.dumps(mark.as_json()))))
    assert len(rows) > 20

    for drawn, at in enumerate(marks, start=1):
        wanted = range(max(0, drawn - 3), drawn)
        again = data.train.reader(1, mark=at, wanted=wanted)
        rest = []
        for row in again:
            rest.append(row)
            at = again.mark().after(at)
            assert at == marks[drawn + len(rest) - 1]
        assert rest == rows[drawn:]
        assert again.recalled == {number: rows[number] for number in wanted}


def test_going_on_reads_only_what_is_still_needed() -> None:
    files = {"many.jsonl": [chat(f"q{row}", "a") for row in range(5000)]}
    rows = CountedRows(files)
    plan = DataPlan(dataset=("many.jsonl",), shuffle_buffer_size=100)
    data = stream(plan, _ports(rows, files))
    assert data.train is not None
    reader = data.train.reader()
    list(islice(reader, 4000))
    mark, rows.read = reader.mark(), 0

    rest = list(data.train.reader(mark=mark))

    assert len(rest) == 1000
    assert rows.read < 2000


def test_going_on_in_other_data_is_noticed() -> None:
    data = _stream(TEN, "ten.jsonl")
    assert data.train is not None
    reader = data.train.reader()
    list(reader)
    mark = replace(reader.mark(), drawn=12)

    with pytest.raises(DataError, match="not those that the checkpoint was made with"):
        data.train.reader(mark=mark)
