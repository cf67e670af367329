"""From training arguments to what the tuner does."""

from __future__ import annotations

from typing import Any

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.plans.tuner_names import OWN_ARGUMENTS, PEFT_METHODS, SAMPLED_INITS
from swiftx.domain.plans.tuning import (
    AdaLoraPlan,
    BoftPlan,
    BonePlan,
    BottleneckPlan,
    FourierFtPlan,
    FullPlan,
    LlamaProPlan,
    LoraPlan,
    PeftPlan,
    PluginTunerPlan,
    ReftPlan,
    SampledInit,
    TunerPlan,
    VeraPlan,
)
from swiftx.domain.tuning.registry import TUNERS
from swiftx.errors import ArgError, UsageError

_CHANGES_BASE = ("pissa", "olora", "lora-ga", "lora_ga", "corda")


def tuner_plan(args: TrainingArgs) -> TunerPlan:
    """Return how the model is made trainable.

    Raises:
        UsageError: `train_type` is unknown, or the tuner's arguments exclude each other.
    """
    match args.train_type:
        case "full":
            return _full(args)
        case "lora":
            return _lora(args)
        case "longlora":
            return _longlora(args)
        case "adalora":
            return _adalora(args)
        case "llamapro":
            return _llamapro(args)
        case "adapter":
            return BottleneckPlan(
                width=args.adapter_length, activation=args.adapter_act, seed=args.seed
            )
        case "reft":
            return ReftPlan(
                layers=args.reft_layers,
                layer_key=args.reft_layer_key,
                rank=args.reft_rank,
                intervention=args.reft_intervention_type,
                options=args.reft_args or {},
                seed=args.seed,
            )
        case other:
            return _peft(args, other)


def _full(args: TrainingArgs) -> FullPlan:
    if args.adapters and not args.resume_only_model:
        raise UsageError(
            [
                ArgError(
                    "adapters",
                    f"full training cannot start from adapters ({', '.join(args.adapters)})",
                    "merge them first (swiftx merge-lora --adapters …) and train the merged --model",
                )
            ]
        )
    return FullPlan(
        freeze_parameters=args.freeze_parameters,
        freeze_parameters_regex=args.freeze_parameters_regex,
        freeze_parameters_ratio=args.freeze_parameters_ratio,
        trainable_parameters=args.trainable_parameters,
        trainable_parameters_regex=args.trainable_parameters_regex,
    )


def _lora(args: TrainingArgs, *, shifted_attention: bool = False) -> LoraPlan:
    initialisation = str(args.init_weights).lower()
    problems = []
    if args.use_dora and initialisation.startswith(_CHANGES_BASE):
        problems.append(
            ArgError(
                "init_weights",
                f"init_weights={initialisation!r} changes the base weights, which DoRA then cannot undo",
                "leave out --use_dora or --init_weights",
            )
        )
    if args.target_parameters and args.lora_dropout:
        problems.append(
            ArgError(
                "target_parameters",
                f"adapters on parameters have no dropout, and lora_dropout is {args.lora_dropout}",
                "add --lora_dropout 0",
            )
        )
    if problems:
        raise UsageError(problems)
    return LoraPlan(
        **_modules(args),
        rank=args.lora_rank,
        alpha=args.lora_alpha,
        dropout=args.lora_dropout,
        bias=args.lora_bias,
        target_parameters=args.target_parameters or (),
        dtype=args.lora_dtype,
        use_dora=args.use_dora,
        use_rslora=args.use_rslora,
        sampled=_sampled(args, initialisation),
        lora_ga=_lora_ga(args) if initialisation in ("lora-ga", "lora_ga") else None,
        shifted_attention=shifted_attention,
    )


def _longlora(args: TrainingArgs) -> LoraPlan:
    if args.padding_free or args.packing:
        name = "packing" if args.packing else "padding_free"
        raise UsageError(
            [
                ArgError(
                    name,
                    f"{name}: shifted sparse attention needs each row in a sequence of its own",
                    f"leave out --{name}, or train with --train_type lora",
                )
            ]
        )
    return _lora(args, shifted_attention=True)


