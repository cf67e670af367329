"""Files keep the contracts of rows, and every broken file is named with its row or line."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.row_sink_contract import RowSinkContract
from tests.contract.row_source_contract import ROWS, RowSourceContract

from swiftx.adapters.rows.files import FileRows
from swiftx.adapters.rows.sink import JsonlSink
from swiftx.domain.chat.rows import ReadTurns
from swiftx.domain.ports.rows import RowSink, RowSource
from swiftx.errors import DataError, NotFound, StorageError, SwiftxError


class TestFileRows(RowSourceContract):
    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return str(tmp_path)

    def source(self, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> RowSource:
        for path, rows in files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            Path(path).write_text("".join(lines), encoding="utf-8")
        return FileRows()


class TestJsonlSink(RowSinkContract):
    @pytest.fixture
    def sink(self) -> RowSink:
        return JsonlSink()

    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return str(tmp_path)

    def read(self, sink: RowSink, path: str) -> list[Mapping[str, Any]]:
        return list(FileRows().rows(path))


def _rows(path: Path) -> list[Mapping[str, Any]]:
    return list(FileRows().rows(str(path)))


CONTENTS: dict[str, tuple[str, bytes, list[dict[str, Any]]]] = {
    "blank lines": ("x.jsonl", b'{"a": 1}\n\n  \n{"a": 2}', [{"a": 1}, {"a": 2}]),
    "Windows line ends": ("x.jsonl", b'{"a": 1}\r\n{"a": 2}\r\n', [{"a": 1}, {"a": 2}]),
    "a byte order mark": ("x.jsonl", b'\xef\xbb\xbf{"a": 1}\n', [{"a": 1}]),
    "a line separator inside": ("x.jsonl", '{"a": "x\u2028y"}'.encode(), [{"a": "x\u2028y"}]),
    "a surrogate pair": ("x.jsonl", b'{"a": "\\ud83e\\udd8a"}', [{"a": "🦊"}]),
    "a json list": ("x.json", b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
    "one json object": ("x.json", b'{"a": 1}', [{"a": 1}]),
    "json lines in .json": ("x.json", b'{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    "an empty json": ("x.json", b" \n", []),
    "an empty list": ("x.json", b"[]", []),
    "csv": (
        "x.csv",
        b'a,b\n1,\nNA,"x,\n""y"""\n',
        [{"a": "1", "b": ""}, {"a": "NA", "b": 'x,\n"y"'}],
    ),
    "csv with few cells": ("x.csv", b"a,b\n1\n", [{"a": "1", "b": ""}]),
    "csv with only a header": ("x.csv", b"a,b\n", []),
    "an empty csv": ("x.csv", b"", []),
    "csv from Windows": ("x.CSV", b"\xef\xbb\xbfa, b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
    "csv with a long cell": ("x.csv", b"a\n" + b"x" * 200_000, [{"a": "x" * 200_000}]),
    "tsv": ("x.tsv", b"a\tb\n1, 2\t3\n", [{"a": "1, 2", "b": "3"}]),
    "txt": ("x.txt", b"one\n\ntwo\r\nthree", [{"text": t} for t in ("one", "", "two", "three")]),
    "gzip": ("x.jsonl.gz", gzip.compress(b'{"a": 1}\n'), [{"a": 1}]),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_files_of_every_kind_are_read(case: str, tmp_path: Path) -> None:
    name, content, rows = CONTENTS[case]
    (tmp_path / name).write_bytes(content)

    assert _rows(tmp_path / name) == rows


BROKEN: dict[str, tuple[str, bytes, str]] = {
    "bad json line": (
        "x.jsonl",
        b'{"a": 1}\n\n{"a": }\n',
        "row 1: line 3: not valid JSON, .* at column 7",
    ),
    "torn last line": ("x.jsonl", b'{"a": 1}\n{"a": "te', "row 1: line 2: not valid JSON"),
    "a line that is no object": (
        "x.jsonl",
        b'{"a": 1}\n[1]\n',
        "row 1: an object was expected, not a list",
    ),
    "a number too long": (
        "x.jsonl",
        b'{"a": ' + b"9" * 5000 + b"}",
        "row 0: line 1: Exceeds the limit",
    ),
    "nested too deeply": ("x.jsonl", b"[" * 100_000, "row 0: line 1 is nested too deeply"),
    "half a character": ("x.jsonl", b'{"a": "\\ud83e"}', "row 0: .*unpaired surrogate"),
    "bad json": ("x.json", b'[{"a": 1},\n {"a": }]', "line 2: not valid JSON"),
    "a list of no objects": (
        "x.json",
        b'[{"a": 1}, "b"]',
        "row 1: an object was expected, not text",
    ),
    "json nested too deeply": ("x.json", b"[" * 100_000, "nested too deeply"),
    "too many cells": (
        "x.csv",
        b"a,b\n1,2\n1,2,3\n",
        "row 1: line 3 has 3 cells, the header has 2",
    ),
    "an open quote": ("x.csv", b'a,b\n1,"2\n3,4\n', "row 0: line 3 is not valid csv"),
    "a repeated header": ("x.csv", b"a,a\n", "the header names 'a' twice"),
    "another encoding": ("x.jsonl", b'{"a": 1}\n{"a": "caf\xe9"}', "line 2 is not UTF-8"),
    "text of another encoding": ("x.txt", "汉字".encode("gb18030"), "line 1 is not UTF-8"),
    "UTF-16": ("x.json", "[]".encode("utf-16"), "the file is UTF-16, not UTF-8"),
    "no gzip": ("x.jsonl.gz", b"plain", "gzip data is broken"),
    "torn gzip": ("x.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 99)[:-12], "gzip data is broken"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named_with_its_row_or_line(case: str, tmp_path: Path) -> None:
    name, content, problem = BROKEN[case]
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=problem) as caught:
        _rows(tmp_path / name)

    assert str(caught.value).startswith(str(tmp_path / name))


def test_rows_before_a_broken_one_are_given(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{')
    rows = FileRows().rows(str(tmp_path / "x.jsonl"))

    assert next(rows) == {"a": 1}
    with pytest.raises(DataError):
        next(rows)


def test_a_file_that_cannot_be_opened_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()

    with pytest.raises(StorageError, match=r"x\.jsonl: cannot be read: Is a directory"):
        _rows(tmp_path / "x.jsonl")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").touch(mode=0o000)

    with pytest.raises(StorageError, match="Permission denied"):
        _rows(tmp_path / "x.jsonl")


def test_another_kind_of_file_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "x.docx").touch()

    with pytest.raises(NotFound, match="not a data file") as caught:
        _rows(tmp_path / "x.docx")

    assert "jsonl" in str(caught.value.hint)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(["x.jsonl", "x.json", "x.csv", "x.tsv", "x.txt", "x.jsonl.gz"]),
    content=st.binary(max_size=40)
    | st.text(alphabet='{}[]":,a1\\u\nd8\r\t ', max_size=40).map(str.encode),
)
def test_any_bytes_are_rows_or_one_of_our_errors(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    try:
        rows = _rows(tmp_path / name)
    except SwiftxError:
        return
    for row in rows:
        json.dumps(row, ensure_ascii=False).encode("utf-8")


def _folder(root: Path, names: Sequence[str], readme: str = "") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    if readme:
        (root / "README.md").write_text(f"---\nlicense: mit\n{readme}---\n# Title\n")
    return root


def _found(root: Path, **wanted: Any) -> list[str]:
    files = FileRows().files(str(root), **wanted)
    return [Path(file).relative_to(root).as_posix() for file in files]


def test_files_about_the_data_are_no_data(tmp_path: Path) -> None:
    names = ["a.jsonl", "dataset_infos.json", ".cache/b.jsonl", "__pycache__/c.json", "notes.md"]

    assert _found(_folder(tmp_path, names)) == ["a.jsonl"]


@pytest.mark.parametrize(
    ("names", "split", "found"),
    [
        (["data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"], "test", 1),
        (["dev.json", "train.json"], "validation", 1),
        (["a.csv", "b.csv"], "train", 2),
        (["trainer_notes.csv", "b.csv"], "train", 2),
        (["extra.csv", "val.csv"], "train", 1),
    ],
)
def test_names_tell_the_split(tmp_path: Path, names: list[str], split: str, found: int) -> None:
    assert len(_found(_folder(tmp_path, names), split=split)) == found


def test_a_readme_declares_subsets_and_splits(tmp_path: Path) -> None:
    readme = """configs:
- config_name: main
  default: true
  data_files:
  - split: train
    path: main/part-*
  - split: test
    path: [main/held.jsonl]
- config_name: other
  data_dir: other
- config_name: one
  data_files: single.csv
"""
    names = [
        "main/part-1.jsonl",
        "main/part-2.jsonl",
        "main/held.jsonl",
        "other/x.json",
        "single.csv",
    ]
    root = _folder(tmp_path, names, readme)

    assert _found(root) == ["main/part-1.jsonl", "main/part-2.jsonl"]
    assert _found(root, split="test") == ["main/held.jsonl"]
    assert _found(root, subset="other") == ["other/x.json"]
    assert _found(root, subset="one") == ["single.csv"]


@pytest.mark.parametrize("readme", ["configs: [1, {]\n", "configs: 3\n", "- a\n"])
def test_a_readme_that_says_nothing_is_ignored(tmp_path: Path, readme: str) -> None:
    assert _found(_folder(tmp_path, ["a.jsonl"], readme)) == ["a.jsonl"]


def test_a_subset_may_be_a_file(tmp_path: Path) -> None:
    assert _found(_folder(tmp_path, ["one.jsonl", "two.jsonl.gz"]), subset="two") == [
        "two.jsonl.gz"
    ]


def test_a_subset_stays_inside_the_folder(tmp_path: Path) -> None:
    root = _folder(tmp_path / "inside", ["a.jsonl"])
    _folder(tmp_path / "outside", ["b.jsonl"])

    with pytest.raises(NotFound):
        _found(root, subset="../outside")


def test_parquet_and_arrow_files_are_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    table = pa.Table.from_pylist([dict(ROWS[0]), dict(ROWS[1])] * 1500)
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet", row_group_size=700)
    with pa.ipc.new_stream(tmp_path / "stream.arrow", table.schema) as writer:
        writer.write_table(table)
    with pa.ipc.new_file(tmp_path / "file.arrow", table.schema) as writer:
        writer.write_table(table)

    for name in ("x.parquet", "stream.arrow", "file.arrow"):
        assert _rows(tmp_path / name) == [ROWS[0], ROWS[1]] * 1500


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
@pytest.mark.parametrize("content", [b"", b"no such format, whatever its name says"])
def test_a_broken_parquet_or_arrow_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=f"{name}: not a valid"):
        _rows(tmp_path / name)


def _tables(root: Path) -> dict[str, bytes]:
    """Return files of nested columns, by name."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    table = pa.table(
        {
            "query": ["a", "bé", "c"] * 5,
            "label": list(range(15)),
            "images": [["x"], [], None] * 5,
            "messages": [[{"role": "user", "content": "x"}]] * 15,
        }
    )
    pyarrow.parquet.write_table(table, root / "x.parquet")
    with pa.ipc.new_stream(root / "stream.arrow", table.schema) as writer:
        writer.write_table(table)
    with pa.ipc.new_file(root / "file.arrow", table.schema) as writer:
        writer.write_table(table)
    return {path.name: path.read_bytes() for path in sorted(root.iterdir())}


def test_a_damaged_parquet_or_arrow_file_is_rows_or_one_of_our_errors(tmp_path: Path) -> None:
    draws = random.Random(0)
    for name, whole in _tables(tmp_path).items():
        path = tmp_path / f"damaged{Path(name).suffix}"
        for _ in range(150):
            content = bytearray(whole)
            for _ in range(draws.choice([1, 1, 2, 5])):
                content[draws.randrange(len(content))] = draws.randrange(256)
            path.write_bytes(bytes(content[: draws.choice([len(content), draws.randrange(99)])]))
            with contextlib.suppress(SwiftxError):
                _rows(path)


_PART = st.sampled_from(
    [
        "train",
        "test",
        "default",
        "*.jsonl",
        "../outside",
        "/",
        "..",
        "a\0b",
        "[",
        "2024-99-99",
        ".",
        0,
    ]
)
_README = st.dictionaries(
    st.sampled_from(["config_name", "default", "data_dir", "data_files", "split"]),
    st.none()
    | _PART
    | st.lists(_PART | st.dictionaries(st.sampled_from(["split", "path"]), _PART), max_size=2)
    | st.dictionaries(st.sampled_from(["train", "test"]), _PART, max_size=2),
    max_size=4,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    front=st.lists(_README, max_size=2).map(lambda configs: json.dumps({"configs": configs}))
    | st.just("configs: 2024-99-99")
    | st.just("configs: " + "[" * 5000)
    | st.text(alphabet="configs: [{}]-\n&*!|2024\t", max_size=30),
    subset=st.none() | st.sampled_from(["default", "train", "..", "/", "a\0b"]),
)
def test_any_readme_names_files_of_its_folder_or_is_one_of_our_errors(
    tmp_path: Path, front: str, subset: str | None
) -> None:
    _folder(tmp_path / "outside", ["b.jsonl"])
    root = _folder(tmp_path / "data", ["a.jsonl", "test.jsonl", "train/c.json"])
    (root / "README.md").write_text(f"---\n{front}\n---\n", encoding="utf-8")

    with contextlib.suppress(SwiftxError):
        for name in FileRows().files(str(root), subset=subset):
            assert root in Path(name).resolve().parents


def test_a_readme_cannot_name_a_folder_outside(tmp_path: Path) -> None:
    _folder(tmp_path / "outside", ["b.jsonl"])
    readme = "configs:\n- config_name: default\n  data_dir: ../outside\n"

    with pytest.raises(NotFound):
        _found(_folder(tmp_path / "data", ["a.jsonl"], readme))


def test_a_torn_line_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"n": 0}\n{"n": 1, "te')
    sink = JsonlSink()

    sink.open(str(path))
    sink.write([{"n": 2}])
    sink.close()

    assert _rows(path) == [{"n": 0}, {"n": 2}]


def test_a_whole_line_without_an_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"n": 0}')
    sink = JsonlSink()

    sink.open(str(path))
    sink.write([{"n": 2}])
    sink.close()

    assert _rows(path) == [{"n": 0}, {"n": 2}]


def test_a_full_disk_leaves_only_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    sink = JsonlSink()
    sink.open(str(path))
    sink.write([{"n": 0}])

    with (
        _largest_file(path.stat().st_size + 5),
        pytest.raises(StorageError, match=r"rows\.jsonl: cannot be written: File too large"),
    ):
        sink.write([{"n": 1}, {"n": 2}])

    assert _rows(path) == [{"n": 0}]
    sink.write([{"n": 3}])
    sink.close()
    assert _rows(path) == [{"n": 0}, {"n": 3}]


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """Let the system stop a write in the middle, as a full disk does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_an_unwritable_place_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match="cannot be written"):
        JsonlSink().open(str(tmp_path / "file" / "rows.jsonl"))


def test_bytes_are_written_as_base64(tmp_path: Path) -> None:
    sink = JsonlSink()
    sink.open(str(tmp_path / "rows.jsonl"))
    sink.write([{"images": [{"bytes": b"ABC", "path": None}]}])
    sink.close()

    assert _rows(tmp_path / "rows.jsonl") == [{"images": [{"bytes": "QUJD", "path": None}]}]


LINES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            b'{"messages": []}',
            b'{"messages": [{"role": "user", "content": "a"}]}',
            b'{"messages": [{"role": "user", "content": "a"}], "messages": []}',
            b'{"messages": [{"role": "tool", "content": "a"}]}',
            b'{"messages": [{"role": "user", "content": "a", "loss": 1}]}',
            b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
            b'{"messages": [{"role": "user", "content": "\xff"}]}',
            b'{"messages": [{"role": "user", "content": "a\xe2\x80\xa8b"}]} x',
        ]
    ),
    st.builds(
        lambda turns, space: (json.dumps({"messages": turns}, ensure_ascii=space) + " ").encode(),
        st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(["user", "assistant", "system", "tool"]),
                    "content": st.one_of(st.text(max_size=5), st.none()),
                },
                optional={"loss": st.booleans()},
            ),
            max_size=3,
        ),
        st.booleans(),
    ),
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.lists(LINES, max_size=4), start=st.integers(0, 2))
def test_the_quick_reader_reads_what_the_usual_one_reads(
    tmp_path: Path, lines: list[bytes], start: int
) -> None:
    pytest.importorskip("msgspec")
    file = tmp_path / "x.jsonl"
    file.write_bytes(b"\n".join(lines))

    def read() -> list[object]:
        rows: list[object] = []
        try:
            rows.extend(map(dict, FileRows().rows(str(file), start=start)))
        except DataError as error:
            rows.append(str(error))
        return rows

    quick = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "msgspec", None)
        patch.delitem(sys.modules, "swiftx.adapters.rows.plain_turns", raising=False)
        usual = read()

    assert quick == usual


def test_plain_messages_are_read_without_a_dict_for_each(tmp_path: Path) -> None:
    pytest.importorskip("msgspec")
    file = tmp_path / "x.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "a"}]}\n{"query": "b"}\n')

    plain, other = FileRows().rows(str(file))

    assert type(plain) is ReadTurns
    assert type(other) is dict
