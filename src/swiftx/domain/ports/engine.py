"""Port: generating answers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from swiftx.domain.plans.inference import Completion, Delta, EngineFacts, EngineStats, Request
from swiftx.errors import SwiftxError

Listener = Callable[[Delta | SwiftxError], None]
"""Hears an answer as it comes: pieces, of which the last has a finish reason, or one error in the end.

Called from a thread of the engine; must return fast and must not raise.
"""


class Ticket(Protocol):
    """An answer under way."""

    def cancel(self) -> None:
        """Stop generating soon, whatever was said so far; the listener hears nothing more. Harmless twice."""
        ...


class InferenceEngine(Protocol):
    """Answers requests, of which it takes any number from any threads at the same time.

    Requests that are under way together share the model's time; no answer depends on its neighbours: greedy
    answers are those of each request alone, and sampled ones depend on the request's seed only. Temperature 0
    is deterministic. Stop ids are removed from the answer, stop words stay in it. Log-probabilities are at
    most 0. Several samples of one prompt are several requests with seeds of their own.
    """

    @property
    def facts(self) -> EngineFacts:
        """What the engine can do; it does not change."""
        ...

    def submit(self, request: Request, listener: Listener) -> Ticket:
        """Begin to answer, and return at once.

        Raises:
            UsageError: The request cannot be served: no prompt, longer than the model allows, an adapter that
                is not there, something that this engine cannot do.
            BackendError: The engine is closed or broken.
        """
        ...

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Return one completion a request, in order; an empty list for no requests.

        Raises:
            BackendError: The library failed.
            UsageError: A request cannot be served; nothing is generated then.
        """
        ...

    def stream(self, request: Request) -> Generator[Delta, None, None]:
        """Yield the answer in pieces whose texts add up to the completion's text.

        Closing the generator cancels the generation.

        Raises:
            BackendError, UsageError: As `generate`.
        """
        ...

    def stats(self) -> EngineStats:
        """Return what it is doing and has done; cheap."""
        ...

    def close(self) -> None:
        """End what is under way and free the model; later requests are refused. Harmless twice.

        Listeners that wait for more hear a BackendError.
        """
        ...
