"""What engines have in common that answer by telling listeners."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from queue import SimpleQueue

from swiftx.domain.plans.inference import Completion, Delta, Request
from swiftx.domain.ports.engine import Listener, Ticket
from swiftx.errors import SwiftxError

Submit = Callable[[Request, Listener], Ticket]


def streamed(submit: Submit, request: Request) -> Generator[Delta, None, None]:
    """Yield the pieces of one answer; closing the generator cancels it.

    Raises:
        SwiftxError: What the listener heard.
    """
    heard: SimpleQueue[Delta | SwiftxError] = SimpleQueue()
    ticket = submit(request, heard.put)
    try:
        while True:
            delta = heard.get()
            if isinstance(delta, SwiftxError):
                raise delta
            yield delta
            if delta.finish_reason is not None:
                return
    finally:
        ticket.cancel()


def gathered(submit: Submit, requests: Sequence[Request]) -> list[Completion]:
    """Return the answers to all requests, in order.

    Raises:
        SwiftxError: The first failure; what is under way then is cancelled.
    """
    heard: SimpleQueue[tuple[int, Completion | SwiftxError]] = SimpleQueue()
    answers: dict[int, Completion] = {}
    tickets = []
    try:
        for index, request in enumerate(requests):
            tickets.append(submit(request, _last(index, heard)))
        while len(answers) < len(requests):
            index, outcome = heard.get()
            if isinstance(outcome, SwiftxError):
                raise outcome
            answers[index] = outcome
    finally:
        for ticket in tickets:
            ticket.cancel()
    return [answers[index] for index in range(len(requests))]


def _last(index: int, heard: SimpleQueue[tuple[int, Completion | SwiftxError]]) -> Listener:
    def listen(delta: Delta | SwiftxError) -> None:
        if isinstance(delta, SwiftxError):
            heard.put((index, delta))
        elif delta.completion is not None:
            heard.put((index, delta.completion))

    return listen
