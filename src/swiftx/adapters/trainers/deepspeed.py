"""DeepSpeed as transformers' Trainer drives it: what has to be so before it starts."""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from swiftx.domain.plans.training import TrainPlan
from swiftx.errors import ArgError, MissingDependency, UsageError

_SINGLE = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}


def prepare(plan: TrainPlan) -> None:
    """Make the environment one in which DeepSpeed starts.

    Raises:
        MissingDependency: It is not installed.
        UsageError: The plan asks for what DeepSpeed would do wrong without a word.
    """
    if plan.deepspeed is None:
        return
    if importlib.util.find_spec("deepspeed") is None:
        raise MissingDependency("deepspeed", extra="deepspeed")
    _refuse_others(plan)
    if plan.device == "cpu":
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
        _leave_reductions_to_gloo()
    if "WORLD_SIZE" not in os.environ:  # else it would look for MPI
        os.environ.update(_SINGLE)
        os.environ.setdefault("MASTER_PORT", str(_free_port()))
    _say_less()


def _say_less() -> None:
    """Silence what a user can do nothing about: DeepSpeed's use of torch, and accelerate's of DeepSpeed."""
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    logging.getLogger("accelerate.accelerator").addFilter(
        lambda record: "Gradient accumulation steps mismatch" not in record.getMessage()
    )
    warnings.filterwarnings(
        "ignore", category=FutureWarning, module=r"torch\.distributed\.c10d_logger"
    )


def _leave_reductions_to_gloo() -> None:
    """Do without DeepSpeed's own reductions for CPUs, which a compiler would work on for minutes first."""
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def _refuse_others(plan: TrainPlan) -> None:
    """Refuse what DeepSpeed would do wrong without a word, or only say late in words of its own."""
    values = plan.trainer_arguments
    needs_state = bool(values.get("save_only_model") and values.get("load_best_model_at_end"))
    searches = bool(values.get("auto_find_batch_size"))
    found = [
        ArgError(name, f"--{name} does not work with DeepSpeed: {reason}", "leave --deepspeed out")
        for name, used, reason in (
            ("lisa_activated_layers", plan.lisa is not None, "its layers take turns"),
            ("use_galore", plan.galore is not None, "it projects whole gradients"),
            ("save_only_model", needs_state, "the best model is loaded from the whole state"),
            ("auto_find_batch_size", searches, "its configuration holds the batch size"),
        )
        if used
    ]
    if found:
        raise UsageError(found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def translated() -> Iterator[None]:
    """Turn the complaint about a configuration that contradicts the arguments into ours."""
    try:
        yield
    except ValueError as error:
        if "mismatch TrainingArguments" not in str(error):
            raise
        told = [line[2:] for line in str(error).splitlines() if line.startswith("- ")]
        raise UsageError(
            [
                ArgError(
                    "deepspeed",
                    f"its configuration contradicts the other arguments: {'; '.join(told)}",
                    'write "auto" in the configuration, or change the arguments (the values after "vs hf")',
                )
            ]
        ) from error


def forget_configuration() -> None:
    """Keep transformers from sharding models as it loads them: ours are looked at whole first."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()


def shard(model: nn.Module, config: Mapping[str, Any], device: torch.device) -> None:
    """Leave each process its part of every weight, one weight at a time, so that no device holds all.

    Args:
        model: Whole, perhaps on another device than the one that trains it.
        config: Without `auto`.
        device: Where it is trained; what is no weight goes there whole.
    """
    import deepspeed

    if not deepspeed.comm.is_initialized():  # on a CPU, nobody has told it of the process group yet
        deepspeed.init_distributed(auto_mpi_discovery=False)
    deepspeed.zero.Init(module=model, config_dict_or_path=dict(config))
    for buffer in model.buffers():
        buffer.data = buffer.data.to(device)
