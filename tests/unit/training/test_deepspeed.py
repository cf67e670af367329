"""DeepSpeed's configurations."""

from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.args.groups.trainer import TrainerArgs
from swiftx.domain.training.deepspeed import BUILT_IN, deepspeed_config, zero_stage


def _config(wanted: Any, **others: Any) -> dict[str, Any]:
    config = deepspeed_config(TrainerArgs(deepspeed=wanted, **others))
    assert config is not None
    return config


@pytest.mark.parametrize(
    ("name", "stage", "offloaded"),
    [
        ("zero0", 0, set()),
        ("zero1", 1, set()),
        ("zero2", 2, set()),
        ("zero3", 3, set()),
        ("zero2_offload", 2, {"offload_optimizer"}),
        ("zero3_offload", 3, {"offload_optimizer", "offload_param"}),
    ],
)
def test_a_built_in_configuration_spreads_what_its_name_says(
    name: str, stage: int, offloaded: set[str]
) -> None:
    config = _config(name)

    zero = config["zero_optimization"]
    assert zero_stage(config) == stage
    assert {key for key in zero if key.startswith("offload")} == offloaded
    assert config["train_batch_size"] == "auto"
    assert config["gradient_clipping"] == "auto"


def test_the_names_are_those_that_the_argument_takes() -> None:
    from swiftx.domain.args.spec import specs_of

    assert set(BUILT_IN) == set(specs_of(TrainerArgs)["deepspeed"].choices or ())


def test_without_a_configuration_there_is_none() -> None:
    assert deepspeed_config(TrainerArgs()) is None
    assert zero_stage(None) == 0


def test_an_own_configuration_stays_as_it_is_and_is_not_changed() -> None:
    own = {"zero_optimization": {"stage": 2, "reduce_bucket_size": 7}, "steps_per_print": 1}

    config = _config(own, zero_hpz_partition_size=4)

    assert config["zero_optimization"] == {
        "stage": 2,
        "reduce_bucket_size": 7,
        "zero_hpz_partition_size": 4,
    }
    assert config["steps_per_print"] == 1
    assert own["zero_optimization"] == {"stage": 2, "reduce_bucket_size": 7}


def test_spread_weights_are_gathered_when_they_are_saved_whatever_the_configuration_says() -> None:
    flag = "stage3_gather_16bit_weights_on_model_save"

    config = _config({"zero_optimization": {"stage": 3, flag: False}})

    assert config["zero_optimization"][flag] is True
