"""`deploy` and `infer` of what `sft` trained: a classifier's adapter with its head."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.sft_run import sft
from tests.integration.test_deploy_command import deployed

LABELS = {"red": 0, "blue": 1}


@pytest.fixture(scope="module")
def adapter(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return classifier(tiny_model, tmp_path_factory.mktemp("classifier"))


def test_rows_get_the_class_that_was_learnt(adapter: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    write(rows)
    results = tmp_path / "results.jsonl"

    ended = subprocess.run(
        [
            sys.executable, "-m", "swiftx", "infer", "--adapters", adapter, "--load_data_args", "false",
            "--val_dataset", str(rows), "--result_path", str(results), "--metric", "acc",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=200,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    found = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    assert [(row["response"], row["labels"]) for row in found] == [(0, 0), (1, 1)]
    assert "acc" in ended.stderr


def test_a_trained_classifier_answers_as_it_learnt(adapter: str, tmp_path: Path) -> None:
    with (
        deployed("--adapters", adapter, "--served_model_name", "mood", cwd=tmp_path) as (url, _),
        httpx.Client(base_url=url, timeout=60, trust_env=False) as client,
    ):
        asked = {"model": "mood", "input": list(LABELS)}
        answer: Any = client.post("/v1/classify", json=asked).json()
        raw: Any = client.post("/pooling", json=asked).json()
        chat = client.post("/v1/chat/completions", json={"messages": []})

    assert [each["label"] for each in answer["data"]] == ["LABEL_0", "LABEL_1"]
    for each, logits in zip(answer["data"], raw["data"], strict=True):
        assert max(each["probs"]) > 0.8
        assert sum(each["probs"]) == pytest.approx(1)
        assert len(logits["data"]) == 2
    assert chat.status_code == 404
    assert "/v1/classify" in chat.json()["error"]["message"]


def classifier(model: str, folder: Path) -> str:
    """Return the checkpoint of an adapter, with a head, that tells two words apart."""
    rows = folder / "rows.jsonl"
    write(rows)
    outcome = sft(
        {
            "model": model,
            "template": "chatml",
            "task_type": "seq_cls",
            "num_labels": "2",
            "dataset": str(rows),
            "output_dir": str(folder / "run"),
            "split_dataset_ratio": "0",
            "learning_rate": "1e-2",
            "max_steps": "40",
            "per_device_train_batch_size": "2",
            "gradient_accumulation_steps": "1",
            "torch_dtype": "float32",
        }
    )
    assert outcome.last_checkpoint is not None
    return outcome.last_checkpoint


def write(rows: Path) -> None:
    lines = [
        json.dumps({"messages": [{"role": "user", "content": word}], "label": label})
        for word, label in LABELS.items()
    ]
    rows.write_text("\n".join(lines), encoding="utf-8")
