"""Answering with several processes, as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def run(folder: Path, *argv: str, processes: int | None) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    environ.pop("NPROC_PER_NODE", None)
    if processes is not None:
        environ["NPROC_PER_NODE"] = str(processes)
    return subprocess.run(
        [sys.executable, "-m", "swiftx", "infer", *argv],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def arguments(tiny_model: str, tmp_path: Path) -> list[str]:
    texts = [f"Question {number}" * (number + 1) for number in range(7)]
    lines = [json.dumps({"query": text, "response": "x"}) + "\n" for text in texts]
    (tmp_path / "q.jsonl").write_text("".join(lines))
    given = ("--val_dataset", "q.jsonl", "--max_new_tokens", "6", "--max_batch_size", "4")
    return ["--model", tiny_model, "--template", "chatml", *given, "--temperature", "0.9"]


def test_two_processes_answer_as_one_does_and_a_failed_row_decides_the_exit_code(
    arguments: list[str], tmp_path: Path
) -> None:
    arguments += ["--max_length", "85"]  # the longest question fails
    one = run(tmp_path, *arguments, "--result_path", "one.jsonl", processes=None)
    two = run(tmp_path, *arguments, "--result_path", "two.jsonl", processes=2)

    assert (one.returncode, two.returncode) == (5, 5), two.stderr
    rows = rows_of(tmp_path / "two.jsonl")
    assert rows == rows_of(tmp_path / "one.jsonl")
    assert [row["response"] is None for row in rows] == [False] * 6 + [True]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.jsonl", "q.jsonl", "two.jsonl"]
    for done in (one, two):
        assert done.stderr.count("num_samples") == 1
        assert "7" in done.stderr.partition("num_samples")[2].partition("\n")[0]


def test_what_several_processes_cannot_do_is_refused(arguments: list[str], tmp_path: Path) -> None:
    done = run(tmp_path, *arguments, "--stream", "true", processes=2)

    assert done.returncode == 2
    assert "stream: 2 processes" in done.stderr
