"""The loss of each channel: in numbers worked out by hand, and in runs against the model itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.integration.sft_run import sft
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

from swiftx.adapters.trainers.token_objective import _by_channel

ROWS: list[tuple[str, str, str | None]] = [
    ("one", "first answer", "math"),
    ("two and more", "no", "chat"),
    ("three", "third", "math"),
    ("four", "a fourth one", None),
]


def test_losses_are_added_up_by_the_channel_of_their_row() -> None:
    losses_BK = torch.tensor([[1.0, 2.0], [5.0, 0.0], [4.0, 0.5]])
    labels_BK = torch.tensor([[7, 8], [9, -100], [-100, 3]])

    found = _by_channel(losses_BK, labels_BK, None, {"channels": ["math", "chat", "math"]})

    assert {name: pair.tolist() for name, pair in found.items()} == {
        "math": [1.0 + 2.0 + 0.5, 3],
        "chat": [5.0, 1],
    }


def test_rows_laid_end_to_end_keep_their_channels() -> None:
    losses_BK = torch.tensor([[1.0, 2.0, 4.0, 8.0]])
    labels_BK = torch.tensor([[7, 8, 9, 3]])
    rows_BK = torch.tensor([[0, 0, 1, 2]])

    found = _by_channel(losses_BK, labels_BK, rows_BK, {"channels": ["math", "chat", "math"]})

    assert {name: pair.tolist() for name, pair in found.items()} == {
        "math": [1.0 + 2.0 + 8.0, 3],
        "chat": [4.0, 1],
    }


LAYOUTS: dict[str, dict[str, str]] = {
    "padded": {},
    "padding_free": {"padding_free": "true"},
    "packed": {"packing": "true", "packing_length": "150"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_run_logs_the_loss_of_each_channel(tiny_model: str, tmp_path: Path, layout: str) -> None:
    rows = [
        {"query": query, "response": answer} | ({} if channel is None else {"channel": channel})
        for query, answer, channel in ROWS
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    sft(
        {
            **LAYOUTS[layout],
            "model": tiny_model,
            "template": "chatml",
            "dataset": str(path),
            "val_dataset": str(path),
            "output_dir": str(tmp_path / "run"),
            "add_version": "false",
            "train_type": "full",
            "enable_channel_loss": "true",
            "per_device_train_batch_size": "1" if layout == "packed" else "4",
            "gradient_accumulation_steps": "2" if layout == "packed" else "1",
            "max_steps": "1",
            "logging_steps": "1",
            "learning_rate": "1e-9",
            "save_strategy": "no",
            "eval_strategy": "steps",
            "eval_steps": "1",
            "dataloader_num_workers": "0",
            "report_to": "none",
        }
    )

    lines = (tmp_path / "run" / "logging.jsonl").read_text(encoding="utf-8").splitlines()
    logged: dict[str, Any] = {}
    for line in map(json.loads, lines):
        logged |= line
    expected = _expected(tiny_model)
    for channel, loss in expected.items():
        assert logged[f"loss_{channel}"] == pytest.approx(loss, abs=1e-5), channel
        assert logged[f"eval_loss_{channel}"] == pytest.approx(loss, abs=1e-5), channel


def _expected(folder: str) -> dict[str, float]:
    """Return the mean loss of an answer's token by channel, row by row through the model itself."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    losses: dict[str, list[float]] = {}
    for query, answer, channel in ROWS:
        prompt = f"<|im_start|>user\n{query}<|im_end|>\n<|im_start|>assistant\n"
        asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        said = tokenizer(f"{answer}<|im_end|>\n", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = model(torch.tensor([asked + said])).logits[0, len(asked) - 1 : -1]
        each = cross_entropy(logits, torch.tensor(said), reduction="none")
        losses.setdefault(str(channel), []).extend(each.tolist())
    return {channel: sum(values) / len(values) for channel, values in losses.items()}
