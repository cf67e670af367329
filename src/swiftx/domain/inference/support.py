"""Which arguments `infer` acts on today. Nothing that a user gives is ignored without a word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from swiftx.domain.args.spec import specs_of
from swiftx.domain.inference.engine_options import ENGINE_ARGUMENTS, VLLM_IDLE
from swiftx.errors import NotBuiltYet

_TYPED = frozenset({"cli", "env", "config"})
_STORED = frozenset({"args.json"})


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set of names."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Where every argument of a command stands.

    Attributes:
        runs: Done as asked.
        only: Done for the values for which the function is true, refused for the others.
        not_built: Refused when given with another value than the default.
        no_effect: Without meaning for what the command can do; named in a warning.
        no_effect_prefixes: The same for all names that begin so.
    """

    runs: frozenset[str]
    not_built: frozenset[str]
    no_effect: frozenset[str]
    only: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    no_effect_prefixes: tuple[str, ...] = ()

    def refuse_unbuilt(self, args: object, origin: Mapping[str, str], *, doing: str) -> None:
        """Raise when something was asked for that is not built yet.

        Args:
            origin: By argument: where its value comes from.
            doing: What the command does, for the message: `answering`.

        Raises:
            NotBuiltYet: Names every such argument with its value.
        """
        refused = [
            f"--{name} {_shown(value)}"
            for name, value in _given(args, origin, _TYPED | _STORED).items()
            if name in self.not_built or (name in self.only and not self.only[name](value))
        ]
        if refused:
            raise NotBuiltYet(
                f"The arguments are right, but {doing} with these is not built yet: {', '.join(refused)}.",
                hint="Leave them out.",
            )

    def ineffective(self, args: object, origin: Mapping[str, str]) -> tuple[str, ...]:
        """Return the names of the arguments that somebody typed and that change nothing."""
        return tuple(
            name
            for name in _given(args, origin, _TYPED)
            if name in self.no_effect or name.startswith(self.no_effect_prefixes)
        )


def _given(args: object, origin: Mapping[str, str], sources: frozenset[str]) -> dict[str, Any]:
    """Return what was given by one of these sources, where it differs from the declared default."""
    return {
        name: value
        for name, spec in specs_of(type(args)).items()
        if origin.get(name) in sources and (value := getattr(args, name)) != spec.default
    }


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


LOADING = words(
    "train_type adapters ckpt_dir seed load_args load_data_args use_hf hub_token trust_remote_code "
    "ignore_args_error use_swift_lora model model_type model_revision torch_dtype attn_impl "
    "new_special_tokens rope_scaling max_model_len device_map max_memory "
    "external_plugins custom_register_path"
)
"""Arguments about models that are loaded, the same for every command."""

QUANTIZATION = words(
    "quant_method quant_bits hqq_axis bnb_4bit_compute_dtype bnb_4bit_quant_type "
    "bnb_4bit_use_double_quant bnb_4bit_quant_storage"
)
"""Arguments about weights that are quantized on loading."""

_DATA = words(
    "dataset val_dataset split_dataset_ratio data_seed dataset_shuffle val_dataset_shuffle "
    "interleave_prob stopping_strategy download_mode columns strict remove_unused_columns "
    "model_name model_author custom_dataset_info"
)
_TEMPLATE = words(
    "template system max_length truncation_strategy agent_template use_chat_template "
    "response_prefix template_backend sanitize_control_tokens"
)
_GENERATION = words(
    "max_new_tokens temperature top_k top_p repetition_penalty num_beams stream stop_words logprobs "
    "top_logprobs max_batch_size result_path write_batch_size metric val_dataset_sample"
)

INFER = Support(
    runs=LOADING
    | _DATA
    | _TEMPLATE
    | _GENERATION
    | QUANTIZATION
    | words("init_strategy merge_lora safe_serialization max_shard_size"),
    only={
        "infer_backend": lambda value: value in {"pt", "vllm"},
        "task_type": lambda value: value == "causal_lm",
        "tuner_backend": lambda value: value == "peft",
    },
    not_built=words("num_labels problem_type streaming cached_dataset"),
    no_effect=words(
        # of multimodal models
        "max_pixels norm_bbox model_kwargs local_repo_path "
        # of training, or of something that is refused itself
        "packing packing_length lazy_tokenize padding_free padding_side loss_scale reranker_use_activation "
        "sequence_parallel_size shuffle_buffer_size ddp_timeout ddp_backend "
        # speed that is not there yet
        "dataset_num_proc load_from_cache_file"
    ),
    no_effect_prefixes=("vllm_", "sglang_", "lmdeploy_"),
)
"""With the engine `pt`."""

