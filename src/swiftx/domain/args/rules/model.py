"""Rules about which model and adapters are loaded, and how."""

from __future__ import annotations

from collections.abc import Sequence

from swiftx.domain.args.archive import checkpoint_dir
from swiftx.domain.args.paths import is_adapter, missing_folder, named_adapter
from swiftx.domain.args.plugins import ARGUMENTS as PLUGINS
from swiftx.domain.args.rule import (
    KEEP,
    Facts,
    Values,
    check,
    normaliser,
    notice,
    override,
    rule,
)
from swiftx.errors import ArgError

_SERVING = ("deploy", "rollout", "app", "eval")
_ONE_LABEL_TASKS = ("reranker",)


ADAPTERS = ("adapters", "ref_adapters", "reward_adapters", "teacher_adapters")
"""The arguments that name adapters."""


@normaliser("model")
def a_local_model_is_an_absolute_path(values: Values, facts: Facts) -> object:
    """So that args.json finds it from any working folder."""
    return facts.storage.absolute(values.model) if facts.storage.is_dir(values.model) else KEEP


@override("model", needs=("train_type", "resume_from_checkpoint", "resume_only_model"))
def full_weights_resume_as_the_model(values: Values, _: Facts) -> object:
    """Rule T20, full training."""
    if values.resume_only_model and values.resume_from_checkpoint and values.train_type == "full":
        return values.resume_from_checkpoint
    return KEEP


@normaliser("adapters")
def local_adapters_are_absolute_paths(values: Values, facts: Facts) -> object:
    """Serving commands may name an adapter: `name=folder` (rule I4)."""
    return tuple(_absolute_adapter(values, facts, text) for text in values.adapters)


@rule("adapters", needs=("train_type", "resume_from_checkpoint", "resume_only_model"))
def adapter_weights_resume_as_the_adapter(values: Values, _: Facts) -> object:
    """Rule T20, adapters."""
    if values.resume_only_model and values.resume_from_checkpoint and values.train_type != "full":
        return (values.resume_from_checkpoint,)
    return KEEP


@normaliser("ckpt_dir")
def the_checkpoint_is_an_absolute_path(values: Values, facts: Facts) -> object:
    return facts.storage.absolute(values.ckpt_dir)


@rule("ckpt_dir", needs=("adapters", "model"))
def the_checkpoint_is_the_folder_with_args_json(values: Values, facts: Facts) -> object:
    """Rule B9."""
    return checkpoint_dir(values.adapters, values.model, None, facts.storage)


@rule("model_type", needs_model=True)
def the_model_type_is_recognised_from_the_folder(_: Values, facts: Facts) -> object:
    """Rule M1; stays None when several types or none match."""
    return facts.model.model_type if facts.model else KEEP


@rule("torch_dtype", needs=("quant_method", "use_cpu"), needs_model=True)
def the_dtype_is_the_stored_one_where_the_device_computes_in_it(
    values: Values, facts: Facts
) -> object:
    """Rules M7 and E3: gptq and awq quantize from float16."""
    if values.command in ("export", "merge-lora") and values.quant_method in (
        "gptq",
        "gptq_v2",
        "awq",
    ):
        return "float16"
    stored = (facts.model.dtype if facts.model else None) or "float32"
    kind = "cpu" if values.use_cpu else facts.device.kind
    native = facts.device.bf16 and kind == facts.device.kind
    half = "bfloat16" if native else "float16"
    if kind == "cpu":
        return "bfloat16" if native and stored == half else "float32"
    if stored == "float32":
        return half if kind in ("cuda", "npu") else stored
    return "float16" if stored == "float16" else half


@override("task_type", needs=("rlhf_type",))
def labels_make_a_classifier(values: Values, facts: Facts) -> object:
    """Rules M19, M22 and R3."""
    if values.rlhf_type == "rm":
        return "seq_cls"
    reward = facts.model is not None and facts.model.is_reward
    if values.given("task_type") is None and reward:
        return "seq_cls"
    labelled = values.given("num_labels") is not None
    return "seq_cls" if labelled and values.task_type == "causal_lm" else KEEP


@rule("num_labels", needs=("task_type", "rlhf_type"))
def scores_have_one_label(values: Values, facts: Facts) -> object:
    """Rules M21, M22 and R3."""
    reward = facts.model is not None and facts.model.is_reward and values.task_type == "seq_cls"
    one = reward or values.rlhf_type == "rm" or values.task_type in _ONE_LABEL_TASKS
    return 1 if one else KEEP


@override("num_labels", needs=("task_type",))
def a_generative_reranker_has_no_labels(values: Values, _: Facts) -> object:
    """Rule M21."""
    return None if values.task_type == "generative_reranker" else KEEP


@rule("problem_type", needs=("task_type", "num_labels"))
def one_label_is_a_regression(values: Values, facts: Facts) -> object:
    """Rule M23."""
    if values.task_type != "seq_cls":
        return KEEP
    reward = facts.model is not None and facts.model.is_reward
    regression = values.num_labels == 1 or reward
    return "regression" if regression else "single_label_classification"


@normaliser("new_special_tokens")
def a_text_file_lists_new_tokens(values: Values, facts: Facts) -> object:
    """Rule M12: a .txt file is split at white space."""
    tokens: list[str] = []
    for token in values.new_special_tokens:
        if token.endswith(".txt") and facts.storage.is_file(token):
            tokens.extend(facts.storage.read_text(token).split())
        else:
            tokens.append(token)
    return tuple(tokens)


