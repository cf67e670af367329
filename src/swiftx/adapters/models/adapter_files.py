"""Adapters on disk, PEFT's and others: what the trainer writes and reads."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from peft import PeftModel
from torch import nn

from swiftx.adapters.models import lora_files
from swiftx.adapters.models.own_adapters import load_own, own_adapter, save_own


def has_adapter(model: nn.Module) -> bool:
    """Return whether a checkpoint of the model is an adapter, and not the whole model."""
    return isinstance(model, PeftModel) or own_adapter(model) is not None


def save_adapter(model: nn.Module, folder: Path) -> None:
    """Write the adapter of a model.

    Raises:
        OSError, SafetensorError: The files cannot be written.
    """
    own = own_adapter(model)
    if own is not None:
        save_own(model, own, folder)
    else:
        lora_files.save_adapter(cast(PeftModel, model), folder)


def load_adapter(model: nn.Module, folder: Path) -> None:
    """Put the weights of a saved adapter into one of the same shape, for resuming.

    Raises:
        NotFound: The folder holds no adapter weights.
        BackendError: The adapter has other modules or other shapes.
    """
    own = own_adapter(model)
    if own is not None:
        load_own(model, own, folder)
    else:
        lora_files.load_adapter(cast(PeftModel, model), folder)
