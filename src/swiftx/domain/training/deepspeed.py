"""DeepSpeed's configurations: the built-in ones as data, and what arguments add to any.

`auto` is filled in from the trainer's arguments, so that a batch size or a clipping norm is said once.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from swiftx.domain.args.groups.trainer import TrainerArgs

BUILT_IN = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")

_EVERY = {
    "fp16": {"enabled": "auto", "loss_scale": 0, "initial_scale_power": 16},
    "bf16": {"enabled": "auto"},
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "steps_per_print": 2000,
    "zero_allow_untested_optimizer": True,
}
_BUCKETS = {
    "overlap_comm": False,  # it doubles the memory of the buckets
    "reduce_scatter": True,
    "contiguous_gradients": True,
    "allgather_bucket_size": 200_000_000,
    "reduce_bucket_size": 200_000_000,
}
_SHARDED_WEIGHTS = {
    "overlap_comm": False,
    "contiguous_gradients": True,
    "sub_group_size": 1_000_000_000,
    "reduce_bucket_size": "auto",
    "stage3_prefetch_bucket_size": 0,
    "stage3_param_persistence_threshold": "auto",
    "stage3_max_live_parameters": 1_000_000_000,
    "stage3_max_reuse_distance": 1_000_000_000,
}
_ON_HOST = {"device": "cpu", "pin_memory": True}
_WHOLE_WEIGHTS = "stage3_gather_16bit_weights_on_model_save"


def deepspeed_config(args: TrainerArgs) -> dict[str, Any] | None:
    """Return the configuration that the arguments ask for; None to train without DeepSpeed.

    With stage 3, weights are always gathered when they are saved: a checkpoint here is one that loads.

    Example:
        >>> class Args:
        ...     deepspeed, zero_hpz_partition_size = "zero3", 2
        >>> deepspeed_config(Args())["zero_optimization"]["zero_hpz_partition_size"]
        2
    """
    if not args.deepspeed:
        return None
    config = _given(args.deepspeed)
    zero = dict(config.get("zero_optimization") or {})
    if args.zero_hpz_partition_size is not None:
        zero["zero_hpz_partition_size"] = args.zero_hpz_partition_size
    if zero.get("stage") == 3:
        zero[_WHOLE_WEIGHTS] = True
    return {**config, "zero_optimization": zero}


def zero_stage(config: Mapping[str, Any] | None) -> int:
    """Return what is spread over the processes: 1 the optimiser's state, 2 gradients too, 3 weights too."""
    zero = {} if config is None else config.get("zero_optimization") or {}
    return int(zero.get("stage") or 0)


def _given(wanted: Mapping[str, Any] | str) -> dict[str, Any]:
    if not isinstance(wanted, str):
        return copy.deepcopy(dict(wanted))
    name, _, offload = wanted.partition("_")
    stage = int(name.removeprefix("zero"))
    zero: dict[str, Any] = {"stage": stage, **(_SHARDED_WEIGHTS if stage == 3 else _BUCKETS)}
    if offload:
        zero["offload_optimizer"] = dict(_ON_HOST)
        if stage == 3:
            zero["offload_param"] = dict(_ON_HOST)
    return {**copy.deepcopy(_EVERY), "zero_optimization": zero}
