"""Optimiser state in few bits: moments in 8-bit blocks, projections in 2 to 8 bits with a scale a group."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from swiftx.errors import MissingDependency

_BLOCK = 256
_SMALLEST = 4096
"""Moments of fewer numbers stay float32, as bitsandbytes keeps them."""


class Moment:
    """One moment of one parameter, kept in the parameter's state.

    Args:
        state: Where it is kept.
        name: Its name there.
        eight_bit: Whether it is kept in bitsandbytes' dynamic 8-bit blocks.
        signed: Whether it can be negative.
    """

    def __init__(self, state: dict[str, Any], name: str, *, eight_bit: bool, signed: bool) -> None:
        self._state = state
        self._name = name
        self._eight_bit = eight_bit
        self._signed = signed

    def read(self, like: Tensor) -> Tensor:
        """Return the moment as float32, shape of `like`; zeros at first."""
        if self._name in self._state:
            kept: Tensor = self._state[self._name]
            return kept
        if f"{self._name}_absmax" not in self._state:
            return torch.zeros_like(like)
        functional = _bitsandbytes()
        found: Tensor = functional.dequantize_blockwise(
            self._state[f"{self._name}_codes"],
            absmax=self._state[f"{self._name}_absmax"],
            code=_codebook(functional, like.device, signed=self._signed),
            blocksize=_BLOCK,
        )
        return found.view(like.shape)

    def write(self, value: Tensor) -> None:
        """Keep the moment."""
        if not self._eight_bit or value.numel() < _SMALLEST:
            self._state[self._name] = value
            return
        functional = _bitsandbytes()
        codes, quantised = functional.quantize_blockwise(
            value,
            code=_codebook(functional, value.device, signed=self._signed),
            blocksize=_BLOCK,
        )
        self._state[f"{self._name}_codes"] = codes
        self._state[f"{self._name}_absmax"] = quantised.absmax


def packed(value: Tensor, bits: int | None, group_size: int) -> dict[str, Any]:
    """Return a matrix in `bits` a number with an offset and a scale a group; None keeps it as it is.

    Codes of four bits or fewer share a byte by two.
    """
    if bits is None:
        return {"whole": value.contiguous()}
    flat = value.flatten()
    missing = -len(flat) % group_size
    groups = torch.cat([flat, flat[-1:].expand(missing)]).view(-1, group_size)
    low, high = groups.amin(dim=1, keepdim=True), groups.amax(dim=1, keepdim=True)
    scale = ((high - low) / (2**bits - 1)).clamp(min=torch.finfo(value.dtype).tiny)
    codes = ((groups - low) / scale).round().to(torch.uint8).flatten()
    if bits <= 4:
        codes = torch.cat([codes, codes.new_zeros(len(codes) % 2)]).view(-1, 2)
        codes = codes[:, 0] | (codes[:, 1] << 4)
    return {
        "codes": codes,
        "low": low,
        "scale": scale,
        "shape": list(value.shape),
        "bits": bits,
        "group_size": group_size,
    }


def unpacked(kept: dict[str, Any]) -> Tensor:
    """Return the matrix that `packed` was given, as float32."""
    if "whole" in kept:
        whole: Tensor = kept["whole"]
        return whole
    codes: Tensor = kept["codes"]
    if kept["bits"] <= 4:
        codes = torch.stack([codes & 15, codes >> 4], dim=1).flatten()
    groups = codes[: kept["low"].numel() * kept["group_size"]].view(-1, kept["group_size"])
    flat = (groups * kept["scale"] + kept["low"]).flatten()
    found: Tensor = flat[: math.prod(kept["shape"])].view(kept["shape"])
    return found


_CODEBOOKS: dict[tuple[str, bool], Tensor] = {}


def _codebook(functional: Any, device: torch.device, *, signed: bool) -> Tensor:
    key = (str(device), signed)
    if key not in _CODEBOOKS:
        _CODEBOOKS[key] = functional.create_dynamic_map(signed=signed).to(device)
    return _CODEBOOKS[key]


def _bitsandbytes() -> Any:
    try:
        import bitsandbytes.functional as functional
    except ImportError as error:
        raise MissingDependency("bitsandbytes", extra="bnb") from error
    return functional
