"""Adapters that requests ask for by name, all on one model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from peft import PeftModel, PromptLearningConfig
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

from swiftx.adapters.models.lora_files import CONFIG, adapter_dtype, cast_adapters, is_adapter
from swiftx.adapters.models.own_adapters import read_settings
from swiftx.errors import ArgError, BackendError, UsageError


class NamedAdapters:
    """Puts adapters on a model, and lets one of them work at a time.

    Args:
        model: The library's model, or PEFT's around it with the adapter that works without a name.
        folders: By name.

    Attributes:
        model: The model with all of them.
        names: What requests may ask for.

    Raises:
        BackendError: An adapter does not fit the model.
    """

    def __init__(self, model: Any, folders: Mapping[str, str]) -> None:
        self._always = model.active_adapter if isinstance(model, PeftModel) else None
        # Names of modules must not have dots in them, as names of models may.
        self._inside = {name: f"named_{number}" for number, name in enumerate(folders)}
        for name, folder in folders.items():
            model = _with_adapter(model, self._inside[name], folder)
        self.model = model
        self.names = tuple(folders)
        self._active: str | None = None
        if folders:
            self._switch(self._always)

    def activate(self, name: str | None) -> None:
        """Let the next passes go through this adapter; None is the model as it was given."""
        if name != self._active:
            self._switch(self._always if name is None else self._inside[name])
            self._active = name

    def _switch(self, inside: str | None) -> None:
        if inside is None:
            self.model.base_model.disable_adapter_layers()
        else:
            self.model.base_model.enable_adapter_layers()
            self.model.set_adapter(inside, inference_mode=True)


def refuse_unservable(named: Mapping[str, str], always: Sequence[str]) -> None:
    """Refuse adapters that cannot stand side by side, before a model is loaded for them.

    Args:
        named: Folders by the name that requests ask for.
        always: Folders of those that work without a name.

    Raises:
        UsageError: With all that is wrong.
    """
    kinds = {folder: _kind(folder) for folder in (*named.values(), *always)}
    problems = [
        ArgError(
            "adapters",
            f"The adapter {name!r} ({folder}) {problem}.",
            "Give it without a name, or merge it into the model.",
        )
        for name, folder in named.items()
        if (problem := _problem(kinds[folder])) is not None
    ]
    together = {kinds[folder] for folder in (*named.values(), *always[-1:])}
    if named and not problems and len(together) > 1:
        problems.append(
            ArgError(
                "adapters",
                f"Adapters of different methods cannot be served together: {', '.join(sorted(together))}.",
                "Serve them apart, or merge all but one kind into the model.",
            )
        )
    if problems:
        raise UsageError(problems)


def _kind(folder: str) -> str:
    """Return the method of an adapter: the tuner's name or PEFT's; empty when there is none."""
    if not is_adapter(folder):
        return ""
    own = read_settings(folder)
    if own is not None:
        return own[0]
    return str(json.loads(Path(folder, CONFIG).read_text(encoding="utf-8")).get("peft_type", ""))


def _problem(kind: str) -> str | None:
    if not kind:
        return f"holds no {CONFIG} that can be read"
    config = PEFT_TYPE_TO_CONFIG_MAPPING.get(cast(Any, kind))
    if config is None:
        return f"is of {kind}, which works on a model alone"
    if issubclass(config, PromptLearningConfig):
        return f"is of {kind}, which changes the prompt and not the weights"
    return None


def _with_adapter(model: Any, name: str, folder: str) -> PeftModel:
    try:
        if isinstance(model, PeftModel):
            model.load_adapter(folder, adapter_name=name)
        else:
            model = PeftModel.from_pretrained(model, folder, adapter_name=name)
    except (ValueError, RuntimeError, KeyError, TypeError, AttributeError, OSError) as error:
        raise BackendError(
            f"the adapter in {folder!r} does not fit the model: {error}",
            hint="use the model that it was trained on",
        ) from error
    cast_adapters(model, adapter_dtype(folder))
    return model.eval()
