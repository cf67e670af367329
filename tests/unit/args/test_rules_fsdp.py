from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.args.rule_cases import Verdict, by_rule, names_in

from swiftx.domain.args.rule import Check
from swiftx.domain.args.rules import fsdp as rules

NOTHING = {
    "fsdp": None,
    "fsdp_config": None,
    "fsdp_min_num_params": 0,
    "parallelism_config": None,
    "deepspeed": None,
    "device_map": None,
}
ON = {"fsdp": "full_shard"}
CONFIG = rules.fsdp_has_a_configuration_that_it_can_follow
GROUPS = rules.processes_are_grouped_for_data_only


def _case(check: Check, values: Mapping[str, Any], expected: list[str]) -> Verdict:
    return Verdict(check, {**NOTHING, **values}, expected)


CHECKS = [
    _case(rules.one_engine_spreads_the_model, {"fsdp": "full_shard auto_wrap"}, []),
    _case(rules.one_engine_spreads_the_model, {"fsdp": "shard_grad_op,offload"}, []),
    _case(rules.one_engine_spreads_the_model, {"fsdp": "true"}, []),
    _case(rules.one_engine_spreads_the_model, {}, []),
    _case(rules.one_engine_spreads_the_model, {"fsdp": "no_shard"}, ["fsdp"]),
    _case(rules.one_engine_spreads_the_model, {"fsdp": "full_shrad"}, ["fsdp"]),
    _case(rules.one_engine_spreads_the_model, {"fsdp": "auto_wrap"}, ["fsdp"]),
    _case(rules.one_engine_spreads_the_model, {"fsdp": "full_shard shard_grad_op"}, ["fsdp"]),
    _case(
        rules.one_engine_spreads_the_model,
        {**ON, "deepspeed": "zero2", "device_map": "auto"},
        ["deepspeed", "device_map"],
    ),
    _case(
        rules.one_engine_spreads_the_model,
        {"fsdp_config": {"version": 2}, "parallelism_config": {"dp_shard_size": 2}},
        ["fsdp_config", "parallelism_config"],
    ),
    _case(rules.layers_are_gathered_whatever_their_size, {}, []),
    _case(
        rules.layers_are_gathered_whatever_their_size,
        {"fsdp_min_num_params": 7},
        ["fsdp_min_num_params"],
    ),
    *(
        _case(CONFIG, {**ON, "fsdp_config": config}, ["fsdp_config"] * problems)
        for config, problems in (
            ({"fsdp_version": 2, "fsdp_use_orig_params": "true"}, 0),
            ({"transformer_layer_cls_to_wrap": ["Layer"], "activation_checkpointing": True}, 0),
            ({"state_dict_type": "FULL_STATE_DICT", "auto_wrap_policy": "NO_WRAP"}, 0),
            ({"version": 1, "cpu_ram_efficient_loading": True}, 2),
            ({"auto_wrap_policy": "SIZE_BASED_WRAP", "min_num_params": 100}, 2),
            ({"reshard_after_forward": "full_shard"}, 1),
            ({"backward_prefetch": "backward_pre"}, 1),
            ({"state_dict_type": "LOCAL_STATE_DICT"}, 1),
            ({"activation_checkpoint": True}, 1),
            ("absent.json", 1),
        )
    ),
    *(
        _case(GROUPS, {**ON, "parallelism_config": sizes}, ["parallelism_config"] * problems)
        for sizes, problems in (
            ({"dp_replicate_size": 2, "dp_shard_size": 4, "tp_size": 1}, 0),
            ({"tp_size": 2, "cp_size": 2, "sp_size": 2}, 3),
            ({"dp_shard_size": 0}, 1),
            ({"pp_size": 2}, 1),
        )
    ),
]


@pytest.mark.parametrize("cases", by_rule(CHECKS))
def test_a_check_names_the_argument(cases: list[Verdict]) -> None:
    assert [case.made() for case in cases] == [case.expected for case in cases]


def test_every_check_here_is_tested() -> None:
    assert names_in(rules) == {case.name for case in CHECKS}


@pytest.mark.parametrize(
    ("value", "on"), [(True, True), ("True", True), ("false", False), (1, False)]
)
def test_switches_are_true_or_false_also_as_text(value: Any, on: bool) -> None:
    assert rules.is_on(value) is on