_OF_LOADING_HERE = words("attn_impl device_map max_memory max_batch_size")
"""What the other engines decide themselves."""

_OF_THIS_MODEL_CLASS = words(
    "new_special_tokens rope_scaling init_strategy quant_method quant_bits"
)
"""What changes the model itself after its files are read."""

_DETAILS = QUANTIZATION - _OF_THIS_MODEL_CLASS
"""Say something about what is refused itself."""


def infer_support(backend: str) -> Support:
    """Return where the arguments of `infer` stand with this engine."""
    if backend == "pt":
        return INFER
    own = ENGINE_ARGUMENTS[backend]
    return replace(
        INFER,
        runs=(INFER.runs | own)
        - _OF_LOADING_HERE
        - _OF_THIS_MODEL_CLASS
        - _DETAILS
        - {"num_beams"},
        only={**INFER.only, "num_beams": lambda value: value == 1},
        not_built=INFER.not_built | _OF_THIS_MODEL_CLASS,
        no_effect=INFER.no_effect | _OF_LOADING_HERE | _DETAILS | (_ENGINE_ARGUMENTS - own),
        no_effect_prefixes=(),
    )


_ENGINE_ARGUMENTS = frozenset().union(*ENGINE_ARGUMENTS.values()) | VLLM_IDLE


_OF_THE_RUN = words(
    "max_batch_size write_batch_size result_path metric stream device_map max_memory hub_token api_key "
    "dataset val_dataset split_dataset_ratio data_seed dataset_shuffle val_dataset_shuffle "
    "val_dataset_sample load_args load_data_args ignore_args_error"
)
"""What does not decide an answer; rows count by what is in them."""


def settings_of(args: object) -> dict[str, Any]:
    """Return, by argument, what decides the answers to rows."""
    return {
        name: getattr(args, name)
        for name in sorted(specs_of(type(args)))
        if name in INFER.runs | INFER.only.keys() | OF_TASKS | {"base_url"}
        and name not in _OF_THE_RUN
    }


OF_TASKS = words("task_type num_labels problem_type reranker_use_activation")
"""What decides what the numbers of a model mean."""

OF_TEXT = words(
    "max_new_tokens temperature top_k top_p repetition_penalty num_beams stop_words response_prefix"
)
"""What only generated text has a use for."""


def of_numbers(base: Support, *, idle: frozenset[str] = frozenset()) -> Support:
    """Return where the arguments of a command stand with a model that answers with numbers.

    Args:
        base: Where they stand with text and `pt`.
        idle: Of the command, what only text has a use for.
    """
    idle = idle | OF_TEXT
    return replace(
        base,
        runs=(base.runs - idle) | OF_TASKS,
        only={
            "infer_backend": lambda value: value == "pt",
            "tuner_backend": lambda value: value == "peft",
        },
        not_built=base.not_built - OF_TASKS,
        no_effect=(base.no_effect - OF_TASKS) | idle,
    )


def judging_support() -> Support:
    """Return where the arguments of `infer` stand with a model that answers with numbers."""
    base = answering_support("pt", elsewhere=False)
    return of_numbers(base, idle=words("logprobs top_logprobs base_url"))


def answering_support(backend: str, *, elsewhere: bool) -> Support:
    """Return where the arguments of the command `infer` stand.

    Args:
        elsewhere: Whether a service answers (`--base_url`).
    """
    if elsewhere:
        return _ELSEWHERE
    support = infer_support(backend)
    return replace(
        support,
        runs=support.runs | {"base_url"},
        no_effect=support.no_effect | {"api_key"},
    )


_RUNS_ELSEWHERE = (_DATA | _GENERATION) - {"num_beams"} | words(
    "base_url api_key model system seed use_hf hub_token ckpt_dir load_args load_data_args "
    "ignore_args_error external_plugins custom_register_path"
)
_ONLY_ELSEWHERE: Mapping[str, Callable[[Any], bool]] = {
    "num_beams": lambda value: value == 1,
    "task_type": lambda value: value == "causal_lm",
    "use_chat_template": lambda value: value is True,
}
_UNBUILT_ELSEWHERE = words("streaming cached_dataset")
_ALL = INFER.runs | INFER.only.keys() | INFER.not_built | INFER.no_effect | _ENGINE_ARGUMENTS

_ELSEWHERE = Support(
    runs=_RUNS_ELSEWHERE,
    only=_ONLY_ELSEWHERE,
    not_built=_UNBUILT_ELSEWHERE,
    no_effect=_ALL - _RUNS_ELSEWHERE - _ONLY_ELSEWHERE.keys() - _UNBUILT_ELSEWHERE,
)
"""The service has loaded its model, and makes the prompts."""
