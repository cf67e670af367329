"""What makes models trainable, and puts saved adapters on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swiftx.domain.ports.tuner import Tuner


def make_tuner() -> Tuner:
    """Return the tuner of every plan and of every saved adapter."""
    from swiftx.adapters.tuners.bottleneck import BottleneckTuner
    from swiftx.adapters.tuners.choosing import ChoosingTuner
    from swiftx.adapters.tuners.full import FullTuner
    from swiftx.adapters.tuners.llamapro import LlamaProTuner
    from swiftx.adapters.tuners.peft import PeftTuner
    from swiftx.adapters.tuners.reft import ReftTuner

    own = (BottleneckTuner(), LlamaProTuner(), ReftTuner())
    return ChoosingTuner(
        peft=PeftTuner(),
        full=FullTuner(),
        own={tuner.name: tuner for tuner in own},
        plans={tuner.plan_type: tuner.name for tuner in own},
    )
