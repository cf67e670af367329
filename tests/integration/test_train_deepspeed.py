"""DeepSpeed's ZeRO over two processes on a CPU: the losses, checkpoints and weights of one plain process."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.processes import measured, same_weights, sft_in_processes, short_run
from tests.integration.sft_run import sft
from transformers import TrainingArguments
from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig

from swiftx.adapters.trainers.deepspeed import prepare, translated
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.plans.tuning import LisaPlan
from swiftx.errors import UsageError

pytest.importorskip("deepspeed")
SAME = ("loss", "eval_loss", "token_acc", "eval_token_acc", "grad_norm")
FULL = {"train_type": "full"}


@pytest.fixture
def arguments(tiny_model: str, tmp_path: Path) -> dict[str, str]:
    """Eight training and three validation rows: the processes have unequal shares of these."""
    return short_run(tiny_model, tmp_path, rows=11, held="0.3", longest=5)


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
    same_weights(one / "checkpoint-4", two / "checkpoint-4", tolerance=1e-4)
    same_weights(two / "checkpoint-4", again / "checkpoint-4", tolerance=0.0)


@pytest.mark.parametrize(
    "refused", ["auto_find_batch_size", "save_only_model", "lisa_activated_layers"]
)
def test_what_deepspeed_does_wrong_is_refused(refused: str) -> None:
    values = {"auto_find_batch_size": True, "save_only_model": True, "load_best_model_at_end": True}
    plan = TrainPlan(
        output_dir="/nowhere",
        device="cuda",
        trainer_arguments={name: on for name, on in values.items() if refused in values},
        args_json={},
        pad_token_id=0,
        lisa=LisaPlan(layers=1, interval=1, seed=0) if refused.startswith("lisa") else None,
        deepspeed={"zero_optimization": {"stage": 2}},
    )

    with pytest.raises(UsageError) as caught:
        prepare(plan)

    assert refused in {error.argument for error in caught.value.errors}


def test_a_configuration_that_contradicts_the_arguments_is_told_with_both_values() -> None:
    settings = HfTrainerDeepSpeedConfig({"gradient_clipping": 7.0})
    settings.fill_match("gradient_clipping", 1.0, "max_grad_norm")

    with pytest.raises(UsageError) as caught, translated():
        settings.trainer_config_finalize(TrainingArguments(use_cpu=True), None, 1)

    (error,) = caught.value.errors
    assert "ds gradient_clipping=7.0 vs hf max_grad_norm=1.0" in error.message
