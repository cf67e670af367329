"""The memory of a step on the meta device against that of the same step with numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from tests.fakes.tiny_model import save_tiny_model
from torch import nn

from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.adapters.trainers.arguments import training_arguments
from swiftx.adapters.trainers.lora_kernel import quicken_lora
from swiftx.adapters.trainers.memory_ledger import Ledger
from swiftx.adapters.trainers.rehearsal import MetaRehearsal
from swiftx.adapters.trainers.token_objective import TokenObjective
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.plans.memory import BatchShape, StepMemory
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.plans.tuning import FullPlan, LoraPlan, TunerPlan

ROWS, TOKENS = 4, 256
LORA = LoraPlan(rank=8, alpha=32, dropout=0.05, bias="none")
MIB = 1 << 20


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LoadPlan:
    folder = save_tiny_model(tmp_path_factory.mktemp("tiny"), head_dim=16)
    return LoadPlan(folder=folder, dtype="float32", device="cpu")


def _plan(**trainer: Any) -> TrainPlan:
    return TrainPlan(
        output_dir="nowhere",
        device="cpu",
        trainer_arguments={"gradient_checkpointing_kwargs": None, **trainer},
        args_json={},
        pad_token_id=0,
    )


def _rehearsed(loading: LoadPlan, tuning: TunerPlan, plan: TrainPlan, **batch: Any) -> StepMemory:
    model = make_tuner().attach(TransformersLoader().skeleton(loading), tuning)
    shape = BatchShape(**{"rows": ROWS, "tokens": TOKENS, **batch})
    return MetaRehearsal().measure(model, plan, shape)


def _real_step(loading: LoadPlan, tuning: TunerPlan, plan: TrainPlan) -> int:
    """Return the bytes that were alive at most, beside the weights, in forward and backward."""
    model: Any = make_tuner().attach(TransformersLoader().load(loading).model, tuning)
    arguments = training_arguments(plan)
    quicken_lora(cast(nn.Module, model))
    objective = TokenObjective(plan, model, chunked=True)
    model.train()
    if arguments.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    ids = list(range(3, 203))
    rows = [Encoded(input_ids=(ids + ids)[:TOKENS], labels=[5] * TOKENS) for _ in range(ROWS)]
    batch = objective.collate(rows)
    ledger = Ledger()
    ledger.book(model.parameters(), "weights")
    with ledger:
        objective.measure(model, batch, training=True).loss.backward()
    return sum(ledger.most.values()) - ledger.most["weights"]


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("tuning", [LORA, FullPlan()], ids=["lora", "full"])
def test_it_holds_what_the_step_with_numbers_holds(
    tiny: LoadPlan, tuning: TunerPlan, checkpointing: bool
) -> None:
    plan = _plan(gradient_checkpointing=checkpointing, optim="sgd")

    found = _rehearsed(tiny, tuning, plan)

    passing = found.activations + found.logits + found.passing + found.gradients
    assert passing == pytest.approx(_real_step(tiny, tuning, plan), rel=0.1)


def test_weights_and_states_are_counted_one_by_one(tiny: LoadPlan) -> None:
    found = _rehearsed(tiny, FullPlan(), _plan(optim="adamw_torch_fused"))

    model: Any = TransformersLoader().load(tiny).model
    numbers = sum(each.numel() for each in model.parameters())  # tied embeddings count once
    assert (found.trained, found.total_weights) == (numbers, numbers)
    assert found.all_gradients == numbers * 4
    assert numbers * 4 <= found.weights < numbers * 4 + 4096  # and what rotary positions keep
    steps = 4 * len(list(model.parameters()))  # AdamW counts them for each
    assert found.optimizer == 2 * numbers * 4 + steps


@pytest.mark.parametrize(
    ("optim", "numbers", "notes"),
    [("sgd", 0, 0), ("adamw_torch", 2, 0), ("adamw_8bit", 0.5, 1), ("lomo", 2, 1)],
)
def test_optimisers_keep_what_they_keep(
    tiny: LoadPlan, optim: str, numbers: float, notes: int
) -> None:
    found = _rehearsed(tiny, LORA, _plan(optim=optim))

    assert found.optimizer == pytest.approx(numbers * 4 * found.trained, rel=0.05)
    assert len(found.notes) == notes


def test_accumulated_gradients_stay(tiny: LoadPlan) -> None:
    once = _rehearsed(tiny, FullPlan(), _plan(optim="sgd", gradient_accumulation_steps=1))
    often = _rehearsed(tiny, FullPlan(), _plan(optim="sgd", gradient_accumulation_steps=8))

    assert often.gradients >= often.all_gradients
    assert often.total - once.total <= often.all_gradients + MIB


def test_more_tokens_take_more_and_eager_attention_takes_squares(tiny: LoadPlan) -> None:
    plan = _plan(optim="sgd")
    short, long = (_rehearsed(tiny, LORA, plan, tokens=tokens) for tokens in (256, 512))
    assert long.activations == pytest.approx(2 * short.activations, rel=0.02)

    eager = LoadPlan(folder=tiny.folder, dtype="float32", device="cpu", attn_impl="eager")
    short, long = (_rehearsed(eager, LORA, plan, tokens=tokens) for tokens in (256, 512))
    assert long.activations > 2.5 * short.activations


def test_nothing_is_left_of_it(tiny: LoadPlan) -> None:
    attend = nn.functional.scaled_dot_product_attention
    _rehearsed(tiny, LORA, _plan(optim="sgd"))

    assert nn.functional.scaled_dot_product_attention is attend
    assert not torch.zeros(1)


def _swiftx(*words: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "swiftx", *words],
        cwd=cwd, check=True, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    return done.stdout


def _typed(folder: Path, words: Sequence[str]) -> list[str]:
    text = " ".join(["alpha beta gamma delta"] * 150)
    row = {
        "messages": [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": text}]
    }
    (folder / "rows.jsonl").write_text(f"{json.dumps(row)}\n" * 8)
    return [
        "--dataset", "rows.jsonl", "--split_dataset_ratio", "0", "--truncation_strategy", "right",
        "--max_length", "300", "--gradient_accumulation_steps", "1", "--save_strategy", "no",
        "--report_to", "none", "--max_steps", "2", *words,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["--per_device_train_batch_size", "3", "--gradient_checkpointing", "false"],
        ["--train_type", "full"],
    ],
    ids=["lora", "full"],
)
def test_the_packaged_model_peaks_where_it_was_said_to(
    packaged_model: str, tmp_path: Path, words: list[str]
) -> None:
    typed = ["--model", packaged_model, *_typed(tmp_path, words)]
    said = json.loads(_swiftx("estimate", *typed, "--format", "json", cwd=tmp_path))
    _swiftx("sft", *typed, "--output_dir", "run", "--add_version", "false", cwd=tmp_path)

    lines = (tmp_path / "run" / "logging.jsonl").read_text().splitlines()
    peak = json.loads(lines[-1])["memory"] * (1 << 30)
    assert said["total"] == pytest.approx(peak, rel=0.15)
    assert said["fits"] is True
