"""From training arguments to what the tuner does."""

from __future__ import annotations

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.plans.tuning import FullPlan, LoraPlan, TunerPlan
from swiftx.errors import ArgError, NotBuiltYet, UsageError

_CHANGES_BASE = ("pissa", "olora")


def tuner_plan(args: TrainingArgs) -> TunerPlan:
    """Return how the model is made trainable.

    Raises:
        NotBuiltYet: `train_type` is none of `full` and `lora`.
        UsageError: The LoRA arguments exclude each other.
    """
    match args.train_type:
        case "full":
            _refuse_adapters(args)
            return FullPlan(
                freeze_parameters=args.freeze_parameters,
                freeze_parameters_regex=args.freeze_parameters_regex,
                freeze_parameters_ratio=args.freeze_parameters_ratio,
                trainable_parameters=args.trainable_parameters,
                trainable_parameters_regex=args.trainable_parameters_regex,
            )
        case "lora":
            return _lora(args)
        case other:
            raise NotBuiltYet(
                f"training with --train_type {other} is not built yet", hint="lora and full are"
            )


def _refuse_adapters(args: TrainingArgs) -> None:
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


def _lora(args: TrainingArgs) -> LoraPlan:
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
        rank=args.lora_rank,
        alpha=args.lora_alpha,
        dropout=args.lora_dropout,
        bias=args.lora_bias,
        targets=args.target_modules,
        target_regex=args.target_regex,
        target_parameters=args.target_parameters or (),
        modules_to_save=args.modules_to_save,
        init_weights=initialisation,
        dtype=args.lora_dtype,
        use_dora=args.use_dora,
        use_rslora=args.use_rslora,
        seed=args.seed,
    )
