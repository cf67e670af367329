"""Which parameters are trained, and through what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FullPlan:
    """Train the model's own parameters.

    Freezing comes first (prefixes, regular expression, ratio from the bottom), then `trainable_*`
    switches parameters on again.
    """

    freeze_parameters: tuple[str, ...] = ()
    freeze_parameters_regex: str | None = None
    freeze_parameters_ratio: float = 0.0
    trainable_parameters: tuple[str, ...] = ()
    trainable_parameters_regex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraPlan:
    """Low-rank adapters.

    Attributes:
        bias: `none`, `all` or `lora_only`: which biases are trained too.
        targets: Module name suffixes; `("all-linear",)` for every linear layer but the output head.
        target_regex: Full-match regular expression over module names; replaces `targets`.
        target_parameters: Suffixes of parameters (not modules) that get adapters, beside `targets`.
        init_weights: `true`, `false`, or the name of an initialisation of PEFT.
        dtype: Data type of the adapter weights; None leaves it to PEFT.
        seed: Seeds the random initialisation.
    """

    rank: int
    alpha: int
    dropout: float
    bias: str
    targets: tuple[str, ...]
    target_regex: str | None = None
    target_parameters: tuple[str, ...] = ()
    modules_to_save: tuple[str, ...] = ()
    init_weights: str = "true"
    dtype: str | None = None
    use_dora: bool = False
    use_rslora: bool = False
    seed: int = 42


TunerPlan = FullPlan | LoraPlan
