"""Rules about answering: where results go, servers, the chat page, evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from swiftx.domain.args.paths import joined, suffix_of
from swiftx.domain.args.rule import KEEP, Facts, Values, check, normaliser, rule
from swiftx.errors import ArgError

_CHAT_ENDPOINT = "/chat/completions"


@rule("result_path", needs=("ckpt_dir", "model", "eval_output_dir", "base_url"))
def results_lie_beside_the_checkpoint(values: Values, facts: Facts) -> object:
    """Rules I1 and I10."""
    if values.command == "eval":
        return joined(values.eval_output_dir, "eval_result.jsonl")
    if values.ckpt_dir is None and values.model is None and values.base_url is None:
        return KEEP
    folder = values.ckpt_dir or f"result/{suffix_of(values.model or 'service')}"
    kind = "infer_result" if values.command == "infer" else "deploy_result"
    return facts.storage.absolute(joined(folder, kind, f"{facts.now:%Y%m%d-%H%M%S}.jsonl"))


@normaliser("result_path")
def the_result_path_is_absolute(values: Values, facts: Facts) -> object:
    return facts.storage.absolute(values.result_path)


@rule("vllm_use_async_engine", needs=("multi_turn_scheduler",), commands=("rollout",))
def several_turns_are_answered_side_by_side(values: Values, _: Facts) -> object:
    """Rule I6."""
    return values.multi_turn_scheduler is not None


@rule("is_multimodal", needs_model=True, commands=("app",))
def the_page_shows_media_where_the_model_sees_them(_: Values, facts: Facts) -> object:
    """Rule I8."""
    return facts.model is not None and facts.model.is_multimodal


@normaliser("eval_url")
def the_evaluated_service_is_its_base_address(values: Values, _: Facts) -> object:
    """Rule I10."""
    return values.eval_url.rstrip("/").removesuffix(_CHAT_ENDPOINT)


@normaliser("eval_output_dir")
def the_evaluation_folder_is_absolute(values: Values, facts: Facts) -> object:
    """Rule I10."""
    return facts.storage.absolute(values.eval_output_dir)


@check(
    "vllm_data_parallel_size",
    "vllm_tensor_parallel_size",
    "vllm_pipeline_parallel_size",
    "vllm_reasoning_parser",
    commands=("rollout",),
)
def a_rollout_server_fits_its_devices(values: Values, facts: Facts) -> Sequence[ArgError]:
    """Rule I7."""
    errors: list[ArgError] = []
    if values.vllm_pipeline_parallel_size > 1:
        message = "rollout cannot distribute layers (vllm_pipeline_parallel_size)."
        errors.append(ArgError("vllm_pipeline_parallel_size", message, "Set it to 1."))
    if values.vllm_reasoning_parser is not None:
        message = "rollout returns answers whole; vllm_reasoning_parser would take them apart."
        errors.append(ArgError("vllm_reasoning_parser", message, "Leave it out."))
    needed = values.vllm_data_parallel_size * values.vllm_tensor_parallel_size
    found = 0 if facts.device.kind == "cpu" else facts.device.count
    if needed > found:
        message = f"rollout needs {needed} accelerators (data × tensor parallel); this machine has {found}."
        hint = "Lower --vllm_data_parallel_size or --vllm_tensor_parallel_size."
        errors.append(ArgError("vllm_data_parallel_size", message, hint if found else None))
    return errors


STEPS = (
    results_lie_beside_the_checkpoint,
    the_result_path_is_absolute,
    several_turns_are_answered_side_by_side,
    the_page_shows_media_where_the_model_sees_them,
    the_evaluated_service_is_its_base_address,
    the_evaluation_folder_is_absolute,
)
CHECKS = (a_rollout_server_fits_its_devices,)
