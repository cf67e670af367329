"""FSDP2 as transformers' Trainer and accelerate drive it, on every device that has a process group.

accelerate spreads a model on accelerators only; on a CPU it would train data parallel without a word. The
same plugin is put in its place here, so that what runs on a CPU is what runs on a cluster.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator, ParallelismConfig
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin, save_fsdp_optimizer
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import TrainingArguments

from swiftx.domain.plans.sharding import FsdpPlan
from swiftx.errors import ArgError, UsageError


def fsdp_arguments(plan: FsdpPlan) -> dict[str, Any]:
    """Return the keyword arguments of `TrainingArguments` that carry the plan out."""
    _say_less()
    if (
        plan.cpu_offload
    ):  # makes accelerate start gloo beside nccl, for what lies in the host's memory
        os.environ.update(ACCELERATE_USE_FSDP="true", FSDP_OFFLOAD_PARAMS="true")
    classes = list(plan.layer_classes) or None
    return {
        "fsdp": True,
        "fsdp_config": {
            "version": 2,
            "reshard_after_forward": plan.reshard_after_forward,
            "cpu_offload": plan.cpu_offload,
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP" if plan.by_layer else "NO_WRAP",
            "transformer_layer_cls_to_wrap": classes,
            "state_dict_type": "SHARDED_STATE_DICT" if plan.sharded_state else "FULL_STATE_DICT",
        },
    }


def enable(accelerator: Accelerator, arguments: TrainingArguments, plan: FsdpPlan) -> None:
    """Make accelerate spread the model, on a CPU too, over groups of processes of this kind of device."""
    state = accelerator.state
    if state.distributed_type != DistributedType.FSDP:
        state.fsdp_plugin = FullyShardedDataParallelPlugin(**arguments.fsdp_plugin_args)
        if state.mixed_precision != "no":
            state.fsdp_plugin.set_mixed_precision(state.mixed_precision)
        state.distributed_type = DistributedType.FSDP
    processes, replicas = arguments.world_size, _replicas(plan, arguments.world_size)
    groups = ParallelismConfig(dp_replicate_size=replicas, dp_shard_size=processes // replicas)
    state.parallelism_config = groups
    state.device_mesh = groups.get_device_mesh(accelerator.device.type)


def _replicas(plan: FsdpPlan, processes: int) -> int:
    """Return the number of copies of the model; one a node where the plan leaves it to the machines."""
    if plan.replicas is not None:
        return plan.replicas
    return max(1, processes // int(os.environ.get("LOCAL_WORLD_SIZE", processes)))


def _say_less() -> None:
    """Silence advice that does not hold here: accelerate's own checkpoints forget the state of dropout."""
    logging.getLogger("transformers.training_args").addFilter(
        lambda record: "prefer `activation_checkpointing`" not in record.getMessage()
    )
    warnings.filterwarnings("ignore", message="Slicing a flattened dim from root mesh")


def check_layers(model: nn.Module, plan: FsdpPlan) -> None:
    """Refuse names of layer classes that the model does not have.

    Raises:
        UsageError: Names them.
    """
    known = {type(module).__name__ for module in model.modules()}
    unknown = [name for name in plan.layer_classes if name not in known]
    if unknown:
        layers = ", ".join(getattr(model, "_no_split_modules", None) or sorted(known))
        message = f"transformer_layer_cls_to_wrap: the model has no {', '.join(unknown)}"
        raise UsageError([ArgError("fsdp_config", message, f"its layers are {layers}")])


def is_spread(model: nn.Module) -> bool:
    """Return whether the model is in parts already."""
    return isinstance(model, FSDPModule)


@contextmanager
def whole(
    model: nn.Module, *, keep: bool, only_trained: bool, written_back: bool = False
) -> Iterator[None]:
    """Give the model whole weights on the host for as long as the context lasts. Every process must enter.

    Args:
        model: Spread over the processes.
        keep: Whether this process gets them; else it only helps the others to.
        only_trained: Leave frozen weights spread, except those of the embeddings.
        written_back: Put what changed into the parts at the end; then every process must keep.
    """
    _release(model)
    parts: list[tuple[nn.Module, str, nn.Parameter]] = []
    hooks: dict[nn.Module, Any] = {}
    wholes: dict[nn.Parameter, nn.Parameter] = {}  # tied weights stay tied
    for module in model.modules():
        for name, part in module._parameters.items():
            if not isinstance(part, DTensor):
                continue
            if only_trained and not (part.requires_grad or isinstance(module, nn.Embedding)):
                continue
            if part not in wholes:
                gathered = part.detach().to(part.device_mesh.device_type).full_tensor()
                kept = gathered.cpu() if keep else torch.empty(0)
                wholes[part] = nn.Parameter(kept, requires_grad=part.requires_grad)
            parts.append((module, name, part))
    try:
        if keep:
            for module, name, part in parts:
                hooks.setdefault(module, module._load_state_dict_post_hooks)
                module._load_state_dict_post_hooks = OrderedDict()  # FSDP's expect parts
                module._parameters[name] = wholes[part]
        yield
        if written_back:
            for part, changed in wholes.items():
                _write(part, changed.detach())
    finally:
        for module, name, part in parts:
            module._parameters[name] = part
        for module, expected in hooks.items():
            module._load_state_dict_post_hooks = expected


def _release(model: nn.Module) -> None:
    """Let go of the weights that an evaluation has left gathered: they hide the parts."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def _write(part: DTensor, changed: Tensor) -> None:
    mesh = part.device_mesh
    spread = distribute_tensor(
        changed.to(mesh.device_type), mesh, part.placements, src_data_rank=None
    )
    part.detach().to_local().copy_(spread.to_local())


def save_optimizer(accelerator: Accelerator, optimizer: Any, model: nn.Module, folder: str) -> None:
    """Write the optimiser's state, without the weights: a checkpoint has these whole anyhow."""
    _release(model)
    save_fsdp_optimizer(accelerator.state.fsdp_plugin, accelerator, optimizer, model, folder)
