"""From arguments to a plan of FSDP, and what it cannot train."""

from __future__ import annotations

from collections.abc import Iterator

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.args.rules.fsdp import fsdp_options, fsdp_settings, is_on
from swiftx.domain.plans.sharding import FsdpPlan
from swiftx.domain.plans.tuning import AdaLoraPlan, TunerPlan
from swiftx.domain.training.extensions import OPTIMIZERS
from swiftx.errors import ArgError, UsageError

_OFF = "Leave it or --fsdp out."
_Found = tuple[str, bool, str, str]
_OPTIMISERS = frozenset({"adamw_torch", "adamw_torch_fused", "rmsprop", "sgd"})
"""Those that were shown to take the same steps over parts of the weights as over whole ones."""


def fsdp_plan(args: TrainingArgs) -> FsdpPlan | None:
    """Return how the arguments want the model to be spread by FSDP; None where they do not.

    What the configuration says wins over `--fsdp` and over the older arguments.
    """
    options = fsdp_options(args.fsdp)
    if not options:
        return None
    settings = fsdp_settings(args.fsdp_config)
    keeps = {"shard_grad_op", "hybrid_shard_zero2"} & set(options)
    offload = settings.get("cpu_offload", settings.get("offload_params", "offload" in options))
    return FsdpPlan(
        reshard_after_forward=is_on(settings.get("reshard_after_forward", not keeps)),
        cpu_offload=is_on(offload),
        by_layer=str(settings.get("auto_wrap_policy")).upper() != "NO_WRAP",
        layer_classes=_classes(
            settings.get("transformer_layer_cls_to_wrap", args.fsdp_transformer_layer_cls_to_wrap)
        ),
        activation_checkpointing=is_on(settings.get("activation_checkpointing", False)),
        sharded_state=str(settings.get("state_dict_type", "SHARDED")).upper().startswith("SHARDED"),
        replicas=_replicas(args, options),
    )


def refuse_fsdp(args: TrainingArgs, tuning: TunerPlan, *, device: str, world_size: int) -> None:
    """Refuse what FSDP cannot do, or would do wrong without a word.

    Args:
        args: Resolved arguments.
        tuning: What is trained.
        device: `cuda`, `npu`, `mps` or `cpu`.
        world_size: Processes of the run.

    Raises:
        UsageError: With everything that is in the way.
    """
    plan = fsdp_plan(args)
    if plan is None:
        return
    found = [
        ArgError(name, f"--{name} does not work with FSDP: {reason}.", hint)
        for name, used, reason, hint in (*_others(args, tuning), *_engine(args))
        if used
    ]
    if plan.cpu_offload and device == "cpu":
        message = "fsdp: offload moves what waits to the CPU, and this run is on it."
        found.append(ArgError("fsdp", message, "Leave offload out."))
    found += _wrong_sizes(args, plan, world_size)
    if found:
        raise UsageError(found)


def _others(args: TrainingArgs, tuning: TunerPlan) -> Iterator[_Found]:
    """Yield what changes weights in ways of its own."""
    ranks = "its ranks follow gradients of whole matrices"
    yield "train_type", isinstance(tuning, AdaLoraPlan), ranks, "Use --train_type lora or full."
    yield "lisa_activated_layers", args.lisa_activated_layers > 0, "its layers take turns", _OFF
    yield "use_galore", args.use_galore, "it projects whole gradients", _OFF
    quantised = args.quant_method is not None
    yield "quant_method", quantised, "quantised weights cannot be cut into parts", _OFF
    optimisers = f"There are {', '.join(sorted(_OPTIMISERS))}, and plugins."
    yield "optim", not _spreadable(args), "it needs whole weights", optimisers


def _engine(args: TrainingArgs) -> Iterator[_Found]:
    """Yield what else would run the model."""
    yield "torch_compile", args.torch_compile, "it has not been shown to", _OFF
    yield "auto_find_batch_size", args.auto_find_batch_size, "by then the model is in parts", _OFF
    yield "use_liger_kernel", args.use_liger_kernel, "it has not been shown to", _OFF
    yield "predict_with_generate", args.predict_with_generate, "no process has the weights", _OFF
    best = args.save_only_model and args.load_best_model_at_end
    hint = "Leave out --load_best_model_at_end."
    yield "save_only_model", best, "the best model is loaded from a whole checkpoint", hint


def _wrong_sizes(args: TrainingArgs, plan: FsdpPlan, processes: int) -> list[ArgError]:
    if processes == 1:
        reason = "fsdp spreads a model over processes, and this run is one."
        return [ArgError("fsdp", reason, "Set NPROC_PER_NODE=8 (or NNODES), or leave --fsdp out.")]
    replicas = plan.replicas or 1
    rest, odd = divmod(processes, replicas)
    asked = (args.parallelism_config or {}).get("dp_shard_size", rest)
    if odd or rest < 2 or asked != rest:
        message = (
            f"parallelism_config: dp_replicate_size={replicas} times dp_shard_size={asked} must be the "
            f"number of processes, {processes}, and a model is spread over at least 2."
        )
        return [ArgError("parallelism_config", message, "Leave it out to spread over all.")]
    return []


def _spreadable(args: TrainingArgs) -> bool:
    if args.optimizer is not None and args.optimizer in OPTIMIZERS:
        return True  # a plugin's author knows
    return ("adafactor" if args.adafactor else str(args.optim)) in _OPTIMISERS


def _classes(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(name for name in value.replace(",", " ").split() if name)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _replicas(args: TrainingArgs, options: tuple[str, ...]) -> int | None:
    sizes = args.parallelism_config or {}
    if "dp_replicate_size" in sizes:
        return int(sizes["dp_replicate_size"])
    return None if any(option.startswith("hybrid_shard") for option in options) else 1
