"""A request under way: from the engine's pieces to the client's bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from swiftx.domain.plans.inference import Completion, Request
from swiftx.domain.plans.serving import Reply
from swiftx.domain.ports.engine import InferenceEngine, Ticket
from swiftx.domain.ports.server import Heard, Piece
from swiftx.domain.serving.fields import Json
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.refusals import Problem, Refused, encoded, refused
from swiftx.domain.serving.writing import Writer, usage_of
from swiftx.errors import SwiftxError

GIVEN_UP = 499
"""Status, in logs and counts only, of a client that left. Source: nginx, NGX_HTTP_CLIENT_CLOSED_REQUEST."""


def too_late(seconds: float) -> Refused:
    """Return the refusal of an answer that took longer than so many seconds."""
    message = f"The answer took longer than {seconds:g} s and was given up."
    return Refused([Problem(None, message)], status=504)


@dataclass(slots=True, kw_only=True)
class Record:
    """What became of a request.

    Attributes:
        first_s: Seconds until the first piece of the first answer; None when there was none.
        body: What the client sent.
        completions: The answers that came to their end.
    """

    id: str
    path: str
    model: str
    body: Json = field(default_factory=dict, repr=False)
    status: int = 200
    seconds: float = 0.0
    first_s: float | None = None
    prompt_tokens: int = 0
    generated_tokens: int = 0
    finish_reasons: tuple[str, ...] = ()
    completions: Sequence[Completion] = field(default_factory=tuple)


class Generation:
    """Answers to one request, generated side by side.

    Args:
        requests: One for each answer.
        prompts: How many different prompts they have.
        record: Gets filled in.
        on_end: Hears the record when all is over.
        now: Seconds, from any start.
    """

    def __init__(
        self,
        engine: InferenceEngine,
        requests: Sequence[Request],
        writer: Writer,
        *,
        streams: bool,
        usage: bool,
        prompts: int,
        record: Record,
        gate: Gate,
        on_end: Callable[[Record], None],
        now: Callable[[], float],
    ) -> None:
        self.streams = streams
        self._engine = engine
        self._requests = requests
        self._writer = writer
        self._usage = usage
        self._prompts = prompts
        self._record = record
        self._gate = gate
        self._on_end = on_end
        self._now = now
        self._started = now()
        self._tickets: list[Ticket] = []
        self._done: list[Completion | None] = [None] * len(requests)
        self._heard = [False] * len(requests)
        self._entered = False
        self._left = len(requests)
        self._error: Refused | None = None
        self._ended = False

    @property
    def finished(self) -> bool:
        """Whether all has been heard."""
        return self._left == 0 or self._error is not None

    @property
    def failed(self) -> bool:
        """Whether an error ended it."""
        return self._error is not None

    def start(self, heard: Heard) -> Reply | None:
        """Hand the requests to the engine; a reply says why it does not take them."""
        try:
            self._gate.enter(len(self._requests))
            self._entered = True
            for index, request in enumerate(self._requests):
                self._tickets.append(self._engine.submit(request, partial(heard, index)))
        except Refused as error:
            self._error = error
        except SwiftxError as error:
            self._error = refused(error)
        if self._error is None:
            return None
        self.end(self._error.status)
        return self._error.reply()

    def hear(self, index: int, piece: Piece) -> bytes:
        """Take a piece; return the events that a streaming client gets for it."""
        assert not isinstance(piece, Reply)  # text comes in pieces
        if self.finished:
            return b""
        if isinstance(piece, SwiftxError):
            return self._fail(refused(piece))
        if not self._heard[index]:
            self._begin(index)
        if piece.finish_reason is not None:
            self._done[index] = piece.completion
            self._left -= 1
        if not self.streams:
            return b""
        events = self._writer.chunk(index, piece)
        if self._left:
            return events
        return events + self._writer.last(self._used() if self._usage else None)

    def reply(self) -> Reply:
        """Return the whole answer, or the error."""
        if self._error is not None:
            return self._error.reply()
        return Reply(200, self._writer.whole(self._completions(), self._used()))

    def end(self, status: int) -> None:
        """Stop what still runs, and count. Harmless twice."""
        if self._ended:
            return
        self._ended = True
        if self._left:
            for ticket in self._tickets:
                ticket.cancel()
        if self._entered:
            self._gate.left(self._heard.count(False))
        self._write_record(self._error.status if self._error is not None else status)
        self._on_end(self._record)

    def time_out(self, seconds: float) -> bytes:
        """Give up; return the events that tell a streaming client so."""
        return self._fail(too_late(seconds))

    def _begin(self, index: int) -> None:
        if not any(self._heard):
            self._record.first_s = self._now() - self._started
        self._heard[index] = True
        self._gate.begun()

    def _fail(self, error: Refused) -> bytes:
        self._error = error
        return b"data: " + encoded({"error": error.error()}) + b"\n\n" if self.streams else b""

    def _completions(self) -> list[Completion]:
        return [each for each in self._done if each is not None]

    def _used(self) -> dict[str, Any]:
        return usage_of(self._completions(), prompts=self._prompts)

    def _write_record(self, status: int) -> None:
        record, answers = self._record, self._completions()
        record.status = status
        record.seconds = self._now() - self._started
        record.completions = answers
        if answers:
            used = usage_of(answers, prompts=min(self._prompts, len(answers)))
            record.prompt_tokens = used["prompt_tokens"]
            record.generated_tokens = used["completion_tokens"]
        record.finish_reasons = tuple(answer.finish_reason for answer in answers)
