from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.plans.tuning import FullPlan
from swiftx.domain.tuning.freezing import trainable_names
from swiftx.errors import UsageError

SIZES = {"embed.weight": 40, "layers.0.weight": 20, "layers.1.weight": 20, "head.weight": 20}


@pytest.mark.parametrize(
    ("plan", "trained"),
    [
        ({}, set(SIZES)),
        ({"freeze_parameters": ("embed", "head")}, {"layers.0.weight", "layers.1.weight"}),
        ({"freeze_parameters_regex": r"layers\.\d"}, {"embed.weight", "head.weight"}),
        ({"freeze_parameters_ratio": 0.4}, set(SIZES) - {"embed.weight"}),
        ({"freeze_parameters_ratio": 0.39}, set(SIZES)),
        ({"freeze_parameters_ratio": 1.0, "trainable_parameters": ("head",)}, {"head.weight"}),
        (
            {"freeze_parameters": ("layers",), "trainable_parameters_regex": "1"},
            {"embed.weight", "layers.1.weight", "head.weight"},
        ),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_freezing_comes_first_and_trainable_parameters_come_back(
    plan: dict[str, Any], trained: set[str]
) -> None:
    assert trainable_names(SIZES, FullPlan(**plan)) == trained


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"freeze_parameters_ratio": 1.0}, "nothing to train"),
        ({"freeze_parameters": ("tail",)}, "'tail' matches no parameter"),
        ({"freeze_parameters_regex": "tail"}, "'tail' matches no parameter"),
        ({"trainable_parameters_regex": "("}, "not a regular expression"),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_what_cannot_be_meant_is_refused(plan: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        trainable_names(SIZES, FullPlan(**plan))
