from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.plans.tuning import GaLorePlan
from swiftx.domain.training.galore import galore_plan
from swiftx.errors import UsageError


def _args(**changes: Any) -> SftArgs:
    return SftArgs(**{"use_galore": True, "train_type": "full", **changes})


def test_without_the_switch_there_is_no_plan() -> None:
    assert galore_plan(SftArgs(galore_rank=4)) is None


def test_galore_keeps_moments_and_projections_whole() -> None:
    assert galore_plan(_args(galore_proj_quant=True)) == GaLorePlan(
        targets=None, rank=128, update_proj_gap=50, scale=1.0, proj_type="std"
    )


def test_q_galore_has_eight_bit_moments_and_lazy_projections() -> None:
    plan = galore_plan(_args(galore_quantization=True, galore_proj_quant=True))

    assert plan is not None
    assert (plan.eight_bit, plan.lazy, plan.proj_bits) == (True, True, 4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_type": "lora"}, "needs full training"),
        ({"optim": "adafactor"}, "optim is adafactor"),
        ({"lisa_activated_layers": 2}, "exclude each other"),
        ({"galore_proj_type": "up"}, "'up' is unknown"),
        ({"galore_proj_quant": True, "galore_proj_bits": 1}, "not between 2 and 8"),
        ({"galore_rank": 0}, "galore_rank=0 is not a positive number"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        galore_plan(_args(**changes))
