"""One request for numbers under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from swiftx.domain.plans.serving import Reply
from swiftx.domain.ports.server import Heard, Piece
from swiftx.domain.serving.exchange import Record, too_late
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.pooled_model import Asked, PooledModel, Vectors
from swiftx.domain.serving.refusals import Refused, encoded, refused
from swiftx.domain.serving.writing import Head
from swiftx.errors import BackendError, SwiftxError

Write = Callable[[Vectors, Head, Mapping[str, int]], Mapping[str, Any]]
"""Makes the JSON object of an answer, of the vectors, who answers, and the tokens that were read."""


class VectorWork:
    """One request, answered at once when all of its sequences are computed.

    Args:
        prompts: Token ids of each sequence.
        write: Makes the answer.
        head: Who answers.
        record: Gets filled in.
        engine: Reads the vectors.
        gate: Turns away who would wait behind too many.
        on_end: Hears the record when all is over.
        now: Seconds, from any start.
    """

    streams = False

    def __init__(
        self,
        prompts: Sequence[Sequence[int]],
        write: Write,
        *,
        head: Head,
        record: Record,
        engine: PooledModel,
        gate: Gate,
        on_end: Callable[[Record], None],
        now: Callable[[], float],
    ) -> None:
        self._prompts = prompts
        self._write = write
        self._head = head
        self._record = record
        self._engine = engine
        self._gate = gate
        self._on_end = on_end
        self._now = now
        self._started = now()
        self._asked: Asked | None = None
        self._reply: Reply | None = None
        self._error: Refused | None = None
        self._ended = False

    @property
    def finished(self) -> bool:
        """Whether there is an answer or an error."""
        return self._reply is not None or self._error is not None

    @property
    def failed(self) -> bool:
        """Whether an error ended it."""
        return self._error is not None

    def start(self, heard: Heard) -> Reply | None:
        """Let it wait for the model; a reply says why it may not."""
        try:
            self._gate.enter(1)
        except Refused as error:
            self._error = error
            self.end(error.status)
            return error.reply()
        try:
            self._asked = self._engine.submit(self._prompts, partial(self._answered, heard))
        except SwiftxError as error:
            self._error = refused(error)
            self._gate.left(1)
            self.end(self._error.status)
            return self._error.reply()
        return None

    def hear(self, _: int, piece: Piece) -> bytes:
        """Take the answer, or the error that came instead."""
        if self.finished:
            return b""
        if isinstance(piece, SwiftxError):
            self._error = refused(piece)
        else:
            assert isinstance(piece, Reply)
            self._reply = piece
        return b""

    def reply(self) -> Reply:
        """Return the answer, or the error."""
        if self._error is not None:
            return self._error.reply()
        assert self._reply is not None
        return self._reply

    def time_out(self, seconds: float) -> bytes:
        """Give up."""
        self._error = too_late(seconds)
        return b""

    def end(self, status: int) -> None:
        """Compute no more, and count. Harmless twice."""
        if self._ended:
            return
        self._ended = True
        if self._asked is not None:
            self._asked.cancel()
            if self._reply is None:
                self._gate.left(1)
            else:
                self._gate.begun()
        record = self._record
        record.status = self._error.status if self._error is not None else status
        record.seconds = self._now() - self._started
        if self._reply is not None:
            record.prompt_tokens = sum(map(len, self._prompts))
        self._on_end(record)

    def _answered(self, heard: Heard, outcome: Vectors | SwiftxError) -> None:
        """Write the answer; called from a thread of the engine."""
        if isinstance(outcome, SwiftxError):
            heard(0, outcome)
            return
        tokens = sum(map(len, self._prompts))
        used = {"prompt_tokens": tokens, "total_tokens": tokens}
        try:
            reply = Reply(200, encoded(self._write(outcome, self._head, used)))
        except Exception as error:  # who waits must hear of it, whatever it is
            heard(0, BackendError(f"The answer could not be written: {error!r}."))
        else:
            heard(0, reply)
