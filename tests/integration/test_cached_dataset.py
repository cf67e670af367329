"""`export --to_cached_dataset true` as it is typed, and training on what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.fakes.observer import RecordingObserver
from tests.fakes.system import RecordingReporter
from tests.integration.sft_run import sft

from swiftx.cli.main import run
from swiftx.errors import NotFound, UsageError


def _write(path: Path, count: int) -> str:
    lines = [
        {"query": f"What is {n} and {n}?", "response": f"{2 * n}, I think."} for n in range(count)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def rows(tmp_path: Path) -> str:
    return _write(tmp_path / "rows.jsonl", 12)


def _export(model: str, rows: str, *more: str) -> list[str]:
    argv = ["export", "--to_cached_dataset", "true", "--model", model, "--template", "chatml"]
    return [*argv, "--dataset", rows, *more]


def _losses(
    model: str, folder: Path, reporter: RecordingReporter | None = None, **more: str | Sequence[str]
) -> list[float]:
    observer = RecordingObserver()
    arguments: Mapping[str, str | Sequence[str]] = {
        "model": model,
        "template": "chatml",
        "output_dir": str(folder),
        "add_version": "false",
        "per_device_train_batch_size": "2",
        "gradient_accumulation_steps": "1",
        "max_steps": "3",
        "eval_steps": "3",
        "logging_steps": "1",
        "dataloader_num_workers": "0",
        **more,
    }
    sft(arguments, observer=observer, reporter=reporter)
    return observer.losses


def test_training_on_a_cached_set_is_training_on_its_rows(
    tiny_model: str, rows: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made"
    assert (
        run(_export(tiny_model, rows, "--output_dir", str(made), "--split_dataset_ratio", "0.25"))
        == 0
    )
    assert f"swiftx sft --cached_dataset {made}" in capfd.readouterr().err
    reporter = RecordingReporter()

    cached = _losses(tiny_model, tmp_path / "a", reporter, cached_dataset=str(made))

    plain = _losses(tiny_model, tmp_path / "b", dataset=rows, split_dataset_ratio="0.25")
    assert cached == plain
    assert reporter.tables["Tokens (val)"]["rows"] == "3"
    assert "eval_loss" in (tmp_path / "a" / "logging.jsonl").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="made with loss_scale 'default', this run has 'all'"):
        _losses(tiny_model, tmp_path / "c", cached_dataset=str(made), loss_scale="all")


def test_an_existing_folder_is_replaced_only_on_request(
    tiny_model: str, rows: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    export = _export(tiny_model, rows, "--output_dir", str(tmp_path / "made"))
    assert run(export) == 0
    assert run(export) == 2
    assert "exists already" in capfd.readouterr().err

    assert run([*export, "--exist_ok", "true"]) == 0
    (tmp_path / "made" / "notes.txt").write_text("mine")
    assert run([*export, "--exist_ok", "true"]) == 4
    assert "holds 'notes.txt'" in capfd.readouterr().err


def test_a_kill_in_the_middle_leaves_nothing_that_looks_whole(
    tiny_model: str, tmp_path: Path
) -> None:
    rows = _write(tmp_path / "many.jsonl", 60_000)
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-m", "swiftx", *_export(tiny_model, rows)]
    child = subprocess.Popen(
        [*command, "--output_dir", str(folder / "made"), "--dataset_num_proc", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SWIFTX_CACHE": str(tmp_path / "cache")},
    )
    try:
        deadline = time.monotonic() + 60
        while not list(folder.glob(".draft-*/train/rows.arrow")):
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()

    assert not (folder / "made").exists()
    (left,) = folder.iterdir()
    with pytest.raises(NotFound, match="holds no cached data set"):
        _losses(tiny_model, tmp_path / "run", cached_dataset=str(left))
