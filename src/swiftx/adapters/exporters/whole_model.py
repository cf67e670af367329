"""Merging by loading: for adapters whose change of the weights only their own library computes.

The base is loaded in float32, so that nothing is rounded before the end; that is where the memory goes.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, cast

import torch

from swiftx.adapters.exporters.model_files import copy_model_files, write_args, write_note
from swiftx.domain.plans.exporting import MergePlan
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.ports.model import ModelLoader
from swiftx.domain.ports.tuner import Tuner

_UNSTREAMED = (
    "arrow_config",
    "use_bdlora",
    "alora_invocation_tokens",
    "layer_replication",
    "kasa_config",
)
"""Fields of a LoRA configuration that change what its factors mean."""


def needs_whole_model(adapter: Path) -> bool:
    """Return whether an adapter is other than LoRA whose factors say all; false when nobody can tell."""
    try:
        config: dict[str, Any] = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return config.get("peft_type") != "LORA" or any(config.get(name) for name in _UNSTREAMED)


class WholeModelWriter:
    """Writes a merged model through the loader and the tuner.

    Args:
        loader: Loads the base.
        tuner: Puts the adapters on it, and folds them in.
    """

    def __init__(self, loader: ModelLoader, tuner: Tuner) -> None:
        self._loader = loader
        self._tuner = tuner

    def write(self, plan: MergePlan, staging: Path) -> None:
        """Write weights, configuration and the small files into an empty folder.

        Raises:
            NotFound: The base or an adapter is not there.
            BackendError: An adapter does not fit, or cannot be merged.
            OSError: Something cannot be written.
        """
        base = Path(plan.base)
        loading = LoadPlan(
            folder=plan.base,
            dtype="float32",
            device="cpu",
            task=plan.task,
            num_labels=plan.num_labels,
            problem_type=plan.problem_type,
            new_head_seed=0,  # the adapters hold the head
        )
        model, _ = self._loader.load(loading)
        tuned = self._tuner.load(model, plan.adapters)
        merged = cast(Any, self._tuner.fold(tuned))
        merged = merged.to(getattr(torch, plan.dtype or _stored(base)))
        adapters = [Path(adapter) for adapter in plan.adapters]
        copy_model_files(base, adapters, staging)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            merged.save_pretrained(staging, max_shard_size=plan.max_shard_size)
        write_args(adapters, staging, final=Path(plan.output_dir).absolute())
        write_note(plan, staging)


def _stored(base: Path) -> str:
    """Return the data type that the base model's configuration names."""
    config = json.loads((base / "config.json").read_text("utf-8"))
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")
