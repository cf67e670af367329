"""Liger's kernels: where they can run, and which of them there is a use for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.errors import ArgError, UsageError

LOSSES = ("cross_entropy", "fused_linear_cross_entropy")
"""Kernels of losses. The loss here is weighted token by token, which they do not know, and never makes all
logits at once either."""

_DEVICES = ("cuda", "npu", "xpu")


def refuse_liger(args: TrainingArgs, device: str) -> None:
    """Refuse Liger's kernels where they cannot run, or would replace the loss.

    Args:
        args: Resolved arguments.
        device: `cuda`, `npu`, `mps` or `cpu`.

    Raises:
        UsageError: With everything that is in the way.
    """
    if not args.use_liger_kernel:
        return
    problems = []
    if device not in _DEVICES:
        problems.append(
            ArgError(
                "use_liger_kernel",
                f"use_liger_kernel: Triton compiles its kernels for GPUs, and this run is on {device}.",
                "Leave --use_liger_kernel out.",
            )
        )
    asked = args.liger_kernel_config or {}
    problems += [
        ArgError(
            "liger_kernel_config",
            f"liger_kernel_config: {name} would replace the loss, which weighs tokens and makes "
            "logits a few at a time by itself.",
            f"Leave {name} out; the other kernels run beside the loss.",
        )
        for name in LOSSES
        if asked.get(name)
    ]
    if problems:
        raise UsageError(problems)


def liger_kernels(asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return which kernels are applied: those that are asked for or usual, and none that is a loss."""
    return {**(asked or {}), **dict.fromkeys(LOSSES, False)}
