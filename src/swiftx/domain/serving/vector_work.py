"""One request for numbers under way, and the model that computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from swiftx.domain.plans.inference import EngineFacts, EngineStats
from swiftx.domain.plans.serving import Reply
from swiftx.domain.ports.pooling import PoolingEngine
from swiftx.domain.serving.exchange import Record
from swiftx.domain.serving.refusals import encoded, refused
from swiftx.domain.serving.writing import Head
from swiftx.errors import SwiftxError

Write = Callable[[Sequence[tuple[float, ...]], Head, Mapping[str, int]], Mapping[str, Any]]
"""Makes the JSON object of an answer, of the vectors, who answers, and the tokens that were read."""


class PooledModel:
    """A pooling engine with what a service tells of its engine; one request is computed at a time.

    Args:
        pooling: Reads the vectors.
        max_model_len: Longest sequence in tokens.
    """

    def __init__(self, pooling: PoolingEngine, *, max_model_len: int | None) -> None:
        self.facts = EngineFacts(name="pt", max_model_len=max_model_len)
        self.size = pooling.size
        self._pooling = pooling
        self._computing = Lock()
        self._running = self._requests = self._tokens = 0

    def pool(self, prompts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        """Return a vector a sequence; who comes meanwhile waits."""
        with self._computing:
            self._running = 1
            try:
                return self._pooling.pool(prompts)
            finally:
                self._running = 0
                self._requests += 1
                self._tokens += sum(map(len, prompts))

    def stats(self) -> EngineStats:
        """Return what was read; nothing is ever written."""
        return EngineStats(
            running=self._running, requests=self._requests, prompt_tokens=self._tokens
        )

    def close(self) -> None:
        """Nothing runs beside the requests."""


class VectorWork:
    """One request, answered by one call of the engine.

    Args:
        prompts: Token ids of each sequence.
        write: Makes the answer.
        head: Who answers.
        record: Gets filled in.
        engine: Reads the vectors.
        end: Hears the record when all is over.
        now: Seconds, from any start.
    """

    def __init__(
        self,
        prompts: Sequence[Sequence[int]],
        write: Write,
        *,
        head: Head,
        record: Record,
        engine: PooledModel,
        end: Callable[[Record], None],
        now: Callable[[], float],
    ) -> None:
        self._prompts = prompts
        self._write = write
        self._head = head
        self._record = record
        self._engine = engine
        self._end = end
        self._now = now
        self._started = now()

    def run(self) -> Reply:
        """Compute, and return the answer or the error."""
        record = self._record
        record.status = 500
        try:
            reply = self._reply()
            record.status = reply.status
            return reply
        finally:
            record.seconds = self._now() - self._started
            self._end(record)

    def _reply(self) -> Reply:
        try:
            vectors = self._engine.pool(self._prompts)
        except SwiftxError as error:
            return refused(error).reply()
        tokens = sum(map(len, self._prompts))
        self._record.prompt_tokens = tokens
        used = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Reply(200, encoded(self._write(vectors, self._head, used)))
