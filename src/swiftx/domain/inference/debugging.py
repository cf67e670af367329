"""An engine that also tells which tokens go into it and come out of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from swiftx.domain.plans.inference import Completion, Delta, EngineFacts, EngineStats, Request
from swiftx.domain.ports.engine import InferenceEngine, Listener, Ticket
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.errors import SwiftxError


class TellingEngine:
    """Answers with another engine, and tells each prompt when it comes and each answer when it ends.

    Args:
        tell: Called from any thread.
    """

    def __init__(
        self, engine: InferenceEngine, tokenizer: Tokenizer, tell: Callable[[str], None]
    ) -> None:
        self._engine = engine
        self._tokenizer = tokenizer
        self._tell = tell

    @property
    def facts(self) -> EngineFacts:
        return self._engine.facts

    def submit(self, request: Request, listener: Listener) -> Ticket:
        def listen(delta: Delta | SwiftxError) -> None:
            self._hear(delta)
            listener(delta)

        self._show("input", request.prompt_ids)
        return self._engine.submit(request, listen)

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        for request in requests:
            self._show("input", request.prompt_ids)
        answers = self._engine.generate(requests)
        for answer in answers:
            self._show("generate", answer.token_ids)
        return answers

    def stream(self, request: Request) -> Generator[Delta, None, None]:
        self._show("input", request.prompt_ids)
        deltas = self._engine.stream(request)
        try:
            for delta in deltas:
                self._hear(delta)
                yield delta
        finally:
            deltas.close()

    def stats(self) -> EngineStats:
        return self._engine.stats()

    def close(self) -> None:
        self._engine.close()

    def _hear(self, delta: Delta | SwiftxError) -> None:
        if isinstance(delta, Delta) and delta.completion is not None:
            self._show("generate", delta.completion.token_ids)

    def _show(self, name: str, ids: Sequence[int]) -> None:
        text = self._tokenizer.decode(ids)
        self._tell(f"[{name}_ids] {list(ids)}\n[{name}] {text!r}")
