"""The reference's trainer names reach the installed transformers: every one passes or is in a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import TrainingArguments

from swiftx.adapters.trainers.arguments import FIELDS, OWN, RENAMED, training_arguments, translate
from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.training.plan import TRAINER_NAMES, train_plan
from swiftx.errors import MissingDependency, UsageError

PASSED = sorted(set(TRAINER_NAMES) & FIELDS - RENAMED.keys() - OWN.keys())


def _plan(folder: Path | str, *, device: str = "cpu", **changes: Any) -> TrainPlan:
    resolved = {
        "output_dir": str(folder),
        "learning_rate": 1e-4,
        "gradient_accumulation_steps": 16,
        "eval_strategy": "steps",
        "bf16": False,
        "fp16": False,
    }
    return train_plan(
        SftArgs(**{**resolved, **changes}),
        device=device,
        args_json={},
        pad_token_id=0,
        resume_from=None,
        has_validation=True,
        statistics={},
    )


def _made(folder: Path | str, **changes: Any) -> TrainingArguments:
    return training_arguments(_plan(folder, **changes))


def test_every_name_passes_or_is_in_one_table() -> None:
    names = set(TRAINER_NAMES)

    assert names <= FIELDS | RENAMED.keys() | OWN.keys()
    assert not RENAMED.keys() & OWN.keys()
    assert RENAMED.keys() | OWN.keys() <= names, "a row that no argument needs"
    assert all(reason for reason in OWN.values())


def test_a_name_that_nobody_knows_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError, match="flux"):
        translate({"flux": 1})


@pytest.mark.parametrize("name", PASSED)
def test_a_name_that_transformers_has_passes_with_its_value(name: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "adam_beta1": 0.8,
        "bf16": True,
        "dataloader_num_workers": 2,
        "learning_rate": 3e-5,
        "lr_scheduler_kwargs": {"min_lr": 1e-6},
        "lr_scheduler_type": "cosine_with_min_lr",
        "max_steps": 7,
        "optim": "sgd",
        "save_steps": 0.25,
        "seed": 11,
        "warmup_steps": 0.1,
    }
    changes = {name: given[name]} if name in given else {}

    made = _made(tmp_path, **changes)

    settled = {"output_dir", "use_cpu", "report_to", "debug", "accelerator_config"}
    if name not in settled and not name.startswith("dataloader_"):
        value = (
            getattr(SftArgs(**changes), name)
            if changes
            else _plan(tmp_path).trainer_arguments[name]
        )
        kept = getattr(made, name)
        assert getattr(kept, "value", kept) == value or value in (None, (), False), name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"warmup_ratio": 0.1}, {"warmup_steps": 0.1}),
        ({"warmup_ratio": 0.1, "warmup_steps": 20}, {"warmup_steps": 20}),
        ({"gradient_checkpointing": True}, {"gradient_checkpointing": True}),
        ({"gradient_checkpointing": False}, {"gradient_checkpointing": False}),
        (
            {"gradient_checkpointing_kwargs": {"use_reentrant": False}},
            {"gradient_checkpointing_kwargs": {"use_reentrant": False}},
        ),
        ({"group_by_length": True}, {"train_sampling_strategy": "group_by_length"}),
        ({"sortish_sampler": True}, {"train_sampling_strategy": "group_by_length"}),
        ({"adafactor": True}, {"optim": "adafactor"}),
        ({"torchdynamo": "eager"}, {"torch_compile": True, "torch_compile_backend": "eager"}),
        ({"neftune_noise_alpha": 0.0}, {"neftune_noise_alpha": None}),
        ({"neftune_noise_alpha": 5.0}, {"neftune_noise_alpha": 5.0}),
        ({"include_inputs_for_metrics": True}, {"include_for_metrics": ["inputs"]}),
        ({"ddp_find_unused_parameters": None}, {"ddp_find_unused_parameters": False}),
        ({"ddp_find_unused_parameters": True}, {"ddp_find_unused_parameters": True}),
        ({"disable_tqdm": False}, {"disable_tqdm": True}),
        ({"logging_nan_inf_filter": True}, {"logging_nan_inf_filter": False}),
        ({"remove_unused_columns": True}, {"remove_unused_columns": False}),
        ({"hub_token": "secret"}, {"hub_token": None}),  # training_args.bin would keep it
        ({"save_total_limit": 2}, {"save_total_limit": None}),
        ({"report_to": ("tensorboard",)}, {"report_to": []}),
        ({"report_to": ("none",)}, {"report_to": []}),
        (
            {"dataloader_num_workers": 0, "dataloader_prefetch_factor": 10},
            {"dataloader_prefetch_factor": None},
        ),
        (
            {"dataloader_num_workers": 1, "dataloader_prefetch_factor": 10},
            {"dataloader_prefetch_factor": 10},
        ),
        ({"dataloader_pin_memory": True}, {"dataloader_pin_memory": False, "use_cpu": True}),
        ({"bf16": True}, {"bf16": True}),
    ],
    ids=str,
)
def test_other_names_become_what_transformers_calls_them(
    given: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    made = _made(tmp_path, **given)

    for name, value in expected.items():
        kept = getattr(made, name)
        assert getattr(kept, "value", kept) == value, name


def test_a_warm_up_of_the_whole_run_stays_a_share(tmp_path: Path) -> None:
    assert _made(tmp_path, warmup_ratio=1.0).get_warmup_steps(200) == 200


@pytest.mark.parametrize("name", sorted(OWN))
def test_what_is_settled_here_never_stops_transformers(name: str, tmp_path: Path) -> None:
    plan = _plan(tmp_path)

    assert translate({name: plan.trainer_arguments[name]}) == {}


def test_a_combination_that_transformers_refuses_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lr_scheduler_type"):
        _made(tmp_path, lr_scheduler_type="reduce_lr_on_plateau", eval_strategy="no")


def test_an_unknown_tracker_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="diary"):
        _made(tmp_path, report_to=("diary",))


def test_a_tracker_that_is_not_installed_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency) as caught:
        _made(tmp_path, report_to=("tensorboard", "comet_ml"))

    assert caught.value.hint == "pip install comet_ml"
