"""Which parameters are trained, and through what: one frozen plan a tuner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LisaPlan:
    """Train so many layers at a time, drawn at random (https://arxiv.org/abs/2403.17919, algorithm 1).

    Attributes:
        layers: Decoder layers that train at a time; embeddings, head and final norm always do.
        interval: Optimiser steps until others take their turn.
        seed: Seeds the draws; a draw depends on it and on the number of the turn only.
    """

    layers: int
    interval: int
    seed: int = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class GaLorePlan:
    """AdamW whose moments live in a low-rank projection of the gradient (https://arxiv.org/abs/2403.03507).

    Attributes:
        targets: Endings of the names of modules whose gradients are projected; None is attention and MLP.
        rank: Rank of the projection.
        update_proj_gap: Optimiser steps until a projection is renewed.
        scale: Factor on an update that was projected back.
        proj_type: Side that is projected: `std` (the shorter one), `reverse_std`, `left`, `right` or `full`.
        with_embedding: Project the gradients of embeddings too.
        eight_bit: Q-GaLore: moments in 8-bit blocks.
        lazy: Q-GaLore: renew a projection that has settled `gamma_proj` times less often.
        proj_bits: Bits of a number of a projection; None keeps it whole.
        proj_group_size: Numbers of a projection that share a scale.
        cos_threshold: Mean likeness of the last `queue_size` projections from which one has settled.
    """

    targets: tuple[str, ...] | None
    rank: int
    update_proj_gap: int
    scale: float
    proj_type: str
    with_embedding: bool = False
    eight_bit: bool = False
    lazy: bool = False
    proj_bits: int | None = None
    proj_group_size: int = 256
    cos_threshold: float = 0.4
    gamma_proj: int = 2
    queue_size: int = 5


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
class SampledInit:
    """An initialisation that looks at training rows.

    Attributes:
        batch_size: Rows of a batch.
        batches: Batches to look at.
        max_length: Longer rows are cut to so many tokens.
    """

    batch_size: int
    batches: int
    max_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeftPlan:
    """A method of PEFT by name; the base of the plans of those that have arguments of their own.

    Attributes:
        method: PEFT's name of the method, such as `LORA` or `OFT`.
        targets: Module name suffixes; `("all-linear",)` for every linear layer but the output head.
        target_regex: Full-match regular expression over module names; replaces `targets`.
        modules_to_save: Module name suffixes that are trained in full beside the adapter.
        init_weights: `true`, `false`, or the name of an initialisation of PEFT.
        seed: Seeds the random initialisation.
        options: Further fields of PEFT's configuration; they win over the other attributes.
    """

    method: str
    targets: tuple[str, ...] = ("all-linear",)
    target_regex: str | None = None
    modules_to_save: tuple[str, ...] = ()
    init_weights: str = "true"
    seed: int = 42
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginTunerPlan(PeftPlan):
    """A tuner of a plugin; `method` is its name.

    Attributes:
        rank, alpha, dropout: For the plugin to use.
    """

    rank: int = 8
    alpha: int = 32
    dropout: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraPlan(PeftPlan):
    """Low-rank adapters.

    Attributes:
        bias: `none`, `all` or `lora_only`: which biases are trained too.
        target_parameters: Suffixes of parameters (not modules) that get adapters, beside `targets`.
        dtype: Data type of the adapter weights; None leaves it to PEFT.
        sampled: The rows that the initialisation looks at; None when it looks at none.
        lora_ga: `direction`, `scale` and `stable_gamma` of LoRA-GA.
        shifted_attention: LongLoRA: train with shifted sparse attention, and embeddings and norms in full.
    """

    method: str = "LORA"
    rank: int
    alpha: int
    dropout: float
    bias: str
    target_parameters: tuple[str, ...] = ()
    dtype: str | None = None
    use_dora: bool = False
    use_rslora: bool = False
    sampled: SampledInit | None = None
    lora_ga: Mapping[str, Any] | None = None
    shifted_attention: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaLoraPlan(PeftPlan):
    """LoRA in singular values, whose budget of ranks shrinks while it trains (arXiv:2303.10512).

    Attributes:
        target_r, init_r: Average rank of the layers at the end, and rank of each at the start.
        tinit, tfinal: Steps before the ranks begin to shrink, and steps at the end with fixed ranks.
        delta_t: Steps between changes of the ranks.
        beta1, beta2: Smoothing of the importance of a weight, and of its uncertainty.
        orth_reg_weight: Weight of the penalty that keeps the factors orthogonal.
    """

    method: str = "ADALORA"
    target_r: int
    init_r: int
    tinit: int
    tfinal: int
    delta_t: int
    beta1: float
    beta2: float
    orth_reg_weight: float
    alpha: int
    dropout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VeraPlan(PeftPlan):
    """Trained scales of random projections that all layers share (arXiv:2310.11454)."""

    method: str = "VERA"
    rank: int
    projection_prng_key: int
    dropout: float
    d_initial: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoftPlan(PeftPlan):
    """Products of sparse orthogonal matrices (arXiv:2311.06243); one of size and number is 0."""

    method: str = "BOFT"
    block_size: int
    block_num: int
    n_butterfly_factor: int
    dropout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FourierFtPlan(PeftPlan):
    """A few Fourier coefficients of each weight change (arXiv:2405.03003)."""

    method: str = "FOURIERFT"
    n_frequency: int
    scaling: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BonePlan(PeftPlan):
    """Bone as its successor MiSS (arXiv:2409.15371)."""

    method: str = "MISS"
    rank: int
    dropout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaProPlan:
    """Train new decoder blocks between the model's own (https://arxiv.org/abs/2401.02415).

    Attributes:
        new_blocks: Blocks to insert in all.
        groups: Places to insert them at, evenly spread; each gets `new_blocks / groups`.
    """

    new_blocks: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BottleneckPlan:
    """Two-layer networks after attention and MLP of each block (https://arxiv.org/abs/1902.00751).

    Attributes:
        width: Size of the layer between the two.
        activation: Name of the function between them, as transformers calls it.
        seed: Seeds the random initialisation.
    """

    width: int
    activation: str
    seed: int = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class ReftPlan:
    """Low-rank edits of hidden states (https://arxiv.org/abs/2404.03592).

    Attributes:
        layers: Numbers of the decoder layers whose output is edited; None is all.
        layer_key: Name of the model's list of layers; None finds it.
        rank: Rank of an edit.
        intervention: Form of the edit: `LoreftIntervention` and the like.
        options: `dropout`, `act_fn`, `add_bias`.
        seed: Seeds the random initialisation.
    """

    layers: tuple[int, ...] | None
    layer_key: str | None
    rank: int
    intervention: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 42


TunerPlan = FullPlan | PeftPlan | LlamaProPlan | BottleneckPlan | ReftPlan
"""Which parameters are trained."""
