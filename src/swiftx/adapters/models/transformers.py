"""The `ModelLoader` port over transformers: a folder becomes a model for its task on its device."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError, safe_open
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
)
from transformers.utils import logging

from swiftx.adapters.models.filling import fill
from swiftx.adapters.models.pooled import HEADS
from swiftx.adapters.models.quantized import (
    config_for,
    finish,
    refusals_of_methods,
    require_library,
)
from swiftx.adapters.tokenizers.huggingface import HuggingFaceTokenizer, load_tokenizer
from swiftx.domain.plans.loading import LoadPlan, ModelHandle
from swiftx.domain.ports.model import Loaded
from swiftx.errors import BackendError, NotFound

_DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
}

_EMBEDDING_MULTIPLE = 128
"""Resized embeddings have a multiple of this many rows: matrix kernels are fastest there."""

_NEW_ROWS_SEED = 42

_NAMES_SHOWN = 5

_CLASSES = {
    "causal_lm": AutoModelForCausalLM,
    "generative_reranker": AutoModelForCausalLM,
    "seq_cls": AutoModelForSequenceClassification,
    "reranker": AutoModelForSequenceClassification,
    "embedding": AutoModel,
}
"""What loads a model for a task."""

_NOT_READ = {"embedding": ("pooler",)}
"""Modules whose output a task does not look at, so that they may be missing."""


class TransformersLoader:
    """Loads models of transformers' Auto classes.

    Args:
        local_rank: Number of the device that this process uses, when the plan says only its kind.
        say: Gets a line of notice for the user.
    """

    def __init__(self, *, local_rank: int = 0, say: Callable[[str], None] = lambda _: None) -> None:
        self._local_rank = local_rank
        self._say = say
        self._last: tuple[LoadPlan, HuggingFaceTokenizer] | None = None

    def tokenizer(self, plan: LoadPlan) -> HuggingFaceTokenizer:
        """Return the tokenizer; the last one is kept, for `load` wants it again and reading it is slow."""
        if self._last is None or self._last[0] != plan:
            tokenizer = load_tokenizer(
                plan.folder,
                trust_remote_code=plan.trust_remote_code,
                new_special_tokens=plan.new_special_tokens,
                say=self._say,
            )
            self._last = plan, tokenizer
        return self._last[1]

    def load(self, plan: LoadPlan) -> Loaded:
        """Return the model in evaluation mode on its device, with its tokenizer.

        Raises:
            NotFound: The folder has no weights, or not all of them.
            BackendError: The library refused; the message says which file or setting.
            MissingDependency: The library that quantizes the weights is absent.
        """
        if plan.quantization is not None:
            require_library(plan.quantization)
        tokenizer = self.tokenizer(plan)
        with _quiet(), refusals_of_methods(plan.quantization):
            model = self._model(plan, _config(plan, tokenizer))
            if plan.new_special_tokens:
                _make_room(model, len(tokenizer.raw))
            if plan.quantization is not None:
                finish(model, plan.quantization)
        return Loaded(ModelHandle(model.eval()), tokenizer)

    def skeleton(self, plan: LoadPlan) -> ModelHandle:
        """Return the model of a folder's configuration, on torch's meta device: shapes and no numbers.

        Attention is `eager` where the plan says so, else whatever the model has that needs no library.
        """
        tokenizer = self.tokenizer(plan)
        eager = "eager" if plan.attn_impl == "eager" else None
        with _quiet(), torch.device("meta"):
            try:
                model = _CLASSES[plan.task].from_config(
                    _config(plan, tokenizer),
                    dtype=_DTYPES[plan.dtype],
                    attn_implementation=eager,
                    trust_remote_code=plan.trust_remote_code,
                )
            except (ImportError, OSError, ValueError, KeyError, RuntimeError) as error:
                _translate(error, plan)
            if plan.new_special_tokens:
                _make_room(model, len(tokenizer.raw))
        return ModelHandle(model.eval())

    def _model(self, plan: LoadPlan, config: Any) -> Any:
        if plan.new_head_seed is not None:
            torch.manual_seed(plan.new_head_seed)
        try:
            model, loading = _CLASSES[plan.task].from_pretrained(
                plan.folder,
                config=config,
                dtype=_DTYPES[plan.dtype],
                attn_implementation=plan.attn_impl,
                device_map=self._device_map(plan),
                max_memory=None if plan.max_memory is None else dict(plan.max_memory),
                trust_remote_code=plan.trust_remote_code,
                quantization_config=None
                if plan.quantization is None
                else config_for(plan.quantization),
                local_files_only=True,
                ignore_mismatched_sizes=True,  # so that _check_whole can name them
                output_loading_info=True,
            )
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise _out_of_memory(plan, error) from error
        except (ImportError, OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            _translate(error, plan)
        if plan.init_strategy is not None:
            fill(model, loading.pop("missing_keys", ()), plan.init_strategy)
        _check_whole(loading, plan)
        return model

    def _device_map(self, plan: LoadPlan) -> Any:
        if plan.device_map is not None:
            return plan.device_map if isinstance(plan.device_map, str) else dict(plan.device_map)
        if plan.device == "cpu":
            return None
        # Weights go from the file to the device; loading first and moving then would hold them twice.
        numbered = plan.device in ("cuda", "npu")
        return {"": f"{plan.device}:{self._local_rank}" if numbered else plan.device}


def _config(plan: LoadPlan, tokenizer: HuggingFaceTokenizer) -> Any:
    """Read config.json and apply the plan's overrides of lengths, positions and classes."""
    try:
        config = AutoConfig.from_pretrained(
            plan.folder, trust_remote_code=plan.trust_remote_code, local_files_only=True
        )
        text = config.get_text_config()
        if plan.max_model_len is not None:
            text.max_position_embeddings = plan.max_model_len
        if plan.rope_scaling is not None:
            text.rope_parameters = _rope_parameters(text, plan.rope_scaling)
            text.standardize_rope_params()
            text.validate_rope()
        if _CLASSES[plan.task] is AutoModelForSequenceClassification:
            _say_classes(config, plan, tokenizer)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _translate(error, plan)
    return config


