"""DeepSpeed's ZeRO over two processes on a CPU: the losses, checkpoints and weights of one plain process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.integration.processes import measured, sft_in_processes
from tests.integration.sft_run import sft

pytest.importorskip("deepspeed")
SAME = ("loss", "eval_loss", "token_acc", "eval_token_acc", "grad_norm")
FULL = {"train_type": "full"}


@pytest.fixture
def arguments(tiny_model: str, tmp_path: Path) -> dict[str, str]:
    """Eight training and three validation rows: the processes have unequal shares of these."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        "".join(
            json.dumps({"query": f"q{number}" * (number % 5 + 1), "response": f"answer {number}"})
            + "\n"
            for number in range(11)
        ),
        encoding="utf-8",
    )
    return {
        "model": tiny_model,
        "template": "chatml",
        "dataset": str(rows),
        "add_version": "false",
        "split_dataset_ratio": "0.3",
        "lora_dropout": "0",
        "learning_rate": "1e-2",
        "max_steps": "4",
        "save_steps": "2",
        "logging_steps": "1",
        "dataloader_num_workers": "0",
        "average_tokens_across_devices": "true",
        "report_to": "none",
    }


@pytest.mark.parametrize(
    ("layout", "config"),
    [
        ({}, "zero2"),
        ({**FULL, "packing": "true", "packing_length": "200"}, "zero1"),
        (FULL, "zero3"),
    ],
    ids=["lora-zero2", "full-packed-zero1", "full-zero3"],
)
def test_two_processes_train_and_resume_as_one_does_without_deepspeed(
    arguments: dict[str, str], tmp_path: Path, layout: dict[str, str], config: str
) -> None:
    arguments |= layout
    one, two, again = (tmp_path / name for name in ("one", "two", "again"))

    sft({**arguments, "output_dir": str(one), "gradient_accumulation_steps": "4"})
    shared = {**arguments, "gradient_accumulation_steps": "2", "deepspeed": config}
    sft_in_processes({**shared, "output_dir": str(two)})
    resumed = {"output_dir": str(again), "resume_from_checkpoint": str(two / "checkpoint-2")}
    sft_in_processes({**shared, **resumed})

    for name in SAME:
        assert measured(two, name) == pytest.approx(measured(one, name), abs=1e-4), name
    assert measured(again, "loss") == measured(two, "loss")[2:]
    _same_weights(one / "checkpoint-4", two / "checkpoint-4", tolerance=1e-4)
    _same_weights(two / "checkpoint-4", again / "checkpoint-4", tolerance=0.0)


def _same_weights(first: Path, second: Path, *, tolerance: float) -> None:
    (name,) = (file.name for file in first.glob("*.safetensors"))
    expected, found = load_file(first / name), load_file(second / name)
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        torch.testing.assert_close(found[key], tensor, atol=tolerance, rtol=0.0, msg=key)
