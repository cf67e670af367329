"""Running counts between two log lines: right answers, answers, tokens, losses by channel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from swiftx.adapters.trainers.objectives import Batch, Measured


class Meter:
    """Sums on the device, read only when a line is logged, so that no step waits for the device."""

    def __init__(self, device: torch.device) -> None:
        self._right = torch.zeros((), dtype=torch.long, device=device)
        self._answers = torch.zeros_like(self._right)
        self._tokens = torch.zeros_like(self._right)
        self._channels: dict[str, Tensor] = {}

    def add(self, measured: Measured, tokens: Tensor) -> None:
        """Count one batch; `tokens` is the number of its tokens without padding."""
        self._right += measured.hits.right
        self._answers += measured.hits.total
        self._tokens += tokens
        for channel, sums in measured.channels.items():
            self._channels[channel] = self._channels.get(channel, 0) + sums

    def totals(self) -> Tensor:
        """Return right answers, answers and tokens: int, shape (3,)."""
        return torch.stack([self._right, self._answers, self._tokens])

    def channels(self) -> dict[str, list[float]]:
        """Return by channel the sum of losses and the number of tokens that they are of."""
        return {channel: sums.tolist() for channel, sums in self._channels.items()}

    def forget_answers(self) -> None:
        """Begin a new interval of the accuracy and of the channels; the tokens go on."""
        self._right.zero_()
        self._answers.zero_()
        self._channels = {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take counts back, those of all processes together, so that a resumed run logs the same."""
        self._right.fill_(state["right"])
        self._answers.fill_(state["answers"])
        device = self._right.device
        self._channels = {
            channel: torch.tensor(sums, dtype=torch.float64, device=device)
            for channel, sums in state.get("channels", {}).items()
        }


def channels_of_all(parts: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """Return the sums of several processes' channels."""
    names = sorted({name for part in parts for name in part})
    return {
        name: [sum(part.get(name, (0.0, 0.0))[place] for part in parts) for place in (0, 1)]
        for name in names
    }


def tokens_in(inputs: Batch) -> Tensor:
    """Return the number of tokens in a batch, padding excluded."""
    if "attention_mask" in inputs:
        return inputs["attention_mask"].sum()
    return torch.tensor(inputs["input_ids"].numel(), device=inputs["input_ids"].device)