@check(
    "model",
    "adapters",
    "load_args",
    "base_url",
    "eval_url",
    "sampler_engine",
    "mcore_model",
    "stage",
)
def there_is_a_model(values: Values, facts: Facts) -> Sequence[ArgError]:
    """Rule B8. A remote service, cached answers, or rows before the template need none."""
    elsewhere = (
        (values.command in ("app", "infer") and values.base_url)
        or values.eval_url
        or values.mcore_model
    )
    modelless = values.sampler_engine == "no" or values.stage == "rows"
    if values.model or elsewhere or modelless:
        return ()
    if any(not facts.storage.is_dir(named_adapter(text).place) for text in values.adapters or ()):
        return ()  # its args.json will name the model once the adapter is fetched
    return [
        ArgError(
            "model",
            "No model is given.",
            "Add --model FOLDER_OR_ID, or --adapters with a checkpoint whose args.json names its model.",
        )
    ]


@check("model", "ref_model", "reward_model", "teacher_model")
def model_folders_exist(values: Values, facts: Facts) -> Sequence[ArgError]:
    """A path that is not there is an error at once, not a download that fails later."""
    named = [("model", values.model), ("ref_model", values.ref_model)]
    named += [("reward_model", text) for text in values.reward_model or ()]
    named.append(("teacher_model", values.teacher_model))
    return [
        ArgError(
            name,
            f"{name}: folder not found: {facts.storage.absolute(text)!r}.",
            "Check the path; a hub id has the form owner/name.",
        )
        for name, text in dict.fromkeys(named)
        if text and missing_folder(text, facts.storage)
    ]


@check(*ADAPTERS, "external_plugins")
def adapter_folders_hold_adapters(values: Values, facts: Facts) -> Sequence[ArgError]:
    """Rules B6 and B7. A plugin may bring a tuner with a layout of its own."""
    errors: list[ArgError] = []
    for name in ADAPTERS:
        for text in getattr(values, name) or ():
            place = named_adapter(text).place if values.command in _SERVING else text
            errors += _adapter_errors(name, place, facts, any_layout=bool(values.external_plugins))
    return errors


@check(*PLUGINS)
def plugin_files_exist(values: Values, facts: Facts) -> Sequence[ArgError]:
    """Rule B21. A checkpoint may remember a plugin of another machine."""
    return [
        ArgError(
            name,
            f"{name}: file not found: {facts.storage.absolute(path)!r}.",
            f"Check the path. Where a checkpoint remembers it, --{name} FILE says where it is now.",
        )
        for name in PLUGINS
        for path in getattr(values, name) or ()
        if not facts.storage.is_file(path)
    ]


@check("model_type", "template", "template_backend", needs_model=True)
def the_model_type_is_unambiguous(values: Values, facts: Facts) -> Sequence[ArgError]:
    """Rule M2. With a chat format chosen, nothing depends on which of the types it is."""
    candidates = facts.model.candidates if facts.model else ()
    is_chosen = values.given("template") or values.template_backend == "jinja"
    if values.model_type or is_chosen or len(candidates) < 2:
        return ()
    return [
        ArgError(
            "model_type",
            f"The model fits several model types: {', '.join(candidates)}.",
            "Add --model_type with one of them, or choose the chat format: --template NAME, or "
            "--template_backend jinja for the chat template that the tokenizer brings.",
        )
    ]


@check("num_labels", "task_type")
def a_classifier_has_labels(values: Values, _: Facts) -> Sequence[ArgError]:
    """Rule M20."""
    if values.task_type != "seq_cls" or values.num_labels is not None:
        return ()
    message = "task_type seq_cls needs the number of classes."
    return [ArgError("num_labels", message, "Add --num_labels N; 1 is a regression.")]


@notice("torch_dtype")
def bfloat16_is_emulated(values: Values, facts: Facts) -> Sequence[str]:
    """Rule M9: allowed here, where the reference refuses."""
    if values.torch_dtype != "bfloat16" or facts.device.bf16:
        return ()
    return ["torch_dtype bfloat16: this device has no bfloat16 arithmetic, so every step is slow."]


def _absolute_adapter(values: Values, facts: Facts, text: str) -> str:
    name, place = named_adapter(text) if values.command in _SERVING else (None, text)
    if facts.storage.is_dir(place):
        place = facts.storage.absolute(place)
    return place if name is None else f"{name}={place}"


def _adapter_errors(name: str, place: str, facts: Facts, *, any_layout: bool) -> list[ArgError]:
    storage = facts.storage
    if not storage.is_dir(place):
        if "/" in place and not missing_folder(place, storage):
            return []  # a hub id
        message = f"{name}: directory not found: {storage.absolute(place)!r}."
        return [ArgError(name, message, "Check the path; a hub id has the form owner/name.")]
    if any_layout or is_adapter(place, storage):
        return []
    message = f"{name}: {storage.absolute(place)!r} holds no adapter (no adapter_config.json)."
    return [ArgError(name, message, "A folder of full weights is given with --model.")]


STEPS = (
    a_local_model_is_an_absolute_path,
    full_weights_resume_as_the_model,
    local_adapters_are_absolute_paths,
    adapter_weights_resume_as_the_adapter,
    the_checkpoint_is_an_absolute_path,
    the_checkpoint_is_the_folder_with_args_json,
    the_model_type_is_recognised_from_the_folder,
    the_dtype_is_the_stored_one_where_the_device_computes_in_it,
    labels_make_a_classifier,
    scores_have_one_label,
    a_generative_reranker_has_no_labels,
    one_label_is_a_regression,
    a_text_file_lists_new_tokens,
)
CHECKS = (
    there_is_a_model,
    model_folders_exist,
    adapter_folders_hold_adapters,
    plugin_files_exist,
    the_model_type_is_unambiguous,
    a_classifier_has_labels,
)
NOTICES = (bfloat16_is_emulated,)
