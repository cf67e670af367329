"""Trackers with their real libraries, which write here and send nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.contract.test_transformers_trainer import tiny_llama
from tests.contract.trainer_contract import ROWS, plan
from tests.fakes.observer import RecordingObserver
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.adapters.trainers.transformers import TransformersTrainer
from swiftx.domain.plans.training import SwanlabPlan, TrainPlan

SECRET = "hunter2hunter2"


@pytest.fixture(autouse=True)
def command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["swiftx", "sft", "--hub_token", SECRET])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))


def train(settled: TrainPlan) -> None:
    TransformersTrainer().fit(
        tiny_llama(),
        ByteTokenizer(),
        settled,
        train=ROWS,
        validation=(),
        observer=RecordingObserver(),
    )


def short(tmp_path: Path, **changes: Any) -> TrainPlan:
    tracker = changes.pop("tracker")
    arguments = {"max_steps": 2, "save_strategy": "no", "report_to": (tracker,)}
    return plan(tmp_path / "run", arguments=arguments, **changes)


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.filterwarnings("ignore")  # the library's own
def test_wandb_gets_each_logged_step_and_no_command_line(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")

    train(short(tmp_path, tracker="wandb"))

    content = b"".join(written(run) for run in tmp_path.glob("wandb/offline-run-*"))
    assert content.count(b"train/loss") >= 2
    assert SECRET.encode() not in content


@pytest.mark.filterwarnings("ignore")
def test_swanlab_keeps_a_local_experiment_in_the_run_folder(tmp_path: Path) -> None:
    pytest.importorskip("swanlab", reason="the extra swanlab is not installed")
    folder = tmp_path / "run" / "swanlog"
    experiment = SwanlabPlan(
        mode="local", experiment="the run", folder=str(folder), project="p", token=SECRET
    )

    train(short(tmp_path, tracker="swanlab", swanlab=experiment))

    content = b"".join(written(run) for run in folder.glob("run-*"))
    assert b"train/loss" in content
    assert SECRET.encode() not in content
