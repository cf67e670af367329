"""From arguments to GaLore."""

from __future__ import annotations

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.plans.tuning import GaLorePlan
from swiftx.errors import ArgError, UsageError

_SIDES = ("std", "reverse_std", "left", "right", "full")


def galore_plan(args: TrainingArgs) -> GaLorePlan | None:
    """Return how gradients are projected; None without `--use_galore`.

    Raises:
        UsageError: GaLore with adapters or another optimiser than AdamW, or an impossible value.
    """
    if not args.use_galore:
        return None
    problems = _problems(args)
    if problems:
        raise UsageError(problems)
    quantised = args.galore_quantization
    return GaLorePlan(
        targets=args.galore_target_modules,
        rank=args.galore_rank,
        update_proj_gap=args.galore_update_proj_gap,
        scale=args.galore_scale,
        proj_type=args.galore_proj_type,
        with_embedding=args.galore_with_embedding,
        eight_bit=quantised,
        lazy=quantised,
        proj_bits=args.galore_proj_bits if quantised and args.galore_proj_quant else None,
        proj_group_size=args.galore_proj_group_size,
        cos_threshold=args.galore_cos_threshold,
        gamma_proj=args.galore_gamma_proj,
        queue_size=args.galore_queue_size,
    )


def _problems(args: TrainingArgs) -> list[ArgError]:
    problems = []
    if args.train_type != "full":
        message = f"use_galore needs full training, not train_type {args.train_type}"
        problems.append(ArgError("use_galore", message, "add --train_type full"))
    if not str(args.optim).startswith("adamw"):
        message = f"GaLore is AdamW on projected gradients, and optim is {args.optim}"
        problems.append(ArgError("optim", message, "leave out --optim"))
    if args.lisa_activated_layers:
        message = "GaLore and LISA exclude each other: the state of a layer at rest is dropped"
        problems.append(ArgError("use_galore", message, "keep one of them"))
    if args.galore_proj_type not in _SIDES:
        message = f"galore_proj_type={args.galore_proj_type!r} is unknown"
        problems.append(ArgError("galore_proj_type", message, f"there are {', '.join(_SIDES)}"))
    if args.galore_proj_quant and not 2 <= args.galore_proj_bits <= 8:
        message = f"galore_proj_bits={args.galore_proj_bits} is not between 2 and 8"
        problems.append(ArgError("galore_proj_bits", message, "4 is the default"))
    counts = ("galore_rank", "galore_update_proj_gap", "galore_proj_group_size", "galore_queue_size",
              "galore_gamma_proj")  # fmt: skip
    problems += [
        ArgError(name, f"{name}={getattr(args, name)} is not a positive number")
        for name in counts
        if getattr(args, name) < 1
    ]
    return problems
