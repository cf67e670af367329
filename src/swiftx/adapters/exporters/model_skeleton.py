"""The model class without its weights: asked only where names or shapes on disk do not say enough."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from swiftx.errors import BackendError

_AUTO_CLASSES = {
    "seq_cls": "AutoModelForSequenceClassification",
    "reranker": "AutoModelForSequenceClassification",
    "embedding": "AutoModel",
}
"""Where the task decides on the class, and not config.json."""


class StoredPart(NamedTuple):
    """One tensor of a checkpoint that becomes (part of) a parameter when it is loaded.

    Attributes:
        name: Name in the checkpoint.
        pattern: The conversion's source pattern that matched; None when the tensor is only renamed.
    """

    name: str
    pattern: str | None


class Conversion(NamedTuple):
    """How several stored tensors become one parameter: operations by class name and axis."""

    sources: tuple[str, ...]
    operations: tuple[tuple[str, int | None], ...]


class ModelSkeleton:
    """A model of a folder's config.json on the meta device.

    transformers is imported here and the class is built only when a question needs it.

    Args:
        folder: Of the model.
        task: Decides on the class, as in `LoadPlan`.
    """

    def __init__(self, folder: Path, task: str = "causal_lm") -> None:
        self._folder = folder
        self._task = task

    @property
    def architecture(self) -> str:
        """The name of the class."""
        return type(self._model).__name__

    def unused(self, names: list[str]) -> list[str]:
        """Return the checkpoint tensors that the class does not load."""
        state = self._model.state_dict()
        return [
            part.name
            for parameter, parts in self.stored_parts(names).items()
            if parameter not in state
            for part in parts
        ]

    def parameters_of(self, module: str) -> list[str]:
        """Return the names of the parameters directly in a module, in the order of their definition."""
        try:
            owner = self._model.get_submodule(module)
        except AttributeError as error:
            raise BackendError(
                f"The adapter changes {module!r}, which {self._folder} does not have."
            ) from error
        return [name for name, _ in owner.named_parameters(recurse=False)]

    def stores_experts_transposed(self, module: str) -> bool:
        """Whether the module's expert stacks are (E, in, out) rather than (E, out, in)."""
        return bool(getattr(self._model.get_submodule(module), "is_transposed", False))

    def shape(self, parameter: str) -> tuple[int, ...]:
        return tuple(self._model.get_parameter(parameter).shape)

    def tied_head(self) -> tuple[str, str] | None:
        """Return (output head, input embedding) parameter names when they share one tensor, else None."""
        if not getattr(self._model.config.get_text_config(), "tie_word_embeddings", False):
            return None
        tied = getattr(self._model, "_tied_weights_keys", None)
        pairs = tied.items() if isinstance(tied, dict) else ()
        embedding = self._model.get_input_embeddings()
        names = [name for name, module in self._model.named_modules() if module is embedding]
        return next(
            ((head, source) for head, source in pairs if source.removesuffix(".weight") in names),
            None,
        )

    def conversion(self, pattern: str) -> Conversion:
        """Return the conversion that a source pattern belongs to."""
        for converter in self._converters:
            if pattern in converter.source_patterns:
                return Conversion(
                    tuple(converter.source_patterns),
                    tuple(
                        (type(operation).__name__, getattr(operation, "dim", None))
                        for operation in converter.operations
                    ),
                )
        raise KeyError(pattern)

    def stored_parts(self, names: list[str]) -> dict[str, list[StoredPart]]:
        """Return the checkpoint tensors behind each parameter of the model."""
        from transformers.core_model_loading import rename_source_key

        state = self._model.state_dict()
        parts: dict[str, list[StoredPart]] = {}
        for name in names:
            parameter, pattern = rename_source_key(
                name, self._renamings, self._converters, self._model.base_model_prefix, state
            )
            parts.setdefault(parameter, []).append(StoredPart(name, pattern))
        return parts

    @cached_property
    def _model(self) -> Any:
        import torch
        import transformers

        try:
            config = transformers.AutoConfig.from_pretrained(str(self._folder))
            name = (config.architectures or [""])[0]
            kind = getattr(transformers, name, transformers.AutoModelForCausalLM)
            kind = getattr(transformers, _AUTO_CLASSES.get(self._task, ""), kind)
            # A bare backbone on disk is loaded with a head, so its adapters name parameters with it.
            bare = name.endswith("Model") and self._task not in _AUTO_CLASSES
            if bare and type(config) in transformers.MODEL_FOR_CAUSAL_LM_MAPPING:
                kind = transformers.AutoModelForCausalLM
            make = getattr(kind, "from_config", None) or kind._from_config
            with torch.device("meta"):
                return make(config)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BackendError(
                f"{self._folder}: transformers cannot build this model: {error}"
            ) from error

    @cached_property
    def _mapping(self) -> list[Any]:
        from transformers.conversion_mapping import get_model_conversion_mapping

        return list(get_model_conversion_mapping(self._model))

    @property
    def _converters(self) -> list[Any]:
        return [transform for transform in self._mapping if hasattr(transform, "operations")]

    @property
    def _renamings(self) -> list[Any]:
        return [transform for transform in self._mapping if not hasattr(transform, "operations")]
