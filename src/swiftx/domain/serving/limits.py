"""Back-pressure: how many answers may wait for the model to begin them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from swiftx.domain.serving.refusals import Problem, Refused

_REMEMBERED = 32
_LONGEST_S = 60


class Gate:
    """Counts the answers that wait, and turns away who would wait behind too many.

    Args:
        limit: Most answers that may wait, 1 or more; -1 for no limit. One request alone may always wait.
        now: Seconds, from any start.
    """

    def __init__(self, limit: int, now: Callable[[], float]) -> None:
        self.waiting = 0
        self._limit = limit
        self._now = now
        self._begun: deque[float] = deque(maxlen=_REMEMBERED)

    def enter(self, count: int) -> None:
        """Let so many answers wait.

        Raises:
            Refused: There are too many (429); says when to come back, from how fast answers began lately.
        """
        if self.waiting and 0 < self._limit < self.waiting + count:
            seconds = self.retry_after_s()
            problem = Problem(
                None,
                f"{self.waiting} answers wait for the model already, of {self._limit} that may;"
                f" try again in {seconds} s.",
            )
            raise Refused([problem], status=429, headers={"Retry-After": str(seconds)})
        self.waiting += count

    def begun(self) -> None:
        """Take note that an answer has begun."""
        self.waiting -= 1
        self._begun.append(self._now())

    def left(self, count: int) -> None:
        """Take note that so many gave up before they began."""
        self.waiting -= count

    def retry_after_s(self) -> int:
        """Return whole seconds, 1 to 60, after which there is probably room."""
        if len(self._begun) < 2:
            return 1
        each = (self._now() - self._begun[0]) / len(self._begun)
        return min(max(math.ceil(each * max(self.waiting, 1)), 1), _LONGEST_S)
