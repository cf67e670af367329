"""What makes models trainable, and puts saved adapters on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swiftx.domain.ports.tuner import Tuner


def make_tuner() -> Tuner:
    """Return the tuner of every plan and of every saved adapter."""
    from swiftx.adapters.tuners import bottleneck, llamapro, reft
    from swiftx.adapters.tuners.choosing import ChoosingTuner
    from swiftx.adapters.tuners.full import FullTuner
    from swiftx.adapters.tuners.peft import PeftTuner
    from swiftx.domain.plans.tuning import BottleneckPlan, LlamaProPlan, ReftPlan

    return ChoosingTuner(
        peft=PeftTuner(),
        full=FullTuner(),
        own={
            bottleneck.NAME: bottleneck.BottleneckTuner(),
            llamapro.NAME: llamapro.LlamaProTuner(),
            reft.NAME: reft.ReftTuner(),
        },
        plans={
            BottleneckPlan: bottleneck.NAME,
            LlamaProPlan: llamapro.NAME,
            ReftPlan: reft.NAME,
        },
    )
