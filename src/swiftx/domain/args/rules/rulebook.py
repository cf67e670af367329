"""All rules together, in no particular order: `resolution.py` sorts them by their needs."""

from __future__ import annotations

from swiftx.domain.args.rule import Check, Notice, Step
from swiftx.domain.args.rules import (
    data,
    estimate,
    export,
    fsdp,
    generation,
    grpo,
    model,
    names,
    preview,
    quantization,
    rlhf,
    rope,
    sampling,
    serving,
    templating,
    training,
    tuning,
)

STEPS: tuple[Step, ...] = (
    *model.STEPS,
    *rope.STEPS,
    *quantization.STEPS,
    *data.STEPS,
    *templating.STEPS,
    *generation.STEPS,
    *training.STEPS,
    *tuning.STEPS,
    *rlhf.STEPS,
    *grpo.STEPS,
    *serving.STEPS,
    *export.STEPS,
    *sampling.STEPS,
)
CHECKS: tuple[Check, ...] = (
    *model.CHECKS,
    *rope.CHECKS,
    *quantization.CHECKS,
    *data.CHECKS,
    *templating.CHECKS,
    *generation.CHECKS,
    *training.CHECKS,
    *fsdp.CHECKS,
    *tuning.CHECKS,
    *rlhf.CHECKS,
    *grpo.CHECKS,
    *serving.CHECKS,
    *export.CHECKS,
    *sampling.CHECKS,
    *preview.CHECKS,
    *estimate.CHECKS,
    *names.CHECKS,
)
NOTICES: tuple[Notice, ...] = (
    *model.NOTICES,
    *data.NOTICES,
    *templating.NOTICES,
    *grpo.NOTICES,
)
