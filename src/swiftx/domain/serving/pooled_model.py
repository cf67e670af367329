"""A model that answers with numbers, shared by clients: what waits is computed together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition, Thread

from swiftx.domain.plans.inference import EngineFacts, EngineStats
from swiftx.domain.ports.pooling import PoolingEngine
from swiftx.errors import BackendError, SwiftxError

Vectors = Sequence[tuple[float, ...]]
Answered = Callable[[Vectors | SwiftxError], None]
"""Hears the vectors of a request, one a sequence and in order, or why there are none."""


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request under way.

    Attributes:
        left: Numbers of the sequences that are not computed yet.
    """

    prompts: Sequence[Sequence[int]]
    answered: Answered
    left: deque[int]
    vectors: dict[int, tuple[float, ...]] = field(default_factory=dict)
    cancelled: bool = False

    def cancel(self) -> None:
        """Compute no more of it; nothing is heard any more."""
        self.cancelled = True


class PooledModel:
    """Computes the sequences of all who wait together, up to so many at once.

    Who asks for many takes turns with the others, batch by batch. A thread computes, another one hands over
    what came out, so that writing a large answer does not keep the model waiting.

    Args:
        pooling: Reads the vectors.
        max_model_len: Longest sequence in tokens.
        max_batch_size: Sequences at once; -1 for no limit.
    """

    def __init__(
        self, pooling: PoolingEngine, *, max_model_len: int | None, max_batch_size: int = 16
    ) -> None:
        self.facts = EngineFacts(name="pt", max_model_len=max_model_len)
        self.size = pooling.size
        self._pooling = pooling
        self._rows = max_batch_size
        self._waiting: deque[Asked] = deque()
        self._changed = Condition()
        self._closed = False
        self._running = self._requests = self._tokens = 0
        self._thread: Thread | None = None
        self._handing_over = ThreadPoolExecutor(1, "vectors")

    def submit(self, prompts: Sequence[Sequence[int]], answered: Answered) -> Asked:
        """Ask for a vector a sequence; `answered` is called once, from another thread."""
        order = range(len(prompts))
        many = 0 < self._rows < len(prompts)  # sequences of like length are computed faster
        left = deque(sorted(order, key=lambda each: -len(prompts[each])) if many else order)
        asked = Asked(prompts=prompts, answered=answered, left=left)
        with self._changed:
            if self._closed:
                raise BackendError("The service is stopping.")
            if self._thread is None:
                self._thread = Thread(target=self._work, daemon=True, name="pooling")
                self._thread.start()
            self._waiting.append(asked)
            self._changed.notify()
        return asked

    def stats(self) -> EngineStats:
        """Return what is and was read, in sequences; nothing is ever written."""
        with self._changed:
            waiting = sum(len(asked.left) for asked in self._waiting if not asked.cancelled)
            return EngineStats(
                running=self._running,
                waiting=waiting,
                requests=self._requests,
                prompt_tokens=self._tokens,
            )

    def close(self) -> None:
        """End the threads; who still waits hears so."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        for asked in waiting:
            self._end(asked, BackendError("The service is stopping."))
        self._handing_over.shutdown()

    def _work(self) -> None:
        while batch := self._next():
            self._compute(batch)

    def _next(self) -> list[tuple[Asked, int]]:
        """Wait for sequences and return those of the next batch; none when all is over."""
        with self._changed:
            while True:
                self._running = 0
                batch = self._taken()
                if batch or self._closed:
                    self._running = len(batch)
                    return batch
                self._changed.wait()

    def _taken(self) -> list[tuple[Asked, int]]:
        """Take from each request in turn; one that is not taken whole goes to the end."""
        batch: list[tuple[Asked, int]] = []
        while self._waiting and (self._rows < 0 or len(batch) < self._rows):
            asked = self._waiting.popleft()
            if asked.cancelled:
                self._requests += 1
                continue
            while asked.left and (self._rows < 0 or len(batch) < self._rows):
                batch.append((asked, asked.left.popleft()))
            if asked.left:
                self._waiting.append(asked)
                break
        return batch

    def _compute(self, batch: Sequence[tuple[Asked, int]]) -> None:
        try:
            vectors = self._pooling.pool([asked.prompts[number] for asked, number in batch])
        except Exception as error:  # who waits must hear of it, whatever it is
            self._compute_apart(batch, error)
            return
        for (asked, number), vector in zip(batch, vectors, strict=True):
            asked.vectors[number] = vector
        for asked in _requests_of(batch):
            self._tokens += sum(
                len(each.prompts[number]) for each, number in batch if each is asked
            )
            if len(asked.vectors) == len(asked.prompts):
                self._end(asked, [asked.vectors[number] for number in range(len(asked.prompts))])

    def _compute_apart(self, batch: Sequence[tuple[Asked, int]], error: Exception) -> None:
        """Compute each request of a batch that failed alone, so that one harms no other."""
        requests = _requests_of(batch)
        if len(requests) > 1:
            for asked in requests:
                self._compute([each for each in batch if each[0] is asked])
            return
        known = error if isinstance(error, SwiftxError) else BackendError(f"It failed: {error!r}.")
        self._end(requests[0], known)

    def _end(self, asked: Asked, outcome: Vectors | SwiftxError) -> None:
        with self._changed:
            asked.left.clear()
            self._requests += 1
        if not asked.cancelled:
            asked.cancelled = True
            self._handing_over.submit(asked.answered, outcome)


def _requests_of(batch: Sequence[tuple[Asked, int]]) -> list[Asked]:
    """Return the requests in a batch, in order."""
    return list({id(asked): asked for asked, _ in batch}.values())
