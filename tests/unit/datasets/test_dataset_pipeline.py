from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.fakes.hub import InMemoryHub
from tests.fakes.rows import InMemoryRows, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage

from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.pipeline import PreparedData, missing_data, prepare
from swiftx.domain.datasets.registry import DatasetDeclaration, DatasetRegistry, Subset
from swiftx.domain.datasets.report import describe, summary
from swiftx.domain.plans.data import DataPlan, RowOrigin
from swiftx.domain.ports.rows import RawRow
from swiftx.errors import DataError, NotFound, UsageError

Files = Mapping[str, Sequence[RawRow]]
TEN: Files = {"ten.jsonl": [chat(f"q{row}", f"a{row}") for row in range(10)]}
BAD = {"messages": [{"role": "wizard", "content": "x"}]}


def _ports(files: Files, hubs: Mapping[bool, InMemoryHub] | None = None) -> DataPorts:
    storage = InMemoryStorage(dict.fromkeys(files, ""))

    def hub(use_hf: bool) -> InMemoryHub:
        assert hubs is not None, "a local file must not ask a hub"
        return hubs[use_hf]

    return DataPorts(InMemoryRows(files), storage, SeededShuffler(), hub)


def _prepare(
    files: Files,
    *dataset: str,
    hubs: Mapping[bool, InMemoryHub] | None = None,
    registry: DatasetRegistry | None = None,
    **options: Any,
) -> PreparedData:
    plan = DataPlan(dataset=dataset, **{"dataset_shuffle": False, **options})
    return prepare(plan, _ports(files, hubs), registry=registry or DatasetRegistry())


def _queries(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [row["messages"][0]["content"] for row in rows]


def test_data_sets_follow_one_another_with_their_counts() -> None:
    files = {**TEN, "two.jsonl": [chat("x", "1"), chat("y", "2")]}

    data = _prepare(files, "ten.jsonl#3", "two.jsonl#5")

    assert _queries(data.train) == ["q0", "q1", "q2", "x", "y", "x", "y", "x"]
    assert len(data.validation) == 0


def test_shuffling_reorders_and_keeps_all_rows() -> None:
    data = _prepare(TEN, "ten.jsonl", dataset_shuffle=True)

    assert sorted(_queries(data.train)) == [f"q{row}" for row in range(10)]
    assert _queries(data.train) != [f"q{row}" for row in range(10)]


def test_a_share_is_split_off() -> None:
    data = _prepare(TEN, "ten.jsonl", split_dataset_ratio=0.2)

    assert _queries(data.validation) == ["q8", "q9"]
    assert (data.report.train, data.report.validation) == (8, 2)


def test_validation_data_replaces_the_split() -> None:
    files = {**TEN, "val.jsonl": [chat("v0", "a"), chat("v1", "a"), chat("v2", "a")]}

    data = _prepare(files, "ten.jsonl", val_dataset=("val.jsonl#2",), split_dataset_ratio=0.5)

    assert len(data.train) == 10
    assert _queries(data.validation) == ["v0", "v1"]


def test_validation_data_alone_is_enough() -> None:
    data = _prepare(TEN, val_dataset=("ten.jsonl",))

    assert len(data.train) == 0
    assert len(data.validation) == 10


def test_too_few_validation_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="10 rows, fewer than the 11"):
        _prepare(TEN, val_dataset=("ten.jsonl#11",))


def test_rows_know_where_they_were_read() -> None:
    files: Files = {"a.jsonl": [chat("x", "1"), BAD, chat("y", "2")], **TEN}

    data = _prepare(files, "a.jsonl", "ten.jsonl#1")

    assert [data.train.origin(index) for index in range(3)] == [
        RowOrigin("a.jsonl", 0),
        RowOrigin("a.jsonl", 2),
        RowOrigin("ten.jsonl", 0),
    ]
    assert _queries(data.train[1:]) == ["y", "q0"]


def test_dropped_rows_are_counted_by_reason_with_the_first_of_each() -> None:
    rows = [chat("q", "a"), BAD, {"messages": []}, BAD, {"foo": 1}]

    data = _prepare({"rows.jsonl": rows}, "rows.jsonl")

    (report,) = data.report.datasets
    assert (report.read, report.kept) == (5, 1)
    assert [(entry.reason, entry.count, entry.first.row) for entry in report.dropped] == [
        ("unknown role", 2, 1),
        ("no messages", 1, 2),
        ("no known column", 1, 4),
    ]
    assert describe(report.dropped[0]).startswith(
        "2 dropped, first rows.jsonl, row 1: messages: 'wizard' is no role"
    )
    assert summary(data.report)["rows.jsonl"] == "1 of 5 rows used"


def test_strict_stops_at_the_first_bad_row() -> None:
    rows = [chat("q", "a"), BAD, BAD]

    with pytest.raises(DataError, match=r"rows\.jsonl, row 1, field 'messages': 'wizard'"):
        _prepare({"rows.jsonl": rows}, "rows.jsonl", strict=True)


