from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.plans.tuning import FullPlan, LoraPlan
from swiftx.domain.tuning.plan import tuner_plan
from swiftx.errors import NotBuiltYet, UsageError


def test_lora_arguments_become_a_lora_plan() -> None:
    args = SftArgs(lora_rank=4, lora_dtype="float32", init_weights=False, target_regex="q", seed=3)

    assert tuner_plan(args) == LoraPlan(
        rank=4,
        alpha=32,
        dropout=0.05,
        bias="none",
        targets=("all-linear",),
        target_regex="q",
        init_weights="false",
        dtype="float32",
        seed=3,
    )


def test_full_arguments_become_a_full_plan() -> None:
    args = SftArgs(train_type="full", freeze_parameters_ratio=0.5)

    assert tuner_plan(args) == FullPlan(freeze_parameters_ratio=0.5)


def test_other_kinds_say_that_they_are_not_built() -> None:
    with pytest.raises(NotBuiltYet, match="vera"):
        tuner_plan(SftArgs(train_type="vera"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"use_dora": True, "init_weights": "pissa"}, "DoRA"),
        ({"target_parameters": ("experts.weight",)}, "dropout"),
        ({"train_type": "full", "adapters": ("x",)}, "cannot start from adapters"),
    ],
    ids=str,
)
def test_arguments_that_exclude_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        tuner_plan(SftArgs(**changes))
