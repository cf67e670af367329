"""Adapters that are not PEFT's: modules put into a model, with what is needed to put them there again.

On disk they are two files as PEFT's are: adapter_config.json, which names the tuner, and
adapter_model.safetensors.
"""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.tuning import TunerPlan
from swiftx.errors import BackendError, DataError, NotFound

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_TUNER = "swiftx_tuner"
_MARK = "swiftx_adapter"


@dataclass(frozen=True, slots=True)
class OwnAdapter:
    """What was put into a model.

    Attributes:
        tuner: Name of the tuner (`llamapro`, `adapter`, `reft`).
        settings: What the tuner needs to do it again, as JSON values.
        modules: Full names of the modules that hold its tensors.
    """

    tuner: str
    settings: Mapping[str, Any]
    modules: tuple[str, ...]


def mark(model: nn.Module, adapter: OwnAdapter) -> None:
    """Remember at the model what was put into it, and train that alone."""
    setattr(model, _MARK, adapter)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(_belongs(name, adapter))


def own_adapter(model: object) -> OwnAdapter | None:
    """Return what was put into a model; None for nothing."""
    return cast(OwnAdapter | None, getattr(model, _MARK, None))


def unmark(model: nn.Module) -> None:
    """Forget it: the model is a plain one."""
    delattr(model, _MARK)


def read_settings(folder: str | Path) -> tuple[str, dict[str, Any]] | None:
    """Return the tuner and the settings of a saved adapter; None when it is PEFT's.

    Raises:
        NotFound: The folder holds no adapter.
        DataError: Its adapter_config.json is damaged.
    """
    path = Path(folder) / CONFIG
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(
            f"{str(folder)!r} holds no {CONFIG}, so it is not an adapter",
            hint="name the checkpoint folder itself, such as output/…/checkpoint-100",
        ) from error
    except ValueError as error:
        raise DataError(f"not valid JSON: {error}", source=str(path)) from error
    tuner = content.pop(_TUNER, None)
    return None if tuner is None else (str(tuner), content)


def save_own(model: nn.Module, adapter: OwnAdapter, folder: Path) -> None:
    """Write the two files.

    Raises:
        OSError, SafetensorError: They cannot be written.
    """
    content = {_TUNER: adapter.tuner, **adapter.settings}
    (folder / CONFIG).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    save_file(_state(model, adapter), folder / WEIGHTS, metadata={"format": "pt"})


def load_own(model: nn.Module, adapter: OwnAdapter, folder: Path) -> None:
    """Put the tensors of a saved adapter into a model that has one of the same kind.

    Raises:
        NotFound: The folder holds no adapter weights.
        BackendError: The adapter has other modules or other shapes.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise NotFound(f"{str(folder)!r} has no {WEIGHTS}", hint="name a checkpoint folder")
    saved = load_file(path)
    expected = {name: tuple(tensor.shape) for name, tensor in _state(model, adapter).items()}
    found = {name: tuple(tensor.shape) for name, tensor in saved.items()}
    if expected != found:
        name, shape = sorted(expected.items() ^ found.items())[0]
        raise BackendError(
            f"the adapter in {str(folder)!r} does not fit the model: {name} of shape {shape} is in one "
            "of them only",
            hint="use the model and the tuner arguments that it was trained with",
        )
    tensors = dict(model.state_dict(keep_vars=True))
    with torch.no_grad():
        for name, tensor in saved.items():
            tensors[name].copy_(tensor)


def _state(model: nn.Module, adapter: OwnAdapter) -> dict[str, Tensor]:
    return {
        name: tensor.detach().contiguous()
        for name, tensor in model.state_dict().items()
        if _belongs(name, adapter)
    }


def _belongs(name: str, adapter: OwnAdapter) -> bool:
    return any(name.startswith(f"{module}.") for module in adapter.modules)


def insert_behind(module: nn.Module, name: str, child: nn.Module) -> None:
    """Put a child into a module that changes what it puts out: a tensor, or the first one of a tuple."""
    parameter = next(module.parameters(), None)
    module.add_module(name, child if parameter is None else child.to(parameter.device))

    def changed(owner: nn.Module, _inputs: Any, output: Any) -> Any:
        behind = owner.get_submodule(name)
        if isinstance(output, tuple):
            return (behind(output[0]), *output[1:])
        return behind(output)

    module.register_forward_hook(changed)


class OwnTuner(ABC):
    """A tuner that puts modules of our own into a model. Subclasses say which, and what they are called.

    Attributes:
        name: What a saved adapter names.
        plan_type: The tuner's plan, whose fields are the saved settings.
        unmergeable: Why its modules are no change of weights.
    """

    name: str
    plan_type: type[Any]
    unmergeable: str

    @abstractmethod
    def insert(self, model: PreTrainedModel, plan: Any) -> list[str]:
        """Put new modules into the model, and return their full names.

        Raises:
            UsageError: The plan does not suit the model.
            BackendError: The model has no place for them.
        """

    def attach(
        self,
        model: ModelHandle,
        plan: TunerPlan,
        samples: Sequence[Encoded] = (),  # noqa: ARG002  (the port's: no module of ours looks at rows)
    ) -> ModelHandle:
        """Return the model with new modules, which alone are trainable."""
        if not isinstance(plan, self.plan_type):
            raise TypeError(f"{type(self).__name__} cannot carry out {plan!r}")
        module = cast(PreTrainedModel, model)
        names = tuple(self.insert(module, plan))
        mark(module, OwnAdapter(self.name, dataclasses.asdict(plan), names))
        module.enable_input_require_grads()  # or reentrant checkpoints would cut the gradient off
        return ModelHandle(module)

    def load(
        self, model: ModelHandle, adapters: Sequence[str], *, trainable: bool = False
    ) -> ModelHandle:
        """Return the model with the last of some saved adapters; those before it are folded in."""
        found = [read_settings(folder) for folder in adapters]
        for position, (folder, read) in enumerate(zip(adapters, found, strict=True)):
            if read is None:
                raise BackendError(f"{folder!r} is an adapter of another kind")
            model = self.attach(model, self.plan_type(**_listless(read[1])))
            module = cast(PreTrainedModel, model)
            load_own(module, cast(OwnAdapter, own_adapter(module)), Path(folder))
            if position < len(adapters) - 1:
                model = self.fold(model)
            elif not trainable:
                module.requires_grad_(False)
                module.disable_input_require_grads()
        return model

    def fold(self, model: ModelHandle) -> ModelHandle:  # noqa: ARG002  (the port's)
        """Refuse, unless a subclass knows how: a network between the layers is no change of weights."""
        raise BackendError(
            f"{self.unmergeable}, so it cannot be merged into the weights",
            hint="use it as it is, with --adapters",
        )


def _listless(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with tuples where JSON has lists."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
