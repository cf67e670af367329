"""Arguments in the libraries' own names. That the libraries have these is tested where they are installed."""

from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.inference.engine_options import (
    ENGINE_ARGUMENTS,
    VLLM_IDLE,
    lmdeploy_plan,
    sglang_plan,
    vllm_plan,
)
from swiftx.domain.plans.engines import ServedModel
from swiftx.domain.plans.loading import LoadPlan
from swiftx.errors import UsageError


def served(*, device: str = "cuda", **changes: Any) -> ServedModel:
    loading = LoadPlan(folder="/m", dtype="bfloat16", device=device)
    return ServedModel(loading=loading, seed=42, **changes)


def test_every_argument_of_an_engine_is_in_its_table() -> None:
    prefixed = {
        engine: {name for name in specs_of(InferArgs) if name.startswith(f"{engine}_")}
        for engine in ENGINE_ARGUMENTS
    }

    assert prefixed["vllm"] == ENGINE_ARGUMENTS["vllm"] | VLLM_IDLE
    assert prefixed["sglang"] == ENGINE_ARGUMENTS["sglang"]
    assert prefixed["lmdeploy"] == ENGINE_ARGUMENTS["lmdeploy"]


def test_vllm_gets_the_defaults_of_the_reference_and_decides_what_is_left_open() -> None:
    plan = vllm_plan(InferArgs(), served())

    assert plan.options == {
        "model": "/m",
        "dtype": "bfloat16",
        "trust_remote_code": False,
        "seed": 42,
        "gpu_memory_utilization": 0.9,
        "tensor_parallel_size": 1,
        "pipeline_parallel_size": 1,
        "data_parallel_size": 1,
        "enable_expert_parallel": False,
        "max_num_seqs": 256,
        "max_model_len": None,
        "disable_custom_all_reduce": True,
        "enforce_eager": False,
        "mm_processor_cache_gb": 4.0,
    }


def test_vllm_gets_what_was_given() -> None:
    args = InferArgs(
        vllm_max_model_len=512,
        vllm_limit_mm_per_prompt={"image": 5},
        vllm_quantization="fp8",
        vllm_enable_prefix_caching=False,
        vllm_engine_kwargs={"block_size": 32, "max_num_seqs": 2},
    )

    options = vllm_plan(args, served()).options

    assert options["max_model_len"] == 512
    assert options["limit_mm_per_prompt"] == {"image": 5}
    assert options["quantization"] == "fp8"
    assert options["enable_prefix_caching"] is False
    assert options["block_size"] == 32
    assert options["max_num_seqs"] == 2  # a further field wins over an argument


def test_vllm_makes_room_for_every_adapter() -> None:
    model = served(adapters=("/run/a",), named_adapters={"poet": "/run/b", "cook": "/run/c"})

    plan = vllm_plan(InferArgs(vllm_max_lora_rank=32), model)

    assert plan.options["enable_lora"] is True
    assert plan.options["max_loras"] == 3
    assert plan.options["max_lora_rank"] == 32
    assert (plan.always, dict(plan.adapters)) == ("/run/a", {"poet": "/run/b", "cook": "/run/c"})


@pytest.mark.parametrize("plan", [vllm_plan, sglang_plan, lmdeploy_plan])
def test_adapters_on_top_of_each_other_are_refused(plan: Any) -> None:
    with pytest.raises(UsageError, match="/run/a, /run/b") as caught:
        plan(InferArgs(), served(adapters=("/run/a", "/run/b")))

    assert "--merge_lora" in str(caught.value.errors[0].hint)


def test_sglang_gets_its_own_names() -> None:
    args = InferArgs(
        sglang_tp_size=4,
        sglang_enable_dp_attention=True,
        sglang_dp_size=4,
        sglang_mem_fraction_static=0.7,
        sglang_kv_cache_dtype="fp8_e5m2",
        sglang_enable_ep_moe=True,
    )

    plan = sglang_plan(args, served())

    assert plan.options == {
        "model_path": "/m",
        "dtype": "bfloat16",
        "device": "cuda",
        "trust_remote_code": False,
        "random_seed": 42,
        "tp_size": 4,
        "pp_size": 1,
        "dp_size": 4,
        "ep_size": 1,
        "mem_fraction_static": 0.7,
        "context_length": None,
        "disable_cuda_graph": False,
        "kv_cache_dtype": "fp8_e5m2",
        "enable_dp_attention": True,
        "disable_custom_all_reduce": True,
    }
    assert plan.withdrawn == {"enable_ep_moe": True}


def test_sglang_on_a_processor_uses_plain_pytorch() -> None:
    options = sglang_plan(InferArgs(), served(device="cpu")).options

    assert options["attention_backend"] == "torch_native"
    assert options["sampling_backend"] == "pytorch"
    assert options["disable_cuda_graph"] is True


def test_lmdeploy_gets_its_own_names() -> None:
    args = InferArgs(
        lmdeploy_tp=2,
        lmdeploy_session_len=4096,
        lmdeploy_quant_policy=8,
        lmdeploy_vision_batch_size=3,
    )

    plan = lmdeploy_plan(args, served())

    assert plan.options == {
        "dtype": "bfloat16",
        "tp": 2,
        "session_len": 4096,
        "cache_max_entry_count": 0.8,
        "quant_policy": 8,
    }
    assert plan.vision == {"max_batch_size": 3}


def test_lmdeploy_names_the_adapter_that_has_no_name() -> None:
    model = served(adapters=("/run/a",), named_adapters={"default": "/run/b"})

    plan = lmdeploy_plan(InferArgs(), model)

    assert plan.adapters == {"default": "/run/b", "default_": "/run/a"}
    assert plan.always == "default_"


def test_length_of_the_model_holds_where_the_engine_has_none_of_its_own() -> None:
    loading = LoadPlan(folder="/m", dtype="float32", device="cuda", max_model_len=1000)
    model = ServedModel(loading=loading)
    args = InferArgs(sglang_context_length=500)

    assert vllm_plan(args, model).options["max_model_len"] == 1000
    assert sglang_plan(args, model).options["context_length"] == 500
    assert lmdeploy_plan(args, model).options["session_len"] == 1000
