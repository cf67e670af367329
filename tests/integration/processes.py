"""Runs `sft` in processes that torchrun starts, and reads what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
TORCHRUN = "swiftx.adapters.launchers.elastic"


def sft_in_processes(arguments: Mapping[str, str], *, count: int = 2, fails: bool = False) -> str:
    """Run `tests.integration.sft_run` and return what it said; torchrun ends its processes with itself."""
    words = [f"{name}={value}" for name, value in arguments.items()]
    options = ["--standalone", "--nproc_per_node", str(count)]
    ended = subprocess.run(
        [sys.executable, "-m", TORCHRUN, *options, "-m", "tests.integration.sft_run", *words],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (ended.returncode != 0) == fails, ended.stderr
    return ended.stderr


def short_run(model: str, folder: Path, *, rows: int, held: str, longest: int) -> dict[str, str]:
    """Return the arguments of four steps on new rows of unequal lengths, the same in any number of processes.

    Args:
        model: Folder of the model.
        folder: Where `rows.jsonl` is written.
        rows: How many.
        held: Share that is kept for validation.
        longest: Times that the longest question has its text.
    """
    path = folder / "rows.jsonl"
    asked = ((number, f"q{number}" * (number % longest + 1)) for number in range(rows))
    written = [{"query": text, "response": f"answer {number}"} for number, text in asked]
    path.write_text("".join(json.dumps(row) + "\n" for row in written), encoding="utf-8")
    return {
        "model": model,
        "template": "chatml",
        "dataset": str(path),
        "add_version": "false",
        "split_dataset_ratio": held,
        "lora_dropout": "0",
        "learning_rate": "1e-2",
        "max_steps": "4",
        "save_steps": "2",
        "logging_steps": "1",
        "dataloader_num_workers": "0",
        "average_tokens_across_devices": "true",
        "report_to": "none",
    }


def lines(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's log."""
    text = (folder / "logging.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def measured(folder: Path, name: str) -> list[float]:
    """Return the values that were logged under a name."""
    return [line[name] for line in lines(folder) if name in line]


def same_weights(first: Path, second: Path, *, tolerance: float) -> None:
    """Assert that two checkpoints hold the same tensors, whole models or adapters."""
    (name,) = (file.name for file in first.glob("*.safetensors"))
    expected, found = load_file(first / name), load_file(second / name)
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        torch.testing.assert_close(found[key], tensor, atol=tolerance, rtol=0.0, msg=key)
