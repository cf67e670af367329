"""Encoded rows on disk: the contract, and what is left when something goes wrong."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.contract.encoded_store_contract import ROWS, EncodedStoreContract, plain

pytest.importorskip("pyarrow")

from swiftx.adapters.rows.encoded_folders import FolderStore
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.ports.encoded import EncodedStore
from swiftx.errors import DataError, StorageError


class TestFolderStore(EncodedStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> EncodedStore:
        return FolderStore(str(tmp_path / "scratch"))

    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return str(tmp_path / "root")


def _kept(root: Path) -> Path:
    draft = FolderStore(str(root)).draft(str(root / "kept"))
    writer = draft.writer("train")
    writer.add(ROWS)
    writer.finish()
    draft.keep({})
    return root / "kept"


def test_many_rows_are_written_in_several_batches(tmp_path: Path) -> None:
    rows = [
        Encoded(input_ids=[number] * 70_000, labels=[number] * 70_000, row=number)
        for number in range(40)
    ]
    writer = FolderStore(str(tmp_path)).draft().writer("train")

    for row in rows:
        writer.add([row])
    read = writer.finish()

    assert [(row.row, row.input_ids[0], len(row)) for row in read] == [
        (number, number, 70_000) for number in range(40)
    ]
    assert list(read.lengths) == [70_000] * 40


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("train/rows.arrow", None),
        ("train/rows.arrow", b""),
        ("train/rows.arrow", "cut"),
        ("train/rows.arrow", "overwritten"),
        ("encoded_rows.json", b"{"),
        ("encoded_rows.json", b"[]"),
        ("encoded_rows.json", b'{"format": 0}'),
    ],
)
def test_a_damaged_folder_is_a_data_error(
    tmp_path: Path, file: str, content: bytes | str | None
) -> None:
    path = _kept(tmp_path) / file
    whole = path.read_bytes()
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_bytes(whole[:-9] if content == "cut" else whole[:-9] + bytes(9))

    with pytest.raises(DataError, match=file):
        FolderStore(str(tmp_path)).open(str(tmp_path / "kept"))


def test_a_draft_is_removed_with_its_last_rows(tmp_path: Path) -> None:
    draft = FolderStore(str(tmp_path)).draft()
    writer = draft.writer("train")
    writer.add(ROWS)
    rows = writer.finish()
    del draft, writer

    assert plain(rows) == plain(ROWS)
    assert len(os.listdir(tmp_path)) == 1
    del rows

    assert os.listdir(tmp_path) == []


_KILLED = """
import sys, time
from swiftx.adapters.rows.encoded_folders import FolderStore
from swiftx.domain.plans.encoded import Encoded
draft = FolderStore(sys.argv[1]).draft(sys.argv[1] + "/kept")
writer = draft.writer("train")
writer.add([Encoded(input_ids=[1], labels=[1])])
writer.finish()
print("made", flush=True)
time.sleep(60)
"""


def test_a_killed_program_leaves_nothing_that_looks_whole_and_is_swept_up_later(
    tmp_path: Path,
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "made\n"
    (left,) = tmp_path.iterdir()
    os.utime(left, (time.time() - 3600,) * 2)

    FolderStore(str(tmp_path)).draft()
    assert left.exists()  # its owner lives
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    os.utime(left, (time.time() - 3600,) * 2)
    store = FolderStore(str(tmp_path))

    assert store.open(str(tmp_path / "kept")) is None
    store.draft()
    assert not left.exists()


def test_a_full_disk_is_a_storage_error() -> None:
    from swiftx.adapters.rows.encoded_arrow import ArrowWriter

    writer = ArrowWriter("/dev/full")
    writer.add(ROWS)

    with pytest.raises(StorageError, match="/dev/full"):
        writer.finish()


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="file"):
        FolderStore(str(tmp_path / "file")).draft()


def test_a_name_that_something_else_has_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.txt").write_text("")

    with pytest.raises(StorageError, match="kept"):
        _kept(tmp_path)
    assert os.listdir(tmp_path / "kept") == ["mine.txt"]


@pytest.mark.parametrize("entry", ["mine.txt", "train/mine.txt"])
def test_only_a_folder_of_rows_is_replaced(tmp_path: Path, entry: str) -> None:
    kept = _kept(tmp_path)
    (kept / entry).write_text("")
    store = FolderStore(str(tmp_path))

    with pytest.raises(StorageError, match="cannot be replaced"):
        store.draft(str(kept), replaces=True)
    with pytest.raises(StorageError, match="no folder of encoded rows"):
        store.draft(str(tmp_path), replaces=True)
    assert (kept / entry).exists()


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    store = FolderStore(str(tmp_path))

    store.draft(str(tmp_path / "kept"), replaces=True).keep({"a": 1})

    opened = store.open(str(tmp_path / "kept"))
    assert opened is not None
    assert opened.note == {"a": 1}


def test_what_a_kill_left_of_a_replaced_folder_is_swept_up_later(tmp_path: Path) -> None:
    left = tmp_path / ".draft-x"
    (left / "old").mkdir(parents=True)
    os.utime(left, (time.time() - 3600,) * 2)

    FolderStore(str(tmp_path)).draft()

    assert not left.exists()


def test_a_lock_of_a_draft_is_held_while_it_is_made(tmp_path: Path) -> None:
    draft = FolderStore(str(tmp_path)).draft()

    with open(f"{draft.folder}/lock") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_manifest_says_what_is_in_the_folder(tmp_path: Path) -> None:
    manifest = json.loads((_kept(tmp_path) / "encoded_rows.json").read_text())

    assert manifest["rows"]["train"]["rows"] == len(ROWS)
