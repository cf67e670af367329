from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.storage import InMemoryStorage

from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.plans.training import SwanlabPlan, TrainPlan
from swiftx.domain.training.plan import TRAINER_NAMES, resumed_checkpoint, train_plan
from swiftx.errors import NotFound, UsageError


def _plan(
    args: SftArgs, *, has_validation: bool = False, resume_from: str | None = None
) -> TrainPlan:
    return train_plan(
        args,
        device="cuda",
        args_json={"model": "m"},
        pad_token_id=7,
        resume_from=resume_from,
        has_validation=has_validation,
        statistics={},
    )


def test_trainer_arguments_keep_the_reference_names() -> None:
    plan = _plan(SftArgs(output_dir="/o", warmup_ratio=0.1, logging_dir="/o/runs", seed=5))

    assert plan.trainer_arguments["warmup_ratio"] == 0.1
    assert plan.trainer_arguments["logging_dir"] == "/o/runs"
    assert plan.trainer_arguments["seed"] == 5
    assert plan.trainer_arguments.keys() == set(TRAINER_NAMES)
    assert plan.output_dir == "/o"
    assert plan.pad_token_id == 7


def test_what_is_ours_reaches_the_plan_and_not_the_trainer() -> None:
    args = SftArgs(
        output_dir="/o", max_epochs=2, enable_dft_loss=True, lorap_lr_ratio=16.0, use_cpu=True
    )

    plan = _plan(args)

    assert (plan.max_epochs, plan.enable_dft_loss, plan.lora_plus_ratio) == (2, True, 16.0)
    assert plan.device == "cpu"
    assert plan.additional_config == {
        "lora_dtype": None,
        "lorap_lr_ratio": 16.0,
        "lorap_emb_lr": 1e-6,
    }
    assert "max_epochs" not in plan.trainer_arguments


def test_without_validation_rows_nothing_is_evaluated() -> None:
    plan = _plan(SftArgs(output_dir="/o", eval_strategy="steps", eval_steps=5, eval_on_start=True))

    assert plan.trainer_arguments["eval_strategy"] == "no"
    assert plan.trainer_arguments["eval_on_start"] is False


@pytest.mark.parametrize(
    ("only_model", "skip", "expected"),
    [(False, False, "/c"), (True, False, "/c"), (True, True, None), (False, True, "/c")],
)
def test_resuming_only_the_model_may_also_start_at_the_first_row(
    only_model: bool, skip: bool, expected: str | None
) -> None:
    args = SftArgs(output_dir="/o", resume_only_model=only_model, ignore_data_skip=skip)

    assert _plan(args, resume_from="/c").resume_from == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"load_best_model_at_end": True},
        {"early_stop_interval": 2},
        {"save_strategy": "best"},
    ],
    ids=str,
)
def test_comparing_checkpoints_needs_validation_rows(changes: dict[str, Any]) -> None:
    args = SftArgs(output_dir="/o", eval_strategy="steps", **changes)

    with pytest.raises(UsageError, match="validation rows"):
        _plan(args)
    _plan(args, has_validation=True)


@pytest.mark.parametrize("metric", ["loss", "eval_loss", "token_acc", None])
def test_a_measured_metric_may_choose_the_best(metric: str | None) -> None:
    _plan(
        SftArgs(output_dir="/o", eval_strategy="steps", metric_for_best_model=metric),
        has_validation=True,
    )


def test_a_metric_that_is_not_measured_is_refused() -> None:
    args = SftArgs(output_dir="/o", eval_strategy="steps", metric_for_best_model="bleu")

    with pytest.raises(UsageError, match="'bleu' is not measured"):
        _plan(args, has_validation=True)


def test_a_run_folder_stands_for_its_newest_checkpoint_that_is_whole() -> None:
    storage = InMemoryStorage(
        {
            "/run/checkpoint-2/trainer_state.json": "{}",
            "/run/checkpoint-10/trainer_state.json": "{}",
            "/run/checkpoint-11/adapter_config.json": "{}",
        }
    )

    assert resumed_checkpoint("/run", storage) == "/run/checkpoint-10"
    assert resumed_checkpoint("/run/checkpoint-2", storage) == "/run/checkpoint-2"
    assert resumed_checkpoint(None, storage) is None
    with pytest.raises(NotFound, match="holds none"):
        resumed_checkpoint("/run/checkpoint-11", storage)


def test_swanlab_hears_of_its_experiment_and_tells_no_secret() -> None:
    args = SftArgs(
        output_dir="/o/v0", report_to=("tensorboard", "swanlab"), swanlab_mode="local",
        swanlab_project="p", swanlab_workspace="w", swanlab_token="hunter2",
        swanlab_lark_webhook_url="hunter3", swanlab_lark_secret="hunter4",
    )  # fmt: skip

    plan = _plan(args).swanlab

    assert plan == SwanlabPlan(
        mode="local", experiment="/o/v0", folder="/o/v0/swanlog", project="p", workspace="w",
        token="hunter2", lark_url="hunter3", lark_secret="hunter4",
    )  # fmt: skip
    assert "hunter" not in repr(plan)
    assert _plan(SftArgs(output_dir="/o")).swanlab is None