def _say_classes(config: Any, plan: LoadPlan, tokenizer: HuggingFaceTokenizer) -> None:
    """Write into a configuration what the head has to know, also when the saved model is loaded elsewhere."""
    if plan.num_labels is not None and config.num_labels != plan.num_labels:
        config.num_labels = plan.num_labels
    if plan.problem_type is not None:
        config.problem_type = plan.problem_type
    if config.get_text_config().pad_token_id is None:
        padding = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
        config.get_text_config().pad_token_id = next(each for each in padding if each is not None)


def _rope_parameters(text: Any, scaling: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scaling under the library's names, with the base frequency that the model has."""
    own = getattr(text, "rope_parameters", None) or {}
    kept = {name: own[name] for name in ("rope_theta", "partial_rotary_factor") if name in own}
    given = dict(scaling)
    kind = given.pop("type", None) or given.pop("rope_type", "default")
    return {**kept, **given, "rope_type": kind}


def _make_room(model: Any, vocabulary: int) -> None:
    """Widen the embeddings when the vocabulary has outgrown them; never narrow them."""
    if model.get_input_embeddings().num_embeddings < vocabulary:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(
                _NEW_ROWS_SEED
            )  # an adapter finds the rows that it was trained beside
            model.resize_token_embeddings(vocabulary, pad_to_multiple_of=_EMBEDDING_MULTIPLE)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's remarks away; its progress bar stays where a person can see it."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _check_whole(loading: Mapping[str, Any], plan: LoadPlan) -> None:
    """Refuse what the library only remarks on: parameters that it made up, for the files lack them."""
    new = () if plan.new_head_seed is None else HEADS

    def wrong(names: Iterable[str]) -> list[str]:
        allowed = (*new, *_NOT_READ.get(plan.task, ()))
        return sorted(name for name in names if name.partition(".")[0] not in allowed)

    missing = wrong(loading.get("missing_keys", ()))
    mismatched = wrong(name for name, *_shapes in loading.get("mismatched_keys", ()))
    if not missing and not mismatched:
        return
    names = ", ".join((missing + mismatched)[:_NAMES_SHOWN])
    if all(name.partition(".")[0] in HEADS for name in missing + mismatched):
        raise BackendError(
            f"the model in {plan.folder!r} has no head for {plan.task} ({names}).",
            hint="train one (swiftx sft --task_type …), or name the --adapters that hold it",
        )
    raise BackendError(
        f"the weights in {plan.folder!r} do not fit its config.json: "
        f"{len(missing)} parameters are missing, {len(mismatched)} have another shape ({names} …).",
        hint="check that config.json belongs to these weights and that no file is left out",
    )


def _out_of_memory(plan: LoadPlan, error: BaseException) -> BackendError:
    return BackendError(
        f"not enough memory on {plan.device!r} for {plan.folder!r} in {plan.dtype}: {error}",
        hint="try --torch_dtype bfloat16, a smaller model, or --device_map auto",
    )


def _translate(error: Exception, plan: LoadPlan) -> NoReturn:
    """Say which file or setting the library stumbled over."""
    text = str(error)
    if "allocate memory" in text or "out of memory" in text:
        raise _out_of_memory(plan, error) from error
    if "trust_remote_code" in text:
        raise BackendError(
            f"the model in {plan.folder!r} comes with its own code, which may not run.",
            hint="if you trust it, add --trust_remote_code true",
        ) from error
    if broken := _broken_file(plan.folder):
        raise BackendError(
            f"{broken!r} is damaged or cut off: {text}", hint="download or copy that file again"
        ) from error
    if isinstance(error, OSError):
        raise NotFound(
            f"{plan.folder!r} does not hold a whole model: {text}",
            hint="it needs config.json and all its weight files (model.safetensors …)",
        ) from error
    if plan.attn_impl and ("attn" in text.lower() or "attention" in text.lower()):
        raise BackendError(
            f"attention {plan.attn_impl!r} does not work with this model here: {text}",
            hint="--attn_impl sdpa works everywhere",
        ) from error
    if plan.rope_scaling is not None and ("rope" in text.lower() or isinstance(error, KeyError)):
        raise BackendError(
            f"rope_scaling {dict(plan.rope_scaling)!r} does not work with this model: {text}",
            hint="give type and factor as JSON, or a type together with --max_model_len",
        ) from error
    raise BackendError(f"cannot load {plan.folder!r}: {text}") from error


def _broken_file(folder: str) -> str | None:
    """Return the first weight file whose header does not agree with its length."""
    for path in sorted(Path(folder).glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt"):
                pass
        except (SafetensorError, OSError):
            return str(path)
    return None
