from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.plans.sharding import FsdpPlan
from swiftx.domain.training.fsdp import fsdp_plan, refuse_fsdp
from swiftx.domain.tuning.plan import tuner_plan
from swiftx.errors import UsageError


def test_without_the_argument_nothing_is_spread() -> None:
    assert fsdp_plan(SftArgs()) is None
    assert fsdp_plan(SftArgs(fsdp="false")) is None


@pytest.mark.parametrize(
    ("arguments", "plan"),
    [
        ({"fsdp": "full_shard auto_wrap"}, FsdpPlan()),
        ({"fsdp": "shard_grad_op"}, FsdpPlan(reshard_after_forward=False)),
        ({"fsdp": "full_shard offload"}, FsdpPlan(cpu_offload=True)),
        ({"fsdp": "hybrid_shard"}, FsdpPlan(replicas=None)),
        ({"fsdp": "hybrid_shard_zero2"}, FsdpPlan(replicas=None, reshard_after_forward=False)),
        (
            {"fsdp": "full_shard", "parallelism_config": {"dp_replicate_size": 4}},
            FsdpPlan(replicas=4),
        ),
        (
            {"fsdp": "full_shard", "fsdp_transformer_layer_cls_to_wrap": "Old, Older"},
            FsdpPlan(layer_classes=("Old", "Older")),
        ),
        (
            {
                "fsdp": "full_shard",
                "fsdp_config": {
                    "fsdp_reshard_after_forward": "false",
                    "fsdp_offload_params": "true",
                    "fsdp_auto_wrap_policy": "NO_WRAP",
                    "transformer_layer_cls_to_wrap": ["Layer"],
                    "activation_checkpointing": True,
                    "state_dict_type": "FULL_STATE_DICT",
                },
            },
            FsdpPlan(
                reshard_after_forward=False,
                cpu_offload=True,
                by_layer=False,
                layer_classes=("Layer",),
                activation_checkpointing=True,
                sharded_state=False,
            ),
        ),
    ],
)
def test_the_spellings_of_a_plan(arguments: dict[str, Any], plan: FsdpPlan) -> None:
    assert fsdp_plan(SftArgs(**arguments)) == plan


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, []),
        ({"fsdp": "full_shard offload"}, ["fsdp"]),
        ({"train_type": "adalora"}, ["train_type"]),
        ({"quant_method": "bnb", "quant_bits": 4}, ["quant_method"]),
        ({"train_type": "full", "lisa_activated_layers": 1}, ["lisa_activated_layers"]),
        ({"train_type": "full", "use_galore": True}, ["use_galore"]),
        ({"optim": "adafactor"}, ["optim"]),
        ({"adafactor": True}, ["optim"]),
        ({"torch_compile": True, "auto_find_batch_size": True}, ["torch_compile", "auto_find_batch_size"]),
        ({"use_liger_kernel": True}, ["use_liger_kernel"]),
        ({"predict_with_generate": True}, ["predict_with_generate"]),
        ({"save_only_model": True, "load_best_model_at_end": True}, ["save_only_model"]),
        ({"parallelism_config": {"dp_replicate_size": 2, "dp_shard_size": 2}}, []),
        ({"parallelism_config": {"dp_shard_size": 2}}, ["parallelism_config"]),
        ({"parallelism_config": {"dp_replicate_size": 3}}, ["parallelism_config"]),
        ({"parallelism_config": {"dp_replicate_size": 4}}, ["parallelism_config"]),
    ],
)  # fmt: skip
def test_what_cannot_be_spread_over_four_processes_is_named(
    arguments: dict[str, Any], named: list[str]
) -> None:
    args = SftArgs(
        **{"fsdp": "full_shard", "optim": "adamw_torch", "init_weights": "true", **arguments}
    )

    assert _named(args, world_size=4) == named


def test_one_process_has_nobody_to_share_with() -> None:
    assert _named(SftArgs(fsdp="full_shard", optim="sgd"), world_size=1) == ["fsdp"]
    assert _named(SftArgs(), world_size=1) == []


def _named(args: SftArgs, *, world_size: int) -> list[str | None]:
    try:
        refuse_fsdp(args, tuner_plan(args), device="cpu", world_size=world_size)
    except UsageError as error:
        return [problem.argument for problem in error.errors]
    return []
