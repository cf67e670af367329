from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.plans.tuning import (
    BoftPlan,
    FullPlan,
    LlamaProPlan,
    LoraPlan,
    PeftPlan,
    SampledInit,
)
from swiftx.domain.tuning.plan import tuner_plan
from swiftx.errors import UsageError


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


def test_a_method_of_peft_needs_its_name_and_options_alone() -> None:
    args = SftArgs(train_type="oft", peft_args={"oft_block_size": 16}, target_modules=("q_proj",))

    assert tuner_plan(args) == PeftPlan(
        method="OFT", targets=("q_proj",), options={"oft_block_size": 16}
    )


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="is unknown") as caught:
        tuner_plan(SftArgs(train_type="lorra"))

    assert caught.value.errors[0].argument == "train_type"
    assert {"lora,", "oft,"} <= set((caught.value.errors[0].hint or "").split())


def test_lora_ga_looks_at_rows_and_lora_does_not() -> None:
    args = SftArgs(init_weights="lora-ga", lora_ga_iters=3, lora_ga_direction="ArBr")

    plan, plain = tuner_plan(args), tuner_plan(SftArgs())

    assert isinstance(plan, LoraPlan)
    assert isinstance(plain, LoraPlan)
    assert plan.sampled == SampledInit(batch_size=2, batches=3, max_length=1024)
    assert plan.lora_ga == {"direction": "ArBr", "scale": "stable", "stable_gamma": 16}
    assert plain.sampled is None
    assert plain.lora_ga is None


@pytest.mark.parametrize(("blocks", "groups", "places"), [(4, None, 4), (4, 2, 2), (6, 1, 1)])
def test_new_blocks_are_spread_over_groups(blocks: int, groups: int | None, places: int) -> None:
    args = SftArgs(
        train_type="llamapro", llamapro_num_new_blocks=blocks, llamapro_num_groups=groups
    )

    assert tuner_plan(args) == LlamaProPlan(new_blocks=blocks, groups=places)


def test_a_number_of_boft_blocks_replaces_their_size() -> None:
    plan = tuner_plan(SftArgs(train_type="boft", boft_block_num=8))

    assert isinstance(plan, BoftPlan)
    assert (plan.block_size, plan.block_num) == (0, 8)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"use_dora": True, "init_weights": "pissa"}, "DoRA"),
        ({"target_parameters": ("experts.weight",)}, "dropout"),
        ({"train_type": "full", "adapters": ("x",)}, "cannot start from adapters"),
        ({"train_type": "adalora", "adalora_target_r": 12}, "no rank to take away"),
        ({"train_type": "llamapro", "llamapro_num_groups": 3}, "cannot be spread evenly"),
        ({"train_type": "longlora", "packing": True}, "a sequence of its own"),
    ],
    ids=str,
)
def test_arguments_that_exclude_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        tuner_plan(SftArgs(**changes))
