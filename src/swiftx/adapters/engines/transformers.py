"""Answers with a transformers model in this process, many requests at a time.

The work is done by `adapters/batching`; this module refuses what cannot be served and translates.
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from swiftx.adapters.batching.answers import Answer
from swiftx.adapters.batching.model import SharedModel
from swiftx.adapters.batching.sampling import Grammar
from swiftx.adapters.batching.worker import Worker
from swiftx.adapters.engines._shared import gathered, streamed
from swiftx.domain.inference.admission import admitted
from swiftx.domain.inference.scheduling import Limits
from swiftx.domain.plans.inference import (
    Completion,
    Delta,
    EngineFacts,
    EngineStats,
    GenerationPlan,
    Request,
)
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.ports.engine import Listener
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.errors import ArgError, BackendError, UsageError

if TYPE_CHECKING:
    from swiftx.adapters.batching.grammar import Grammars

PREFIX_BYTES = 256 << 20
"""Memory for the beginnings of prompts that may come again."""


class _Admitted(NamedTuple):
    """A request that can be served, and what holds its answer to a schema."""

    request: Request
    grammar: Grammar | None


class TransformersEngine:
    """Generates with a loaded model, which is this engine's own from then on.

    Args:
        max_model_len: Longest prompt and answer together, in tokens; None for no limit.
        adapters: Folders of adapters by the name that requests ask for.
        limits: What it does at once.
        prefix_bytes: Memory for the beginnings of prompts; 0 computes every prompt anew.
    """

    def __init__(
        self,
        model: ModelHandle,
        tokenizer: Tokenizer,
        *,
        max_model_len: int | None = None,
        adapters: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        prefix_bytes: int = PREFIX_BYTES,
    ) -> None:
        shared = SharedModel(cast(Any, model), adapters)
        self._tokenizer = tokenizer
        self._vocabulary = shared.vocabulary
        worker = Worker(shared, tokenizer, limits=limits or Limits(), prefix_bytes=prefix_bytes)
        self._worker: Worker | None = worker
        # A thread that is inside torch when the interpreter ends would abort the process.
        weakref.finalize(self, worker.close)
        self._last_stats = EngineStats()
        self._grammars: Grammars | None = None
        self.facts = EngineFacts(
            name="pt",
            max_model_len=max_model_len,
            adapters=shared.adapters,
            beams=True,
            json_schema=_is_fast(tokenizer) and find_spec("llguidance") is not None,
        )

    def submit(self, request: Request, listener: Listener) -> Answer:
        """Begin to answer, and return at once."""
        return self._put(self._admitted(request), listener)

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Return one completion a request, in order."""
        ready = iter([self._admitted(request) for request in requests])
        return gathered(lambda _, listener: self._put(next(ready), listener), requests)

    def stream(self, request: Request) -> Generator[Delta, None, None]:
        """Yield the answer in pieces; closing the generator stops it after the current token."""
        return streamed(self.submit, request)

    def stats(self) -> EngineStats:
        """Return what it is doing and has done."""
        return self._last_stats if self._worker is None else self._worker.stats()

    def close(self) -> None:
        """Cancel what is under way and free the model."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
            self._last_stats = worker.stats()

    def _put(self, ready: _Admitted, listener: Listener) -> Answer:
        worker, request = self._open(), ready.request
        answer = Answer(
            self._tokenizer,
            request.prompt_ids,
            request.generation,
            listener,
            adapter=request.adapter,
            grammar=ready.grammar,
            on_cancel=worker.wake,
        )
        worker.put(answer)
        return answer

    def _open(self) -> Worker:
        if self._worker is None:
            raise BackendError("The engine is closed.")
        return self._worker

    def _admitted(self, request: Request) -> _Admitted:
        """Return the request with as many new tokens as the model has room for.

        Raises:
            UsageError: The request cannot be served.
            BackendError: The engine is closed.
        """
        self._open()
        request = admitted(request, self.facts)
        plan = request.generation
        problems = [
            *self._unknown("prompt", request.prompt_ids),
            *self._unknown("logit_bias", [token for token, _ in plan.logit_bias]),
            *_conflicts(plan),
        ]
        if problems:
            raise UsageError(problems)
        return _Admitted(request, self._grammar(plan))

    def _unknown(self, place: str, ids: Sequence[int]) -> list[ArgError]:
        if not ids or 0 <= min(ids) <= max(ids) < self._vocabulary:
            return []
        odd = next(token for token in ids if not 0 <= token < self._vocabulary)
        message = f"The {place} has token {odd}, the model has {self._vocabulary}."
        return [ArgError(None, message)]

    def _grammar(self, plan: GenerationPlan) -> Grammar | None:
        if plan.json_schema is None:
            return None
        if self._grammars is None:
            from swiftx.adapters.batching.grammar import Grammars

            raw = cast(Any, self._tokenizer).raw
            self._grammars = Grammars(raw, vocabulary=self._vocabulary)
        return self._grammars.json(plan.json_schema, plan.stop_ids)


def _conflicts(plan: GenerationPlan) -> list[ArgError]:
    """Return what beam search cannot do: it is the library's own, and has no place for these."""
    if plan.num_beams == 1:
        return []
    given = {
        "presence_penalty": plan.presence_penalty,
        "frequency_penalty": plan.frequency_penalty,
        "json_schema": plan.json_schema,
    }
    return [
        ArgError(None, f"Beam search has no {name}.", "Use num_beams 1.")
        for name, value in given.items()
        if value
    ]


def _is_fast(tokenizer: Tokenizer) -> bool:
    return bool(getattr(getattr(tokenizer, "raw", None), "is_fast", False))
