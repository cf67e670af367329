"""Rules about which model and adapters are loaded, and how."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from swiftx.domain.args.archive import checkpoint_dir
from swiftx.domain.args.coerce import one_of
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
_ORIGINAL = "original_max_position_embeddings"
_ROPE_TYPES = ("linear", "dynamic", "yarn")


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


@normaliser("rope_scaling", needs_model=True)
def rope_scaling_states_its_factor(values: Values, facts: Facts) -> object:
    """Rules M13, M14 and M15: a type becomes the factor that reaches max_model_len."""
    asked = values.rope_scaling
    rope: dict[str, Any] = {"type": asked} if isinstance(asked, str) else dict(asked)
    wanted = values.given("max_model_len")
    if "factor" not in rope and wanted is None:
        return rope
    original = rope.get(_ORIGINAL) or _original_length(facts)
    if original is None:
        return rope
    return _with_factor(rope, original=original, wanted=wanted)


@rule("rope_scaling", needs_model=True)
def scaled_rope_of_the_model_reaches_the_new_length(values: Values, facts: Facts) -> object:
    """Rule M16: the factor in config.json is computed anew."""
    wanted = values.given("max_model_len")
    rope = dict(_config_rope(facts))
    original = _original_length(facts)
    if wanted is None or not rope or original is None:
        return KEEP
    rope.pop("factor", None)
    return _with_factor(rope, original=original, wanted=wanted)


@rule("max_model_len", needs=("rope_scaling",))
def scaled_rope_sets_the_length(values: Values, _: Facts) -> object:
    """Rule M15."""
    factor, original = (_positive(values.rope_scaling, key) for key in ("factor", _ORIGINAL))
    return int(original * factor) if factor and original else KEEP


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


@check("rope_scaling")
def rope_scaling_is_of_a_known_kind(values: Values, _: Facts) -> Sequence[ArgError]:
    asked = values.rope_scaling
    if isinstance(asked, str) and asked not in _ROPE_TYPES:
        message = f"rope_scaling: unknown type {asked!r}."
        return [ArgError("rope_scaling", message, one_of(asked, _ROPE_TYPES))]
    wrong = [
        key for key in ("factor", _ORIGINAL) if _stated(asked, key) and not _positive(asked, key)
    ]
    hint = 'For example {"type": "yarn", "factor": 2.0}.'
    return [
        ArgError(
            "rope_scaling", f"rope_scaling: {key} {asked[key]!r} is not a positive number.", hint
        )
        for key in wrong
    ]


@check("rope_scaling")
def rope_scaling_can_be_computed(values: Values, _: Facts) -> Sequence[ArgError]:
    """A linear or yarn factor cannot be guessed."""
    asked = values.rope_scaling
    kind = asked.get("type", asked.get("rope_type")) if isinstance(asked, Mapping) else asked
    known = _stated(asked, "factor") or values.given("max_model_len") is not None
    if kind not in ("linear", "yarn") or known:
        return ()
    hint = "Add --max_model_len TOKENS, or write the factor in JSON."
    return [ArgError("rope_scaling", f"rope_scaling {kind} needs a factor.", hint)]


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


def _with_factor(rope: dict[str, Any], *, original: int, wanted: int | None) -> dict[str, Any]:
    rope[_ORIGINAL] = original
    if "factor" not in rope and wanted is not None:
        rope["factor"] = max(float(math.ceil(wanted / original)), 1.0)
    return rope


def _stated(rope: object, key: str) -> bool:
    return isinstance(rope, Mapping) and key in rope


def _positive(rope: object, key: str) -> float | None:
    value = rope.get(key) if isinstance(rope, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 < value < math.inf else None


def _config_rope(facts: Facts) -> Mapping[str, Any]:
    """Return the scaling of config.json; empty when positions are not scaled."""
    config = facts.model.config if facts.model else {}
    text = config.get("text_config") or config
    rope = text.get("rope_scaling") or text.get("rope_parameters") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    return {} if kind == "default" else rope


def _original_length(facts: Facts) -> int | None:
    """Return the length in tokens before any scaling."""
    rope = _config_rope(facts)
    longest = facts.model.max_model_len if facts.model else None
    original, factor = (_positive(rope, key) for key in (_ORIGINAL, "factor"))
    if original:
        return int(original)
    return int(longest // factor) if longest and factor else longest


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
    rope_scaling_states_its_factor,
    scaled_rope_of_the_model_reaches_the_new_length,
    scaled_rope_sets_the_length,
    a_text_file_lists_new_tokens,
)
CHECKS = (
    there_is_a_model,
    model_folders_exist,
    adapter_folders_hold_adapters,
    plugin_files_exist,
    the_model_type_is_unambiguous,
    a_classifier_has_labels,
    rope_scaling_is_of_a_known_kind,
    rope_scaling_can_be_computed,
)
NOTICES = (bfloat16_is_emulated,)
