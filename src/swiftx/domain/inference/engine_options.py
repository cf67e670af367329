"""The arguments of vLLM, SGLang and LMDeploy in the libraries' own names.

One table a library says what becomes of each argument; `make test-vllm` compares that of the installed vLLM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swiftx.domain.args.groups.lmdeploy import LmdeployArgs
from swiftx.domain.args.groups.sglang import SglangArgs
from swiftx.domain.args.groups.vllm import VllmArgs
from swiftx.domain.plans.engines import LmdeployPlan, ServedModel, SglangPlan, VllmPlan
from swiftx.errors import ArgError, UsageError

VLLM: Mapping[str, str] = {
    "vllm_gpu_memory_utilization": "gpu_memory_utilization",
    "vllm_tensor_parallel_size": "tensor_parallel_size",
    "vllm_pipeline_parallel_size": "pipeline_parallel_size",
    "vllm_data_parallel_size": "data_parallel_size",
    "vllm_enable_expert_parallel": "enable_expert_parallel",
    "vllm_max_num_seqs": "max_num_seqs",
    "vllm_max_model_len": "max_model_len",
    "vllm_disable_custom_all_reduce": "disable_custom_all_reduce",
    "vllm_enforce_eager": "enforce_eager",
    "vllm_mm_processor_cache_gb": "mm_processor_cache_gb",
    "vllm_limit_mm_per_prompt": "limit_mm_per_prompt",
    "vllm_max_lora_rank": "max_lora_rank",
    "vllm_quantization": "quantization",
    "vllm_enable_prefix_caching": "enable_prefix_caching",
    "vllm_reasoning_parser": "reasoning_parser",
}
"""Argument → field of vLLM's `AsyncEngineArgs`."""

VLLM_WITHDRAWN: Mapping[str, str] = {"vllm_disable_cascade_attn": "disable_cascade_attn"}
"""The same, of fields that newer releases do not have: there is no cascade attention left to disable."""

VLLM_EXTRA = "vllm_engine_kwargs"
"""The argument that holds further fields; they win over the table."""

VLLM_IDLE = frozenset({"vllm_use_async_engine"})
"""Arguments without meaning here: the adapter always uses the asynchronous engine."""

SGLANG: Mapping[str, str] = {
    "sglang_tp_size": "tp_size",
    "sglang_pp_size": "pp_size",
    "sglang_dp_size": "dp_size",
    "sglang_ep_size": "ep_size",
    "sglang_mem_fraction_static": "mem_fraction_static",
    "sglang_context_length": "context_length",
    "sglang_disable_cuda_graph": "disable_cuda_graph",
    "sglang_quantization": "quantization",
    "sglang_kv_cache_dtype": "kv_cache_dtype",
    "sglang_enable_dp_attention": "enable_dp_attention",
    "sglang_disable_custom_all_reduce": "disable_custom_all_reduce",
}
"""Argument → parameter of SGLang's `ServerArgs`."""

SGLANG_WITHDRAWN: Mapping[str, str] = {"sglang_enable_ep_moe": "enable_ep_moe"}
"""The same, of parameters that newer releases of SGLang do not have."""

LMDEPLOY: Mapping[str, str] = {
    "lmdeploy_tp": "tp",
    "lmdeploy_session_len": "session_len",
    "lmdeploy_cache_max_entry_count": "cache_max_entry_count",
    "lmdeploy_quant_policy": "quant_policy",
}
"""Argument → field of LMDeploy's `TurbomindEngineConfig` and `PytorchEngineConfig`."""

LMDEPLOY_VISION: Mapping[str, str] = {"lmdeploy_vision_batch_size": "max_batch_size"}
"""Argument → field of LMDeploy's `VisionConfig`."""

ENGINE_ARGUMENTS: Mapping[str, frozenset[str]] = {
    "vllm": frozenset({*VLLM, *VLLM_WITHDRAWN, VLLM_EXTRA}),
    "sglang": frozenset({*SGLANG, *SGLANG_WITHDRAWN}),
    "lmdeploy": frozenset({*LMDEPLOY, *LMDEPLOY_VISION}),
}
"""By engine: the arguments that only it understands."""

