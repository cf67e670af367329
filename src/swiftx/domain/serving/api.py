"""The service: OpenAI's paths, in bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from swiftx.domain.plans.serving import Metric, Reply
from swiftx.domain.ports.server import Exchange
from swiftx.domain.serving.auth import is_allowed
from swiftx.domain.serving.exchange import Record
from swiftx.domain.serving.fields import Json, read_body
from swiftx.domain.serving.journal import Journal
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.openapi import described
from swiftx.domain.serving.reading import read_chat, read_completion
from swiftx.domain.serving.refusals import Problem, Refused, encoded, refused, shown
from swiftx.domain.serving.stats import Tally, rate_line
from swiftx.domain.serving.text import TextService, Watch
from swiftx.domain.serving.vectors import VectorService
from swiftx.domain.serving.writing import Head
from swiftx.errors import SwiftxError

_OPEN = frozenset({"/health", "/ping", "/metrics", "/openapi.json"})
"""Paths that monitors see without a key; they tell nothing of what is asked or answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the service says of itself.

    Attributes:
        created: Seconds since 1970 when the model was loaded.
    """

    owned_by: str
    created: int
    api_key: str | None = field(default=None, repr=False)


class Outside(NamedTuple):
    """What the service needs of the world.

    Attributes:
        now: Seconds, from any start.
        today: Seconds since 1970.
        new_id: A text that no other request has.
    """

    now: Callable[[], float]
    today: Callable[[], float]
    new_id: Callable[[], str]


class OpenAiApi:
    """What OpenAI's clients talk to.

    Args:
        service: Answers with text, or with numbers.
        journal: Writes down what was asked and answered.
        log_interval_s: Seconds between lines of tokens a second; not positive for none.
    """

    def __init__(
        self,
        service: TextService | VectorService,
        *,
        identity: Identity,
        gate: Gate,
        outside: Outside,
        journal: Journal,
        log_interval_s: float = 20,
    ) -> None:
        self._service = service
        self._identity = identity
        self._gate = gate
        self._outside = outside
        self._journal = journal
        self._interval = log_interval_s
        self._started = outside.now()
        self._tally = Tally()
        self._watch = Watch(now=outside.now, on_end=self._end)
        self._reported = (self._started, service.engine.stats())
        self._posts: Mapping[str, Callable[[Json], Exchange]] = (
            {path: partial(self._vectors, service, path) for path in service.paths}
            if isinstance(service, VectorService)
            else {
                "/v1/chat/completions": partial(self._chat, service),
                "/v1/completions": partial(self._complete, service),
            }
        )

    def describe(self) -> Mapping[str, Any]:
        """Return the paths of an OpenAPI description."""
        return described(self._posts.keys())

    def get(self, path: str) -> Reply:
        """Answer a request without a body."""
        match path:
            case "/v1/models":
                models = [self._model(name) for name in self._service.models]
                reply = Reply(200, encoded({"object": "list", "data": models}))
            case "/health" | "/ping":
                reply = Reply(200, b'{"status":"ok"}')
            case "/stats":
                reply = Reply(200, encoded(self._stats()))
            case _ if path.startswith("/v1/models/"):
                name = path.removeprefix("/v1/models/")
                if name not in self._service.models:
                    return self._refuse(
                        _unknown_model(name, self._service.models), path="/v1/models/"
                    )
                reply = Reply(200, encoded(self._model(name)))
                path = "/v1/models/"
            case _:
                return self.refuse(404, f"Unknown request URL: GET {path[:200]}.")
        self._tally.requests[path, 200] += 1
        return reply

    def post(self, path: str, body: bytes) -> Reply | Exchange:
        """Read a request; what is wrong with it becomes a reply."""
        make = self._posts.get(path)
        if make is None:
            return self.refuse(404, f"Unknown request URL: POST {path[:200]}.")
        try:
            return make(read_body(body))
        except Refused as error:
            return self._refuse(error, path=path)
        except SwiftxError as error:
            return self._refuse(refused(error), path=path)

    def refuse(self, status: int, message: str, *, path: str = "") -> Reply:
        """Return, and count, an error that the transport noticed."""
        if status == 404 and not path:  # such as a chat with a model that only ranks
            message += f" This model answers POST {', '.join(self._posts)}."
        return self._refuse(Refused([Problem(None, message)], status=status), path=path)

    def unauthorized(self, path: str, authorization: str | None) -> Reply | None:
        """Return the reply to who may not see this path; None lets them."""
        if path in _OPEN or is_allowed(authorization, self._identity.api_key):
            return None
        message = (
            "Incorrect API key provided." if authorization else "You didn't provide an API key."
        )
        message += " Send it as `Authorization: Bearer KEY`."
        headers = {"WWW-Authenticate": "Bearer"}
        error = Refused([Problem(None, message)], status=401, headers=headers)
        return self._refuse(error, path=path if path in self._posts else "")

    def metrics(self) -> Sequence[Metric]:
        """Return what a monitor collects."""
        return self._tally.metrics(self._service.engine.stats(), waiting=self._gate.waiting)

    def tick(self) -> None:
        """Write down what was answered, and from time to time how fast."""
        self._journal.flush()
        since, before = self._reported
        seconds = self._outside.now() - since
        if self._interval <= 0 or seconds < self._interval:
            return
        after = self._service.engine.stats()
        self._reported = (self._outside.now(), after)
        if after != before or after.running:
            self._journal.say(rate_line(before, after, seconds, waiting=self._gate.waiting))

    def _chat(self, text: TextService, body: Json) -> Exchange:
        asked = read_chat(body, text.bounds)
        head = self._head("chatcmpl", asked.model)
        record = Record(id=head.id, path="/v1/chat/completions", model=head.model, body=body)
        exchange = text.chat(asked, head, self._watch, record)
        self._journal.asked(record)
        return exchange

    def _complete(self, text: TextService, body: Json) -> Exchange:
        asked = read_completion(body, text.bounds)
        head = self._head("cmpl", asked.model)
        record = Record(id=head.id, path="/v1/completions", model=head.model, body=body)
        exchange = text.complete(asked, head, self._watch, record)
        self._journal.asked(record)
        return exchange

    def _vectors(self, service: VectorService, path: str, body: Json) -> Exchange:
        now = self._outside.now
        work, record = service.work(path, body, head=self._head, on_end=self._end, now=now)
        self._journal.asked(record)
        return work

    def _head(self, kind: str, model: str | None) -> Head:
        models = self._service.models
        if model is not None and model not in models:
            raise _unknown_model(model, models)
        name = next(iter(models)) if model is None else model
        return Head(f"{kind}-{self._outside.new_id()}", int(self._outside.today()), name)

    def _end(self, record: Record) -> None:
        self._tally.add(record)
        self._journal.answered(record)

    def _refuse(self, error: Refused, *, path: str) -> Reply:
        self._tally.requests[path, error.status] += 1
        self._journal.refused(path, error)
        return error.reply()

    def _model(self, name: str) -> dict[str, Any]:
        models = self._service.models
        base = next(iter(models))
        described: dict[str, Any] = {
            "id": name,
            "object": "model",
            "created": self._identity.created,
            "owned_by": self._identity.owned_by,
        }
        if self._service.engine.facts.max_model_len is not None:
            described["max_model_len"] = self._service.engine.facts.max_model_len
        return described if models[name] is None else {**described, "parent": base}

    def _stats(self) -> dict[str, Any]:
        tally, engine = self._tally, self._service.engine.stats()
        return {
            "uptime_s": round(self._outside.now() - self._started, 3),
            "engine": self._service.engine.facts.name,
            "models": list(self._service.models),
            "running": engine.running,
            "waiting": self._gate.waiting,
            "requests": _by_status(tally),
            "prompt_tokens": tally.prompt_tokens,
            "generated_tokens": tally.generated_tokens,
            "cached_tokens": engine.cached_tokens,
            "mean_time_to_first_token_s": _mean(tally.first_piece.total, tally.first_piece.count),
            "mean_request_s": _mean(tally.duration.total, tally.duration.count),
        }


def _by_status(tally: Tally) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, status), count in sorted(tally.requests.items(), key=lambda each: each[0][1]):
        counts[str(status)] = counts.get(str(status), 0) + count
    return counts


def _mean(total: float, count: int) -> float | None:
    return round(total / count, 6) if count else None


def _unknown_model(name: str, models: Mapping[str, str | None]) -> Refused:
    message = f"The model {shown(name)} does not exist; there are {', '.join(models)}."
    return Refused([Problem("model", message, "model_not_found")], status=404)
