"""`swiftx infer --infer_backend vllm` as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.tiny_model import save_tiny_model


def swiftx(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "swiftx", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny-32", head_dim=32)


def test_rows_are_answered_and_stdout_holds_nothing_else(model: str, tmp_path: Path) -> None:
    rows, results = tmp_path / "rows.jsonl", tmp_path / "results.jsonl"
    questions = [f"question {number}" for number in range(5)]
    rows.write_text("\n".join(json.dumps({"query": text}) for text in questions))

    run = swiftx(
        "infer", "--model", model, "--template", "chatml", "--infer_backend", "vllm",
        "--val_dataset", str(rows), "--result_path", str(results), "--max_new_tokens", "6",
        "--temperature", "0", "--vllm_enforce_eager", "true",
        "--vllm_engine_kwargs", '{"kv_cache_memory_bytes": 268435456}',
    )  # fmt: skip

    assert run.returncode == 0, run.stderr
    answers = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    assert [row["messages"][0]["content"] for row in answers] == questions
    assert all(row["response"] for row in answers)
    assert "vllm" not in run.stdout.lower()
    assert "Traceback" not in run.stderr


def test_wrong_option_is_one_message(model: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"query": "a"}')

    run = swiftx(
        "infer", "--model", model, "--template", "chatml", "--infer_backend", "vllm",
        "--val_dataset", str(rows), "--result_path", str(tmp_path / "results.jsonl"),
        "--vllm_engine_kwargs", '{"max_num_seq": 4}',
    )  # fmt: skip

    assert run.returncode == 2
    assert "max_num_seqs" in run.stderr
    assert "Traceback" not in run.stderr