def _modules(args: TrainingArgs) -> dict[str, Any]:
    """Return what all plans of PEFT's methods have."""
    return {
        "targets": args.target_modules,
        "target_regex": args.target_regex,
        "modules_to_save": args.modules_to_save,
        "init_weights": str(args.init_weights).lower(),
        "seed": args.seed,
        "options": args.peft_args or {},
    }


def _sampled(args: TrainingArgs, initialisation: str) -> SampledInit | None:
    if initialisation not in SAMPLED_INITS:
        return None
    return SampledInit(
        batch_size=args.lora_ga_batch_size,
        batches=args.lora_ga_iters,
        max_length=args.lora_ga_max_length,
    )


def _lora_ga(args: TrainingArgs) -> dict[str, Any]:
    return {
        "direction": args.lora_ga_direction,
        "scale": args.lora_ga_scale,
        "stable_gamma": args.lora_ga_stable_gamma,
    }


def _adalora(args: TrainingArgs) -> AdaLoraPlan:
    if args.adalora_target_r >= args.adalora_init_r:
        raise UsageError(
            [
                ArgError(
                    "adalora_target_r",
                    f"adalora_target_r={args.adalora_target_r} is not below "
                    f"adalora_init_r={args.adalora_init_r}, so there is no rank to take away",
                    "raise --adalora_init_r, or use --train_type lora for a fixed rank",
                )
            ]
        )
    return AdaLoraPlan(
        **_modules(args),
        target_r=args.adalora_target_r,
        init_r=args.adalora_init_r,
        tinit=args.adalora_tinit,
        tfinal=args.adalora_tfinal,
        delta_t=args.adalora_deltaT,
        beta1=args.adalora_beta1,
        beta2=args.adalora_beta2,
        orth_reg_weight=args.adalora_orth_reg_weight,
        alpha=args.lora_alpha,
        dropout=args.lora_dropout,
    )


def _llamapro(args: TrainingArgs) -> LlamaProPlan:
    blocks, groups = args.llamapro_num_new_blocks, args.llamapro_num_groups
    groups = blocks if groups is None else groups
    if blocks < 1 or groups < 1 or blocks % groups:
        raise UsageError(
            [
                ArgError(
                    "llamapro_num_groups",
                    f"{blocks} new blocks cannot be spread evenly over {groups} places",
                    "let --llamapro_num_new_blocks be a multiple of --llamapro_num_groups",
                )
            ]
        )
    return LlamaProPlan(new_blocks=blocks, groups=groups)


def _peft(args: TrainingArgs, train_type: str) -> PeftPlan:
    """Return the plan of a method that PEFT does alone."""
    modules = _modules(args)
    match train_type:
        case "vera":
            return VeraPlan(
                **modules,
                rank=args.vera_rank,
                projection_prng_key=args.vera_projection_prng_key,
                dropout=args.vera_dropout,
                d_initial=args.vera_d_initial,
            )
        case "boft":
            return BoftPlan(
                **modules,
                block_size=0 if args.boft_block_num else args.boft_block_size,
                block_num=args.boft_block_num,
                n_butterfly_factor=args.boft_n_butterfly_factor,
                dropout=args.boft_dropout,
            )
        case "fourierft":
            return FourierFtPlan(
                **modules, n_frequency=args.fourier_n_frequency, scaling=args.fourier_scaling
            )
        case "bone":
            return BonePlan(**modules, rank=args.lora_rank, dropout=args.lora_dropout)
    if train_type in TUNERS:
        return PluginTunerPlan(
            **modules,
            method=train_type,
            rank=args.lora_rank,
            alpha=args.lora_alpha,
            dropout=args.lora_dropout,
        )
    if train_type not in PEFT_METHODS:
        known = ", ".join((*OWN_ARGUMENTS, *PEFT_METHODS))
        raise UsageError(
            [ArgError("train_type", f"train_type={train_type!r} is unknown", f"there are {known}")]
        )
    return PeftPlan(**modules, method=train_type.upper())
