"""Which tensors a merged model has and how each is made: decided from headers, before any weight is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from swiftx.adapters.exporters.adapter_weights import LoraAdapter, ModuleChange
from swiftx.adapters.exporters.expert_weights import ExpertFactors, expert_patches
from swiftx.adapters.exporters.lora_patches import (
    AddedBias,
    LowRank,
    Patch,
    ReplacedRows,
    TransposedDora,
    TransposedLowRank,
)
from swiftx.adapters.exporters.model_skeleton import ModelSkeleton, StoredPart
from swiftx.adapters.exporters.peft_module import RebasedModule
from swiftx.adapters.exporters.tensor_files import TensorShape, TensorStore, element_slices
from swiftx.adapters.models.pooled import HEADS
from swiftx.errors import BackendError

CLASSIFYING = ("seq_cls", "reranker")
"""Tasks of models with a head for classes."""

MakePatch = Callable[[], Patch]
"""Reads the factors of a patch; called when its weight is written, so that only those are held."""


@dataclass(slots=True)
class OutputTensor:
    """A tensor of the merged model.

    Attributes:
        store, key: Where its unchanged values come from.
        shape: Shape and data type there.
        patches: What changes it, in order.
    """

    store: TensorStore
    key: str
    shape: TensorShape
    patches: list[MakePatch] = field(default_factory=list)


class MergedTensors:
    """The output tensors by name, in the order of the base model's files.

    Attributes:
        untied: The output head got a tensor of its own because the adapter changed only one of the two.

    Args:
        folder: Of the base model.
        base: Its weights.
        task: What the model is for, as in `LoadPlan`.
    """

    def __init__(self, folder: Path, base: TensorStore, task: str = "causal_lm") -> None:
        self.tensors = {
            name: OutputTensor(base, name, shape) for name, shape in base.tensors.items()
        }
        self.untied = False
        self._folder = folder
        self._base = base
        self._skeleton = ModelSkeleton(folder, task)
        self._classifies = task in CLASSIFYING

    @property
    def resized_vocabulary(self) -> tuple[int, int] | None:
        """(old, new) number of rows when an adapter brought a larger or smaller embedding."""
        for name, tensor in self.tensors.items():
            stored = self._base.tensors.get(name)
            is_head = name.partition(".")[0] in HEADS
            if stored is not None and not is_head and stored.shape != tensor.shape.shape:
                return stored.shape[0], tensor.shape.shape[0]
        return None

    def add(self, adapter: LoraAdapter) -> None:
        """Apply one adapter on top of what was added before.

        Raises:
            BackendError: The adapter does not fit the base model.
        """
        if not adapter.modules and not adapter.replaced:
            raise BackendError(f"{adapter.folder} holds no tensors to merge.")
        changed = self._replace(adapter)
        for change in adapter.modules:
            changed |= self._patch(adapter, change)
        self._keep_head(changed)

    def finish_head(self) -> str | None:
        """Leave out what a model with a head for classes does not load; return the name of its class.

        Returns:
            None where config.json says it: the model has no such head.

        Raises:
            BackendError: Neither the base nor an adapter has the head.
        """
        if not self._classifies:
            return None
        for name in self._skeleton.unused(list(self._base.tensors)):
            del self.tensors[name]
        if not any(name.partition(".")[0] in HEADS for name in self.tensors):
            raise BackendError(
                f"{self._folder} has no head for classes, and no adapter brings one.",
                hint="Was the adapter trained with the same --task_type?",
            )
        return self._skeleton.architecture

    def _replace(self, adapter: LoraAdapter) -> set[str]:
        names = {parameter: self._find(parameter) for parameter in adapter.replaced}
        changed = set()
        for parameter, key in adapter.replaced.items():
            name = names[parameter]
            if name is None and self._classifies and parameter.partition(".")[0] in HEADS:
                name = parameter
            elif name is None:
                tied = self._skeleton.tied_head()
                if tied is None or parameter != tied[0]:
                    raise BackendError(
                        f"{adapter.folder} has {parameter!r}, which the base model {self._folder} has not.",
                        hint="Is this the base model that the adapter was trained on?",
                    )
                twin = adapter.replaced.get(tied[1])
                if twin is not None and _equal(adapter.store, key, twin):
                    changed.add(parameter)
                    continue
                self.untied = True
                name = parameter
            self.tensors[name] = OutputTensor(adapter.store, key, adapter.shape(key))
            changed.add(name)
        return changed

    def _keep_head(self, changed: set[str]) -> None:
        """Give a tied head the unchanged embedding when only the embedding was changed."""
        if not any("embed" in name or "wte" in name for name in changed):
            return
        tied = self._skeleton.tied_head()
        if tied is None:
            return
        head, embedding = tied
        stored = self._find(embedding)
        if stored in changed and head not in changed and head not in self.tensors:
            self.tensors[head] = OutputTensor(self._base, stored, self._base.tensors[stored])
            self.untied = True

    def _patch(self, adapter: LoraAdapter, change: ModuleChange) -> set[str]:
        parts = change.keys
        if "token_adapter.trainable_tokens_delta" in parts:
            self._tokens(adapter, change)
            return set()  # the head stays tied: the same rows change in both
        if "lora_embedding_A" in parts:
            return {self._embedding(adapter, change)}
        if "lora_A.weight" not in parts or "lora_B.weight" not in parts:
            raise BackendError(
                f"{adapter.folder}: {change.module!r} has only {', '.join(sorted(parts))}; "
                "the file is incomplete."
            )
        parameter = self._target_parameter(adapter, change)
        if parameter is not None:
            return self._experts(adapter, change, parameter)
        return self._linear(adapter, change)

    def _linear(self, adapter: LoraAdapter, change: ModuleChange) -> set[str]:
        name, weight = self._weight(adapter, f"{change.module}.weight")
        down, up = (adapter.shape(change.keys[f"lora_{side}.weight"]).shape for side in "AB")
        scaling = adapter.scaling(change.module, down[0])
        straight = weight.shape.shape == (up[0], *down[1:])
        crossed = weight.shape.shape == (down[1], up[0]) and len(down) == 2
        if not straight and not crossed:
            raise _misfit(adapter, change, weight.shape.shape, down, up)
        if adapter.rebases:
            weight.patches.append(lambda: RebasedModule(adapter, change))
        elif crossed and (adapter.config.get("fan_in_fan_out") or not straight):
            weight.patches.append(
                lambda: _transposed(adapter, change, scaling, kind="lora_{}.weight")
            )
        else:
            weight.patches.append(lambda: _low_rank(adapter, change, scaling))
        if "lora_B.bias" in change.keys:
            _, bias = self._weight(adapter, f"{change.module}.bias")
            bias.patches.append(
                lambda: AddedBias(adapter.read(change.keys["lora_B.bias"]), scaling)
            )
        return {name}

    def _embedding(self, adapter: LoraAdapter, change: ModuleChange) -> str:
        name, weight = self._weight(adapter, f"{change.module}.weight")
        down, up = (adapter.shape(change.keys[f"lora_embedding_{side}"]).shape for side in "AB")
        if weight.shape.shape != (down[1], up[0]):
            raise _misfit(adapter, change, weight.shape.shape, down, up)
        scaling = adapter.scaling(change.module, down[0])
        weight.patches.append(
            lambda: _transposed(adapter, change, scaling, kind="lora_embedding_{}")
        )
        return name

    def _tokens(self, adapter: LoraAdapter, change: ModuleChange) -> None:
        _, weight = self._weight(adapter, f"{change.module}.weight")
        indices = adapter.token_indices(change.module)
        key = change.keys["token_adapter.trainable_tokens_delta"]
        if adapter.shape(key).shape != (len(indices), weight.shape.shape[1]):
            raise BackendError(
                f"{adapter.folder}: {key!r} does not fit the {len(indices)} tokens of its "
                f"configuration and the base model's weight {weight.shape.shape}."
            )
        weight.patches.append(lambda: ReplacedRows(indices, adapter.read(key)))

    def _experts(self, adapter: LoraAdapter, change: ModuleChange, parameter: str) -> set[str]:
        shape = self._skeleton.shape(parameter)
        factors = ExpertFactors(
            adapter,
            change,
            parameter=parameter,
            experts=shape[0] if len(shape) == 3 else 1,
            transposed=self._skeleton.stores_experts_transposed(change.module),
        )
        if not factors.fit(shape):
            raise _misfit(adapter, change, shape, factors.down_shape, factors.up_shape)
        direct = self.tensors.get(parameter)
        if direct is not None and direct.shape.shape == shape:
            direct.patches.append(factors.whole)
            return {parameter}
        parts = self._stored_parts.get(parameter, [])
        patches = expert_patches(factors, parts, self._skeleton, rows=shape[-2])
        for name, make in patches.items():
            self.tensors[name].patches.append(make)
        return set(patches)

    def _target_parameter(self, adapter: LoraAdapter, change: ModuleChange) -> str | None:
        """Return the parameter that a wrapper changes; None when it changes a whole module.

        Wrappers nest in the order of the module's parameters, the first one innermost.
        """
        targets = adapter.config.get("target_parameters")
        if not targets:
            return None
        names = [f"{change.module}.{name}" for name in self._skeleton.parameters_of(change.module)]
        wrapped = [name for name in names if f".{name}".endswith(tuple(f".{t}" for t in targets))]
        return wrapped[len(wrapped) - 1 - change.depth] if wrapped else None

    def _weight(self, adapter: LoraAdapter, parameter: str) -> tuple[str, OutputTensor]:
        name = self._find(parameter)
        if name is not None:
            return name, self.tensors[name]
        tied = self._skeleton.tied_head()
        if tied is not None and parameter == tied[0]:
            source = self._find(tied[1])
            if source is not None:
                # The head alone is changed: it gets its own copy of the embedding.
                self.tensors[parameter] = OutputTensor(
                    self._base, source, self._base.tensors[source]
                )
                self.untied = True
                return parameter, self.tensors[parameter]
        raise BackendError(
            f"{adapter.folder} changes {parameter!r}, which the base model {self._folder} has not.",
            hint="Is this the base model that the adapter was trained on?",
        )

    def _find(self, parameter: str) -> str | None:
        """Return the name under which the base model stores a parameter; None when it does not."""
        if parameter in self.tensors:
            return parameter
        parts = self._stored_parts.get(parameter, [])
        return parts[0].name if len(parts) == 1 and parts[0].pattern is None else None

    @cached_property
    def _stored_parts(self) -> dict[str, list[StoredPart]]:
        return self._skeleton.stored_parts(list(self._base.tensors))


def _low_rank(adapter: LoraAdapter, change: ModuleChange, scaling: float) -> Patch:
    down = adapter.read(change.keys["lora_A.weight"])
    up = adapter.read(change.keys["lora_B.weight"])
    magnitude = change.keys.get("lora_magnitude_vector")
    return LowRank(
        down.flatten(1),
        up.flatten(1),
        scaling,
        None if magnitude is None else adapter.read(magnitude).flatten(),
    )


def _transposed(adapter: LoraAdapter, change: ModuleChange, scaling: float, *, kind: str) -> Patch:
    low_rank = TransposedLowRank(
        adapter.read(change.keys[kind.format("A")]),
        adapter.read(change.keys[kind.format("B")]),
        scaling,
    )
    magnitude = change.keys.get("lora_magnitude_vector")
    if magnitude is None:
        return low_rank
    return TransposedDora(low_rank, adapter.read(magnitude).flatten())


def _equal(store: TensorStore, first: str, second: str) -> bool:
    if store.tensors[first] != store.tensors[second]:
        return False
    slices = element_slices(store.tensors[first].elements, 2**19)
    return all(torch.equal(store.read(first, *part), store.read(second, *part)) for part in slices)


def _misfit(
    adapter: LoraAdapter,
    change: ModuleChange,
    weight: tuple[int, ...],
    down: tuple[int, ...],
    up: tuple[int, ...],
) -> BackendError:
    return BackendError(
        f"{adapter.folder}: the adapter of {change.module!r} (A {down}, B {up}) does not fit the "
        f"base model's weight {weight}.",
        hint="Is this the base model that the adapter was trained on?",
    )
