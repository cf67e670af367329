"""Rows, addresses and orders agree with what a mature implementation makes of the same input.

Where we differ on purpose, the row is listed here with what we make of it, and the reason is in
docs/decisions/0006-data-differences.md.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from swiftx.adapters.rows.files import FileRows
from swiftx.adapters.rows.numpy_random import NumpyShuffler
from swiftx.adapters.system.local_storage import LocalStorage
from swiftx.domain.datasets.address import parse_address
from swiftx.domain.datasets.arrangement import Mix, arrange
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.pipeline import PreparedRows, prepare
from swiftx.domain.datasets.splitting import Part
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.ports.hubs import DatasetHub
from swiftx.errors import DataError, UsageError

GOLDEN = Path(__file__).parent / "golden"
_SEED = 42


def _records(name: str) -> list[dict[str, Any]]:
    text = (GOLDEN / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _of_kind(kind: str) -> list[dict[str, Any]]:
    return [record for record in _records("data.jsonl") if record["kind"] == kind]


def _no_hub(use_hf: bool) -> DatasetHub:
    raise AssertionError("a local file must not ask a hub")


def _nowhere(path: str) -> bool:
    return False


def _ports() -> DataPorts:
    return DataPorts(FileRows(), LocalStorage(), NumpyShuffler(), _no_hub)


def _write(path: Path, rows: Sequence[Any]) -> str:
    match path.suffix:
        case ".json":
            path.write_text(json.dumps(rows), encoding="utf-8")
        case ".txt":
            path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        case ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        case _:
            lines = [json.dumps(row) + "\n" for row in rows]
            path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def _prepared(path: str, **options: Any) -> PreparedRows:
    plan = DataPlan(dataset=(path,), dataset_shuffle=False, **options)
    return prepare(plan, _ports()).train


# Rows that the reference loses or cannot read, and what we make of them.
BETTER: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "dpo_chosen_rejected": [
        {
            "messages": [
                {"role": "user", "content": "P", "loss": None},
                {"role": "assistant", "content": "good", "loss": None},
            ],
            "rejected_response": "bad",
        }
    ],
    "multimodal_openai": [
        {
            "messages": [
                {"role": "user", "content": "What?<image>", "loss": None},
                {"role": "assistant", "content": "A cat", "loss": None},
            ],
            "images": [{"bytes": None, "path": "a.jpg"}],
        }
    ],
    "answer_solution": [
        {
            "messages": [
                {"role": "user", "content": "q", "loss": None},
                {"role": "assistant", "content": "a", "loss": None},
            ],
            "solution": "s",
        }
    ],
}


def _same(rows: Sequence[Any], expected: object) -> bool:
    """Compare as JSON, so that 0.0 is not false."""
    return json.dumps(list(map(dict, rows)), sort_keys=True) == json.dumps(expected, sort_keys=True)


@pytest.mark.parametrize(
    "record",
    _of_kind("format"),
    ids=lambda record: f"{record['name']}-{record['remove_unused_columns']}",
)
def test_formats(record: dict[str, Any], tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl", record["rows"])
    options = {"remove_unused_columns": record["remove_unused_columns"]}

    if record["name"] == "unknown_columns":
        with pytest.raises(DataError, match=r"rows\.jsonl, row 0: .*'foo', 'bar'"):
            _prepared(path, **options)
        return
    rows = _prepared(path, **options)

    assert _same(rows, BETTER.get(record["name"], record.get("result")))


@pytest.mark.parametrize(
    "record", _records("data_preprocess.jsonl"), ids=lambda record: record["case"]
)
def test_preprocessing(record: dict[str, Any], tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl", record["input"])

    if "error" in record:
        with pytest.raises(DataError, match=r"rows\.jsonl, row 0: none of its 1 rows"):
            _prepared(path, remove_unused_columns=False)
        return
    rows = _prepared(path, remove_unused_columns=False)

    assert _same(rows, BETTER.get(record["case"], record["out"]["rows"]))


@pytest.mark.parametrize("record", _of_kind("file_type"), ids=lambda record: record["ext"])
def test_file_types(record: dict[str, Any], tmp_path: Path) -> None:
    path = _write(tmp_path / f"rows.{record['ext']}", record["rows"])

    assert _same(_prepared(path), record["result"])


@pytest.mark.parametrize("record", _of_kind("columns"), ids=lambda record: str(record["columns"]))
def test_columns(record: dict[str, Any], tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl", record["rows"])

    assert _same(_prepared(path, columns=record["columns"]), record["result"])


@pytest.mark.parametrize("record", _of_kind("strict"), ids=lambda record: record["message"])
def test_strict(record: dict[str, Any], tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl", record["rows"])

    with pytest.raises(DataError, match=r"rows\.jsonl, row 0, field 'messages': 'wizard'"):
        _prepared(path, strict=True)


@pytest.mark.parametrize("record", _of_kind("syntax"), ids=lambda record: record["spec"])
def test_addresses(record: dict[str, Any]) -> None:
    address = parse_address(record["spec"], exists=_nowhere)

    assert {
        "dataset": address.dataset,
        "subsets": list(address.subsets),
        "dataset_sample": address.count,
        "use_hf": address.use_hf,
    } == record["result"]


@pytest.mark.parametrize("record", _records("data_addresses.jsonl"), ids=lambda r: r["input"])
def test_more_addresses(record: dict[str, Any]) -> None:
    expected = record.get("out", {})
    text = record["input"]
    if text == "(local)":  # the file gives the path without what stood behind it
        text += "".join(f":{subset}" for subset in expected["subsets"])
        text += f"#{expected['dataset_sample']}" if expected["dataset_sample"] else ""

    def exists(path: str) -> bool:
        return path == "(local)"

    if text in ("a/b#x", "a/b#0", "a/b#-1"):
        with pytest.raises(UsageError, match="not a whole number of at least 1"):
            parse_address(text, exists=exists)
        return
    address = parse_address(text, exists=exists)

    assert address.dataset == expected["dataset"]
    assert list(address.subsets) == expected["subsets"]
    assert address.count == expected["dataset_sample"]
    assert address.use_hf == expected["use_hf"]
    assert exists(address.dataset) == (expected["dataset_type"] == "path")


@pytest.mark.parametrize(
    "record",
    _of_kind("sample"),
    ids=lambda record: f"{record['n']}-{record['shuffle']}-{record['split_dataset_ratio']}",
)
def test_sampling_and_splitting(record: dict[str, Any]) -> None:
    if record["n"] == 0:
        with pytest.raises(UsageError):
            parse_address("rows#0", exists=_nowhere)
        return
    parts = [Part("rows", 10, record["n"])]

    def order() -> tuple[Sequence[int], Sequence[int]]:
        return arrange(
            parts,
            ratio=record["split_dataset_ratio"],
            shuffle=record["shuffle"],
            seed=_SEED,
            shuffler=NumpyShuffler(),
        )

    if "error" in record:
        with pytest.raises(UsageError, match="10 rows, fewer than the 13"):
            order()
        return
    train, validation = order()

    assert list(train) == [int(index) for index in record["train"] or []]
    assert list(validation) == [int(index) for index in record["val"] or []]


@pytest.mark.parametrize("record", _records("data_load.jsonl"), ids=str)
def test_loading(record: dict[str, Any]) -> None:
    options, expected = record["kwargs"], record["out"]
    sizes = {side: (expected[side] or {"n": 0})["n"] for side in ("train", "val")}
    total = sum(sizes.values())
    mixed = "interleave_prob" in options
    parts = [Part("a", 100, None if mixed or total in (100, 110) else total)]
    parts += [Part("b", 10, None)] * (len(record["dataset"]) - 1)
    mix = None
    if mixed:
        strategy = options.get("stopping_strategy", "first_exhausted")
        mix = Mix(options["interleave_prob"], strategy)

    train, validation = arrange(
        parts,
        ratio=options.get("split_dataset_ratio", 0.0),
        shuffle=options.get("shuffle", False),
        seed=_SEED,
        shuffler=NumpyShuffler(),
        mix=mix,
    )

    # Both files number their questions from 0; the second one's rows come after the first one's 100.
    for side, indices in (("train", train), ("val", validation)):
        assert len(indices) == sizes[side]
        names = [f"q{index % 100}" for index in indices]
        assert names[:5] == (expected[side] or {"first5": []})["first5"]
