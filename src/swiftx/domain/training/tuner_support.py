"""Which tuner arguments a run acts on: each belongs to some tuners, or to an option of theirs."""

from __future__ import annotations

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.plans.tuner_names import PEFT_METHODS, SAMPLED_INITS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MODULES = _words("target_modules target_regex modules_to_save init_weights peft_args")
_LORA = _MODULES | _words(
    "lora_rank lora_alpha lora_dropout lora_bias lora_dtype use_dora use_rslora lorap_lr_ratio "
    "target_parameters"
)
_LORA_GA = _words("lora_ga_direction lora_ga_scale lora_ga_stable_gamma")
_SAMPLED = _words("lora_ga_batch_size lora_ga_iters lora_ga_max_length")
_FULL = _words(
    "freeze_parameters freeze_parameters_regex freeze_parameters_ratio trainable_parameters "
    "trainable_parameters_regex lisa_activated_layers lisa_step_interval"
)
_GALORE = _words(
    "galore_target_modules galore_rank galore_update_proj_gap galore_scale galore_proj_type "
    "galore_with_embedding galore_quantization"
)
_Q_GALORE = _words("galore_proj_quant galore_cos_threshold galore_gamma_proj galore_queue_size")
_PROJECTIONS = _words("galore_proj_bits galore_proj_group_size")

_BY_TUNER = {
    "full": _FULL | _GALORE | _Q_GALORE | _PROJECTIONS | {"use_galore"},
    "lora": _LORA,
    "longlora": _LORA,
    "adalora": _MODULES
    | _words(
        "lora_alpha lora_dropout adalora_target_r adalora_init_r adalora_tinit adalora_tfinal "
        "adalora_deltaT adalora_beta1 adalora_beta2 adalora_orth_reg_weight"
    ),
    "vera": _MODULES | _words("vera_rank vera_projection_prng_key vera_dropout vera_d_initial"),
    "boft": _MODULES
    | _words("boft_block_size boft_block_num boft_n_butterfly_factor boft_dropout"),
    "fourierft": _MODULES | _words("fourier_n_frequency fourier_scaling"),
    "bone": _MODULES | _words("lora_rank lora_dropout"),
    "llamapro": _words("llamapro_num_new_blocks llamapro_num_groups"),
    "adapter": _words("adapter_act adapter_length"),
    "reft": _words("reft_layer_key reft_layers reft_rank reft_intervention_type reft_args"),
}

_OF_PLUGINS = _MODULES | _words("lora_rank lora_alpha lora_dropout")

TUNER_ARGUMENTS = frozenset().union(_LORA_GA, _SAMPLED, *_BY_TUNER.values())
"""Every argument of a tuner that is built."""


def idle_tuner_arguments(args: TrainingArgs) -> frozenset[str]:
    """Return the tuner arguments that change nothing in this run."""
    others = _MODULES if args.train_type in PEFT_METHODS else _OF_PLUGINS
    used = _BY_TUNER.get(args.train_type, others)
    if args.train_type in ("lora", "longlora"):
        initialisation = str(args.init_weights).lower()
        used |= _SAMPLED if initialisation in SAMPLED_INITS else frozenset()
        used |= _LORA_GA if initialisation in ("lora-ga", "lora_ga") else frozenset()
    if not args.use_galore:
        used -= _GALORE
    if not args.use_galore or not args.galore_quantization:
        used -= _Q_GALORE
    if not args.galore_quantization or not args.galore_proj_quant:
        used -= _PROJECTIONS
    if not args.lisa_activated_layers:
        used -= {"lisa_step_interval"}
    return TUNER_ARGUMENTS - used
