"""Our table of vLLM's arguments against the installed vLLM."""

from __future__ import annotations

import pytest
from vllm.engine.arg_utils import AsyncEngineArgs

from swiftx.adapters.engines import vllm as adapter
from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.inference.engine_options import VLLM, vllm_plan
from swiftx.domain.plans.engines import ServedModel, VllmPlan
from swiftx.domain.plans.inference import GenerationPlan
from swiftx.domain.plans.loading import LoadPlan
from swiftx.errors import UsageError


def test_installed_vllm_has_every_option_of_the_table() -> None:
    assert set(VLLM.values()) - adapter.option_names() == set()


def test_installed_vllm_has_every_option_of_a_plan() -> None:
    loading = LoadPlan(folder="/m", dtype="float32", device="cuda", max_model_len=8)
    model = ServedModel(loading=loading, adapters=("/a",))

    options = vllm_plan(InferArgs(), model).options

    assert options.keys() - adapter.option_names() == set()
    assert AsyncEngineArgs(**options).max_loras == 1


def test_unknown_option_is_refused_with_close_ones() -> None:
    with pytest.raises(UsageError) as caught:
        adapter.start(VllmPlan(options={"model": "/m", "max_num_seq": 4}), None)  # type: ignore[arg-type]

    (problem,) = caught.value.errors
    assert "'max_num_seq'" in problem.message
    assert "max_num_seqs" in str(problem.hint)


def test_every_part_of_a_plan_reaches_vllm() -> None:
    plan = GenerationPlan(
        max_new_tokens=7,
        min_new_tokens=2,
        temperature=0.5,
        top_k=3,
        top_p=0.9,
        min_p=0.1,
        repetition_penalty=1.2,
        presence_penalty=0.3,
        frequency_penalty=0.4,
        stop_ids=(2, 5),
        logprobs=True,
        top_logprobs=4,
        seed=11,
        json_schema='{"type": "object"}',
    )

    params = adapter.sampling_params(plan)

    assert (params.max_tokens, params.min_tokens, params.seed) == (7, 2, 11)
    assert (params.temperature, params.top_k, params.top_p, params.min_p) == (0.5, 3, 0.9, 0.1)
    assert (params.repetition_penalty, params.presence_penalty) == (1.2, 0.3)
    assert params.frequency_penalty == 0.4
    assert params.stop_token_ids == [2, 5]
    assert params.logprobs == 4
    assert params.structured_outputs is not None
    assert params.structured_outputs.json == '{"type": "object"}'


def test_an_empty_schema_is_any_json_object() -> None:
    params = adapter.sampling_params(GenerationPlan(json_schema="{}"))

    assert params.structured_outputs is not None
    assert params.structured_outputs.json_object is True
