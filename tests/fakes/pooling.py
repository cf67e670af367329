"""A pooling engine without a model: its vectors are counts of the tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from swiftx.errors import ArgError, UsageError


class CountingPooling:
    """Gives a sequence the counts of its tokens modulo `size`, with a little of its first token.

    Args:
        size: Numbers of a vector.
        score: Makes the vector instead.
        max_model_len: Longest sequence.

    Attributes:
        prompts: All sequences that were given, in order.
    """

    def __init__(
        self,
        size: int = 4,
        *,
        score: Callable[[Sequence[int]], tuple[float, ...]] | None = None,
        max_model_len: int | None = None,
    ) -> None:
        self.size = size
        self.prompts: list[Sequence[int]] = []
        self._score = score or self._counts
        self._max_model_len = max_model_len

    def pool(self, prompts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        for prompt in prompts:
            if not prompt or len(prompt) > (self._max_model_len or len(prompt)):
                raise UsageError([ArgError("max_length", f"{len(prompt)} tokens do not fit.")])
        self.prompts += prompts
        return [self._score(prompt) for prompt in prompts]

    def _counts(self, prompt: Sequence[int]) -> tuple[float, ...]:
        counts = [0.01 * prompt[0] + 0.001] * self.size
        for token in prompt:
            counts[token % self.size] += 1.0
        length = math.hypot(*counts)
        return tuple(count / length for count in counts)
