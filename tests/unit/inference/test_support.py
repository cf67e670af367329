from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.args.commands.infer import EngineArgs, InferArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.inference.engine_options import ENGINE_ARGUMENTS
from swiftx.domain.inference.support import (
    INFER,
    Support,
    answering_support,
    infer_support,
    judging_support,
)
from swiftx.errors import NotBuiltYet


def misplaced(support: Support, names: set[str]) -> set[str]:
    """Return the names that are in no place, in several, or in one although nothing has that name."""
    places = [support.runs, support.not_built, support.no_effect, frozenset(support.only)]
    placed = [name for place in places for name in place]
    placed += [
        name for name in names if name.startswith(support.no_effect_prefixes or ("no prefix",))
    ]
    return set(placed) ^ names | {name for name in placed if placed.count(name) > 1}


@pytest.mark.parametrize("engine", ["pt", *ENGINE_ARGUMENTS])
def test_every_argument_has_one_place(engine: str) -> None:
    assert misplaced(infer_support(engine), set(specs_of(EngineArgs))) == set()
    command = answering_support(engine, elsewhere=False)
    assert misplaced(command, set(specs_of(InferArgs))) == set()


def test_every_argument_has_one_place_where_a_service_answers() -> None:
    assert misplaced(answering_support("pt", elsewhere=True), set(specs_of(InferArgs))) == set()
    assert misplaced(judging_support(), set(specs_of(InferArgs))) == set()


def test_everything_that_is_not_built_is_named_at_once() -> None:
    args = InferArgs(model="m", task_type="embedding", streaming=True, cached_dataset=("c",))
    origin = dict.fromkeys(("task_type", "streaming", "cached_dataset"), "cli")

    with pytest.raises(NotBuiltYet) as caught:
        INFER.refuse_unbuilt(args, origin, doing="answering")

    for flag in ("--task_type embedding", "--streaming true", "--cached_dataset c"):
        assert flag in caught.value.message


def test_defaults_and_what_runs_are_not_refused() -> None:
    args = InferArgs(model="m", max_batch_size=4)

    INFER.refuse_unbuilt(args, {"max_batch_size": "cli", "model": "cli"}, doing="answering")


def test_arguments_of_other_engines_are_named() -> None:
    args = InferArgs(model="m", vllm_max_num_seqs=8, padding_side="left", loss_scale="all")
    origin = {"vllm_max_num_seqs": "cli", "padding_side": "config", "loss_scale": "args.json"}

    assert set(INFER.ineffective(args, origin)) == {"vllm_max_num_seqs", "padding_side"}


def test_each_engine_knows_its_own_arguments() -> None:
    given: dict[str, Any] = {
        "vllm_max_num_seqs": 8,
        "sglang_tp_size": 2,
        "lmdeploy_tp": 2,
        "max_batch_size": 4,
    }
    args = InferArgs(model="m", **given)
    origin = dict.fromkeys(given, "cli")

    ineffective = {
        engine: set(infer_support(engine).ineffective(args, origin)) for engine in ("pt", "vllm")
    }

    assert ineffective["pt"] == {"vllm_max_num_seqs", "sglang_tp_size", "lmdeploy_tp"}
    assert ineffective["vllm"] == {"sglang_tp_size", "lmdeploy_tp", "max_batch_size"}


def test_other_engines_refuse_what_only_transformers_can() -> None:
    args = InferArgs(model="m", infer_backend="vllm", num_beams=4, new_special_tokens=("<a>",))
    origin = dict.fromkeys(("infer_backend", "num_beams", "new_special_tokens"), "cli")

    with pytest.raises(NotBuiltYet) as caught:
        infer_support("vllm").refuse_unbuilt(args, origin, doing="answering")

    for flag in ("--num_beams 4", "--new_special_tokens <a>"):
        assert flag in caught.value.message
