"""The names that `--train_type` knows."""

from __future__ import annotations

OWN_ARGUMENTS = (
    "lora", "full", "longlora", "adalora", "llamapro", "adapter", "vera", "boft", "fourierft", "reft", "bone",
)  # fmt: skip
"""Tuners that have arguments of their own."""

PEFT_METHODS = (
    "ia3", "adamss", "beft", "c3a", "deft", "delora", "frod", "glora", "gralora", "hira", "hra", "lily",
    "ln_tuning", "loha", "lokr", "miss", "oft", "osf", "peanut", "psoft", "pvera", "randlora", "road",
    "shira", "supertuning", "tinylora", "unilora", "vblora", "waveft",
)  # fmt: skip
"""Methods of PEFT that are reached by their name alone, with `--peft_args` for their options.

Left out are the methods that lengthen the input instead of changing layers (prompt tuning and its kin), that
want more than rows (Poly a task number, Shadow a second model), and that are built of other adapters or for
one family of models (X-LoRA, adaption prompt).
"""

BUILT_IN_TUNERS = frozenset({*OWN_ARGUMENTS, *PEFT_METHODS})

SAMPLED_INITS = ("lora-ga", "lora_ga", "eva", "corda")
"""Initialisations that look at training rows."""