def test_a_data_set_without_a_usable_row_names_the_first_and_its_fault() -> None:
    rows: list[RawRow] = [{"foo": 1, "bar": 2}, BAD]

    with pytest.raises(DataError, match=r"rows\.jsonl, row 0: none of its 2 rows.*'foo', 'bar'"):
        _prepare({"rows.jsonl": rows}, "rows.jsonl")


def test_an_empty_data_set_is_named() -> None:
    with pytest.raises(DataError, match=r"none\.jsonl#3: the data set has no rows"):
        _prepare({"none.jsonl": [], **TEN}, "ten.jsonl", "none.jsonl#3")


def test_columns_are_renamed_first() -> None:
    files = {"rows.jsonl": [{"a": "q", "b": "r"}]}

    data = _prepare(files, "rows.jsonl", columns={"a": "query", "b": "response"})

    assert _queries(data.train) == ["q"]


def test_several_data_sets_are_interleaved() -> None:
    files = {**TEN, "more.jsonl": [chat(f"x{row}", "a") for row in range(10)]}

    data = _prepare(files, "ten.jsonl", "more.jsonl", interleave_prob=(0.5, 0.5))

    kinds = [query[0] for query in _queries(data.train)]
    assert kinds != sorted(kinds)


def test_bad_probabilities_are_refused_before_anything_is_read() -> None:
    class Unread(InMemoryRows):
        def rows(self, path: str, *, start: int = 0) -> Any:
            raise AssertionError("nothing may be read")

    ports = DataPorts(Unread(TEN), InMemoryStorage({"ten.jsonl": ""}), SeededShuffler(), _no_hub)
    plan = DataPlan(dataset=("ten.jsonl",), interleave_prob=(0.5, 0.5))

    with pytest.raises(UsageError, match="2 probabilities for 1 data sets"):
        prepare(plan, ports)


def _no_hub(use_hf: bool) -> InMemoryHub:
    raise AssertionError("no hub")


@pytest.mark.parametrize(
    ("dataset", "message", "hint"),
    [
        ("./tne.jsonl", "no data file or folder './tne.jsonl'", "ten.jsonl"),
        ("tne.jsonl", "no data file or folder 'tne.jsonl'", "ten.jsonl"),
        ("/no/where", "no data file or folder '/no/where'", "Check the path"),
        ("self-congition", "no registered data set", "self-cognition"),
        ("a/b/c", "no hub id", "Check the path"),
    ],
)
def test_what_is_not_there_is_not_found_with_what_comes_close(
    dataset: str, message: str, hint: str
) -> None:
    with pytest.raises(NotFound, match=message) as caught:
        _prepare(TEN, dataset)

    assert caught.value.hint is not None
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("address", "use_hf", "asked"),
    [
        ("a/b", False, False),
        ("a/b", True, True),
        ("hf::a/b", False, True),
        ("MS::a/b", True, False),
    ],
)
def test_an_id_is_fetched_from_the_hub_that_is_asked_for(
    address: str, use_hf: bool, asked: bool
) -> None:
    files = {"/cache/b/train.jsonl": [chat("q", "a")], "/cache/b/test.jsonl": [BAD]}
    hubs = {flag: InMemoryHub(datasets={"a/b": "/cache/b"}) for flag in (True, False)}

    data = _prepare(files, address, hubs=hubs, use_hf=use_hf)

    assert _queries(data.train) == ["q"]
    assert hubs[asked].asked == ["a/b"]
    assert hubs[not asked].asked == []


def test_subsets_of_a_folder_are_joined_in_the_order_asked_for() -> None:
    files = {f"/data/{part}/rows.jsonl": [chat(part, "a")] for part in ("one", "two", "three")}

    assert _queries(_prepare(files, "/data:two/one").train) == ["two", "one"]
    assert len(_prepare(files, "/data").train) == 3


def test_a_declared_data_set_brings_its_columns_subsets_and_preprocessor() -> None:
    def shout(row: RawRow) -> Mapping[str, Any] | None:
        return None if row["q"] == "skip" else {**row, "q": str(row["q"]).upper()}

    declared = DatasetDeclaration(
        names=("mine",),
        modelscope_id="me/mine",
        columns={"q": "query", "a": "response"},
        subsets=(Subset(name="v1", splits=("validation",)), Subset(name="v2", weak=True)),
        preprocess=shout,
    )
    rows = [{"q": "hey", "a": "r"}, {"q": "skip", "a": "r"}]
    files = {"/cache/v1/validation.jsonl": rows, "/cache/v2/train.jsonl": []}
    hubs = {False: InMemoryHub(datasets={"me/mine": "/cache"})}

    for address in ("mine:v1", "mine:all", "me/mine:v1"):
        data = _prepare(files, address, hubs=hubs, registry=DatasetRegistry([declared]))

        assert _queries(data.train) == ["HEY"]
        assert data.report.datasets[0].dropped[0].reason == "refused by the data set's preprocessor"
    with pytest.raises(UsageError, match="several subsets and no default") as caught:
        _prepare(files, "mine", hubs=hubs, registry=DatasetRegistry([declared]))
    assert "mine:v1/v2" in (caught.value.errors[0].hint or "")