_SGLANG_CPU = {
    "attention_backend": "torch_native",
    "sampling_backend": "pytorch",
    "disable_cuda_graph": True,
}
"""SGLang's kernels are for GPUs; these parts of it are plain PyTorch."""


def vllm_plan(args: VllmArgs, model: ServedModel) -> VllmPlan:
    """Return how vLLM is started.

    Raises:
        UsageError: Several adapters on top of each other, which vLLM cannot.
    """
    always = _one_adapter(model, "vLLM")
    loading = model.loading
    options: dict[str, Any] = {
        "model": loading.folder,
        "dtype": loading.dtype,
        "trust_remote_code": loading.trust_remote_code,
        "seed": model.seed or 0,
        **_options(args, VLLM),
    }
    options.setdefault("max_model_len", loading.max_model_len)
    count = len(model.named_adapters) + (always is not None)
    if count:
        options |= {"enable_lora": True, "max_loras": count}
    else:
        del options["max_lora_rank"]
    options |= args.vllm_engine_kwargs or {}
    return VllmPlan(
        options=options,
        withdrawn=_options(args, VLLM_WITHDRAWN),
        adapters=model.named_adapters,
        always=always,
    )


def sglang_plan(args: SglangArgs, model: ServedModel) -> SglangPlan:
    """Return how SGLang is started.

    Raises:
        UsageError: Several adapters on top of each other, which SGLang cannot.
    """
    always = _one_adapter(model, "SGLang")
    loading = model.loading
    options: dict[str, Any] = {
        "model_path": loading.folder,
        "dtype": loading.dtype,
        "device": loading.device,
        "trust_remote_code": loading.trust_remote_code,
        "random_seed": model.seed or 0,
        **_options(args, SGLANG),
    }
    options.setdefault("context_length", loading.max_model_len)
    if loading.device == "cpu":
        options |= _SGLANG_CPU
    return SglangPlan(
        options=options,
        withdrawn=_options(args, SGLANG_WITHDRAWN),
        adapters=model.named_adapters,
        always=always,
    )


def lmdeploy_plan(args: LmdeployArgs, model: ServedModel) -> LmdeployPlan:
    """Return how LMDeploy is started.

    Raises:
        UsageError: Several adapters on top of each other, which LMDeploy cannot.
    """
    always = _one_adapter(model, "LMDeploy")
    options = {"dtype": model.loading.dtype, **_options(args, LMDEPLOY)}
    options.setdefault("session_len", model.loading.max_model_len)
    unnamed = {} if always is None else {_unused_name(model.named_adapters): always}
    return LmdeployPlan(
        folder=model.loading.folder,
        options=options,
        vision=_options(args, LMDEPLOY_VISION),
        adapters={**model.named_adapters, **unnamed},
        always=next(iter(unnamed), None),
        trust_remote_code=model.loading.trust_remote_code,
    )


def _options(args: object, table: Mapping[str, str]) -> dict[str, Any]:
    """Return the values by the library's names; None leaves a value to the library."""
    values = {theirs: getattr(args, ours) for ours, theirs in table.items()}
    return {name: value for name, value in values.items() if value is not None}


def _one_adapter(model: ServedModel, engine: str) -> str | None:
    if len(model.adapters) < 2:
        return next(iter(model.adapters), None)
    raise UsageError(
        [
            ArgError(
                "adapters",
                f"{engine} puts one adapter on a request, and {len(model.adapters)} are given: "
                + ", ".join(model.adapters),
                "Add --merge_lora true, which folds them into the weights one after the other.",
            )
        ]
    )


def _unused_name(names: Mapping[str, str]) -> str:
    """Return a name for the adapter that has none."""
    name = "default"
    while name in names:
        name += "_"
    return name
