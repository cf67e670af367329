"""Automatic mixed precision."""

from __future__ import annotations

import torch


def autocasts(device: str) -> bool:
    """Return whether torch casts for itself on a kind of device; the meta device cannot be asked."""
    return device != "meta" and torch.is_autocast_enabled(device)