def test_a_plugin_that_fails_on_a_row_drops_it_with_its_error() -> None:
    def divide(row: RawRow) -> Mapping[str, Any]:
        return {"text": str(1 / row["n"])}

    declared = DatasetDeclaration(path="/desk/n.jsonl", preprocess=divide)
    files = {"n.jsonl": [{"n": 2}, {"n": 0}]}

    data = _prepare(files, "n.jsonl", registry=DatasetRegistry([declared]))

    assert _queries(data.train) == ["0.5"]
    assert "ZeroDivisionError: division by zero" in data.report.datasets[0].dropped[0].detail


def test_a_declaration_in_a_json_file_is_known_by_its_name() -> None:
    info = '[{"dataset_name": "mine", "dataset_path": "ten.jsonl"}]'
    ports = DataPorts(
        InMemoryRows({"/desk/ten.jsonl": TEN["ten.jsonl"]}),
        InMemoryStorage({"ten.jsonl": "", "info.json": info}),
        SeededShuffler(),
        _no_hub,
    )
    plan = DataPlan(dataset=("mine#4",), custom_dataset_info=("info.json",), dataset_shuffle=False)

    data = prepare(plan, ports, registry=DatasetRegistry())

    assert _queries(data.train) == ["q0", "q1", "q2", "q3"]


@pytest.mark.parametrize(
    "address",
    ["self-cognition", "swift/self-cognition", "swiftx/self-cognition", "hf::swift/self-cognition"],
)
def test_self_cognition_needs_no_network(address: str) -> None:
    data = _prepare({}, f"{address}#150", model_name=("Ada",), model_author=("Lab",))

    assert len(data.train) == 150
    assert all("Ada" in row["messages"][-1]["content"] for row in data.train)


def test_self_cognition_without_names_says_what_to_pass() -> None:
    with pytest.raises(UsageError, match="needs --model_name"):
        _prepare({}, "self-cognition")


def test_self_cognition_has_no_other_subsets() -> None:
    with pytest.raises(NotFound, match="no subset 'qwen4'"):
        _prepare({}, "self-cognition:qwen4", model_name=("Ada",), model_author=("Lab",))


def test_a_copy_of_self_cognition_on_disk_is_filled_too() -> None:
    row = {"query": "who?", "response": "{{NAME}} by {{AUTHOR}}", "tag": "en"}
    files = {"/data/self-cognition/rows.jsonl": [row]}

    data = _prepare(files, "/data/self-cognition:qwen3", model_name=("Ada",), model_author=("Lab",))

    assert data.train[0]["messages"][1]["content"] == "<think>\n\n</think>\n\nAda by Lab"


def test_the_first_response_is_taken_when_chance_is_off() -> None:
    files = {"rows.jsonl": [{"query": "q", "response": ["a", "b"]}] * 20}

    fixed = _prepare(files, "rows.jsonl", random_response=False)
    drawn = _prepare(files, "rows.jsonl")

    assert {row["messages"][1]["content"] for row in fixed.train} == {"a"}
    assert {row["messages"][1]["content"] for row in drawn.train} == {"a", "b"}


def test_data_that_cannot_be_anywhere_is_told_before_anything_is_opened() -> None:
    storage = InMemoryStorage(
        {"ten.jsonl": "", "info.json": '[{"dataset_path": "gone.jsonl", "dataset_name": "mine"}]'}
    )
    plan = DataPlan(
        dataset=(
            "tne.jsonl",
            "./folder",
            "ten.jsonl#x",
            "ten.jsonl#5",
            "some/repo",
            "self-cognition",
            "mine",
        ),
        val_dataset=("tne.jsonl", "word"),
        custom_dataset_info=("info.json",),
    )

    errors = missing_data(plan, storage)

    assert [(error.argument, error.is_missing) for error in errors] == [
        ("dataset", True),
        ("dataset", True),
        ("dataset", False),
        ("dataset", True),
        ("val_dataset", True),
        ("val_dataset", True),
    ]
    assert "Did you mean ten.jsonl" in str(errors[0].hint)
    assert "gone.jsonl" in errors[3].message


def test_names_are_not_judged_while_declarations_cannot_be_read() -> None:
    plan = DataPlan(dataset=("tne.jsonl",), custom_dataset_info=("nowhere.json",))

    assert missing_data(plan, InMemoryStorage({})) == []
