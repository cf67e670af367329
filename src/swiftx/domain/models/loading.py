"""Model arguments → how the model is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from swiftx.domain.args.groups.model import ModelArgs
from swiftx.domain.plans.facts import DeviceFacts, ModelFacts
from swiftx.domain.plans.loading import LoadPlan, QuantizationPlan

_FLASH_ATTENTION = {"flash_attn": "flash_attention_2"}
_DEFAULT_DTYPE = "float32"


def load_plan(
    args: ModelArgs,
    model: ModelFacts,
    device: DeviceFacts,
    *,
    world_size: int = 1,
    trust_remote_code: bool = False,
    new_head_seed: int | None = None,
    quantization: QuantizationPlan | None = None,
) -> LoadPlan:
    """Return the plan of resolved model arguments.

    Args:
        args: Resolved arguments.
        model: What the model's folder says.
        device: Where it goes.
        world_size: Processes of the run. One process alone spreads the model over all devices of the
            machine, where nobody says otherwise; several have a device each.
        trust_remote_code: Whether code of the model folder may run.
        new_head_seed: Seeds a head that the folder lacks; None refuses to make one.
        quantization: How the weights are quantized on loading.
    """
    spread = device.kind in {"cuda", "npu"} and device.count > 1 and world_size == 1
    return LoadPlan(
        folder=model.folder,
        dtype=args.torch_dtype or model.dtype or _DEFAULT_DTYPE,
        device=device.kind,
        attn_impl=_FLASH_ATTENTION.get(args.attn_impl or "", args.attn_impl),
        device_map=args.device_map or ("auto" if spread else None),
        max_memory=args.max_memory,
        rope_scaling=args.rope_scaling if isinstance(args.rope_scaling, Mapping) else None,
        max_model_len=args.max_model_len,
        new_special_tokens=args.new_special_tokens,
        trust_remote_code=trust_remote_code,
        task=args.task_type,
        num_labels=args.num_labels,
        problem_type=args.problem_type,
        new_head_seed=new_head_seed,
        init_strategy=args.init_strategy,
        quantization=quantization,
    )
