"""Which optimisers of `--optim` run where, what they ask for, and which library brings them."""

from __future__ import annotations

from collections.abc import Mapping

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.errors import ArgError, UsageError

LIBRARIES: Mapping[str, str] = {
    "adamw_torch_4bit": "torchao",
    "adamw_torch_8bit": "torchao",
    "ademamix": "bitsandbytes",
    "adamw_bnb_8bit": "bitsandbytes",
    "adamw_8bit": "bitsandbytes",
    "ademamix_8bit": "bitsandbytes",
    "lion_8bit": "bitsandbytes",
    "lion_32bit": "bitsandbytes",
    "paged_adamw_32bit": "bitsandbytes",
    "paged_adamw_8bit": "bitsandbytes",
    "paged_ademamix_32bit": "bitsandbytes",
    "paged_ademamix_8bit": "bitsandbytes",
    "paged_lion_32bit": "bitsandbytes",
    "paged_lion_8bit": "bitsandbytes",
    "rmsprop_bnb": "bitsandbytes",
    "rmsprop_bnb_8bit": "bitsandbytes",
    "rmsprop_bnb_32bit": "bitsandbytes",
    "galore_adamw": "galore_torch",
    "galore_adamw_8bit": "galore_torch",
    "galore_adafactor": "galore_torch",
    "galore_adamw_layerwise": "galore_torch",
    "galore_adamw_8bit_layerwise": "galore_torch",
    "lomo": "lomo_optim",
    "adalomo": "lomo_optim",
    "grokadamw": "grokadamw",
    "schedule_free_radam": "schedulefree",
    "schedule_free_adamw": "schedulefree",
    "schedule_free_sgd": "schedulefree",
    "apollo_adamw": "apollo_torch",
    "apollo_adamw_layerwise": "apollo_torch",
    "stable_adamw": "optimi",
}
"""Name → the module that it is imported from; torch and transformers have the other names."""

_NOWHERE: Mapping[str, str] = {
    "adamw_torch_xla": "it needs torch_xla on a TPU, and swiftx trains on cuda, npu, mps or cpu",
    "adamw_anyprecision": "it needs torchdistx, which is no longer published",
    "galore_adafactor_layerwise": "transformers builds it with options that its Adafactor refuses",
}
_ONLY_ON: Mapping[str, str] = {
    "adamw_torch_npu_fused": "npu",
    "adalomo": "cuda",
    "galore_adamw_8bit": "cuda",
    "galore_adamw_8bit_layerwise": "cuda",
}
_INSTEAD: Mapping[str, str] = {
    "adamw_torch_xla": "adamw_torch",
    "adamw_torch_npu_fused": "adamw_torch_fused",
    "adamw_anyprecision": "adamw_torch_8bit",
    "adalomo": "lomo",
    "galore_adamw_8bit": "galore_adamw",
    "galore_adamw_8bit_layerwise": "galore_adamw_layerwise",
    "galore_adafactor_layerwise": "galore_adafactor",
}


_OWN_GROUPS = ("galore", "apollo")


def refuse_optimiser(args: TrainingArgs, device: str, *, world_size: int = 1) -> None:
    """Refuse an optimiser that cannot run here, or not with the other arguments.

    Args:
        args: Resolved arguments.
        device: `cuda`, `npu`, `mps` or `cpu`.
        world_size: Processes of the run.

    Raises:
        UsageError: With everything that is in the way.
    """
    name = "adafactor" if args.adafactor else str(args.optim)
    problems = [*_place(name, device), *_projection(args, name)]
    if args.lorap_lr_ratio and (name.startswith(_OWN_GROUPS) or name.endswith("lomo")):
        problems.append(
            ArgError(
                "lorap_lr_ratio",
                f"lorap_lr_ratio: optim {name} groups the parameters itself, so LoRA+ cannot.",
                "Leave --lorap_lr_ratio out, or use --optim adamw_torch_fused.",
            )
        )
    if _steps_in_backward(name):
        problems += _fused(args, name, world_size)
    if problems:
        raise UsageError(problems)


def _steps_in_backward(name: str) -> bool:
    """Return whether weights change while gradients are still computed, so that none is kept."""
    return name.endswith("_layerwise") or name.endswith("lomo")


def _place(name: str, device: str) -> list[ArgError]:
    needed = _ONLY_ON.get(name, device)
    reason = _NOWHERE.get(name)
    if reason is None and needed != device:
        reason = f"its library computes on {needed} only, and this run is on {device}"
    if reason is None:
        return []
    return [ArgError("optim", f"optim {name}: {reason}.", f"Use --optim {_INSTEAD[name]}.")]


def _projection(args: TrainingArgs, name: str) -> list[ArgError]:
    if not name.startswith(_OWN_GROUPS) or args.optim_target_modules:
        return []
    return [
        ArgError(
            "optim_target_modules",
            f"optim {name} projects the gradients of some modules, and none are named.",
            "Add --optim_target_modules all-linear, or endings such as attn mlp.",
        )
    ]


def _fused(args: TrainingArgs, name: str, world_size: int) -> list[ArgError]:
    problems = []
    if args.gradient_accumulation_steps != 1:
        problems.append(
            ArgError(
                "gradient_accumulation_steps",
                f"optim {name} steps during the backward pass, so gradients cannot be gathered over "
                f"{args.gradient_accumulation_steps} batches.",
                "Add --gradient_accumulation_steps 1.",
            )
        )
    if args.max_grad_norm:
        problems.append(
            ArgError(
                "max_grad_norm",
                f"optim {name} steps during the backward pass, before the norm of all gradients is known, "
                f"so it cannot clip to {args.max_grad_norm}.",
                "Add --max_grad_norm 0.",
            )
        )
    if world_size > 1:
        problems.append(
            ArgError(
                "optim",
                f"optim {name} steps before the gradients of {world_size} processes are averaged.",
                f"Use one process, or --optim {name.removesuffix('_layerwise')}."
                if name.endswith("_layerwise")
                else "Use one process.",
            )
        )
    return problems
