from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from swiftx.domain.args.commands.pt import PtArgs
from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.training import support
from swiftx.domain.training.support import (
    NO_EFFECT,
    NOT_BUILT,
    ONLY,
    RUNS,
    ineffective,
    refuse_unbuilt,
)
from swiftx.errors import NotBuiltYet

PLACES = {"RUNS": RUNS, "ONLY": frozenset(ONLY), "NOT_BUILT": NOT_BUILT, "NO_EFFECT": NO_EFFECT}


@pytest.mark.parametrize("command", [SftArgs, PtArgs])
def test_every_argument_has_one_place(command: type) -> None:
    names = specs_of(command).keys()

    assert frozenset().union(*PLACES.values()) == names
    for (first, some), (second, others) in combinations(PLACES.items(), 2):
        assert not some & others, (first, second)


def test_everything_unbuilt_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever is unbuilt today: the sets are those of the test.
    monkeypatch.setattr(support, "NOT_BUILT", frozenset({"packing", "run_name"}))
    monkeypatch.setattr(support, "ONLY", {"seed": lambda value: value == 1})
    args = SftArgs(packing=True, run_name="x", seed=2, model="m")

    with pytest.raises(NotBuiltYet) as caught:
        refuse_unbuilt(args, dict.fromkeys(("packing", "run_name", "seed", "model"), "cli"))

    for words in ("--packing true", "--run_name x", "--seed 2"):
        assert words in caught.value.message
    assert "--model" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("init_weights", True),
        ("init_weights", "pissa_niter_4"),
        ("train_type", "full"),
        ("packing", True),
        ("train_sampling_strategy", "group_by_length"),
    ],
)
def test_what_runs_is_let_through(name: str, value: Any) -> None:
    refuse_unbuilt(SftArgs(**{name: value}), {name: "cli"})


def test_what_a_rule_decided_was_not_asked_for() -> None:
    refuse_unbuilt(SftArgs(optimizer="lorap"), {"optimizer": "rule:special-learning-rates"})


def test_arguments_without_effect_are_named() -> None:
    args = SftArgs(freeze_parameters=("a",), vera_rank=8, temperature=0.7, lora_rank=16)
    given = dict.fromkeys(("freeze_parameters", "vera_rank", "temperature", "lora_rank"), "config")

    assert set(ineffective(args, given)) == {"freeze_parameters", "vera_rank", "temperature"}


@pytest.mark.parametrize(
    ("args", "idle"),
    [
        (SftArgs(packing_length=8, padding_side="left"), {"packing_length"}),
        (SftArgs(padding_free=True, padding_side="left"), {"padding_side"}),
        (SftArgs(packing=True, padding_free=True, packing_length=8), set()),
    ],
)
def test_what_packing_has_no_use_for_is_named(args: SftArgs, idle: set[str]) -> None:
    given = dict.fromkeys(("packing", "packing_length", "padding_free", "padding_side"), "cli")

    assert set(ineffective(args, given)) == idle


def test_a_given_default_needs_no_word() -> None:
    assert ineffective(SftArgs(vera_rank=256), {"vera_rank": "cli"}) == ()
