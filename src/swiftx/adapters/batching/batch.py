"""Prompts that are read together, and answers that grow together: each is a cache and what is in it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from swiftx.adapters.batching.answers import Answer
from swiftx.adapters.batching.model import SharedModel
from swiftx.adapters.batching.slots import SlotCache, States


class Running:
    """Answers of one adapter that get a token each with every pass.

    Attributes:
        answers: By row of the cache.
    """

    def __init__(self, model: SharedModel, adapter: str | None) -> None:
        self.adapter = adapter
        self.answers: list[Answer] = []
        self._model = model
        self._cache = SlotCache(model.sliding_windows)

    def join(self, answer: Answer, states: States) -> None:
        self._cache.add(states)
        self.answers.append(answer)

    def leave(self, row: int) -> Answer:
        """Take an answer out; the last one takes its row."""
        answer, last = self.answers[row], self.answers.pop()
        self._cache.remove(row)
        if answer is not last:
            self.answers[row] = last
        return answer

    def states(self, row: int, start: int, end: int) -> States:
        """Return views of what was computed of an answer's tokens `start` to `end`."""
        return self._cache.states(row, start, end)

    def next_logits(self) -> Tensor:
        """Return logits after the last token of every answer: float32, shape (B, V)."""
        self._model.activate(self.adapter)
        return self._model.forward(
            [answer.ids[-1:] for answer in self.answers], self._cache, positions=self._cache.lengths
        )


class Reading:
    """Prompts that are read together, in pieces if they are long.

    They begin in the same column and are padded at the end, where nothing sees the padding: what comes
    before them in the cache stays next to them, and windows of attention keep their size.

    Args:
        known: By answer: what is known of its beginning.
        piece: Tokens of each that one pass reads.
    """

    def __init__(
        self,
        model: SharedModel,
        answers: Sequence[Answer],
        known: Sequence[States],
        *,
        piece: int,
    ) -> None:
        self.answers = list(answers)
        self.adapter = answers[0].adapter
        self._model = model
        self._piece = piece
        self._known = [states[0][0].shape[-2] if states else 0 for states in known]
        self._cache = SlotCache(model.sliding_windows)
        for states in known:
            self._cache.add(states)
        self._unread = [
            answer.ids[length:] for answer, length in zip(self.answers, self._known, strict=True)
        ]
        self._read = 0
        self._logits: dict[int, Tensor] = {}

    def read(self) -> bool:
        """Read the next piece; return whether all is read."""
        self._model.activate(self.adapter)
        longest = max(map(len, self._unread))
        end = min(self._read + self._piece, longest)
        width = end - self._read
        rows = [ids[self._read : end] for ids in self._unread]
        lasts = [min(max(len(ids) - 1 - self._read, 0), width - 1) for ids in self._unread]
        logits = self._model.forward(
            [ids + [0] * (width - len(ids)) for ids in rows],
            self._cache,
            positions=[length + self._read for length in self._known],
            keep=lasts,
        )
        for row, ids in enumerate(self._unread):
            if self._read < len(ids) <= end:
                self._logits[row] = logits[row]
        self._read = end
        return end == longest

    def logits(self) -> Tensor:
        """Return logits after each prompt: float32, shape (B, V)."""
        return torch.stack([self._logits[row] for row in range(len(self.answers))])

    def states(self, row: int, start: int, end: int) -> States:
        """Return views of what was computed of a prompt's tokens `start` to `end`."""
        return self._cache.states(row, start, end)
