"""The service over an engine that answers what it was told to; asked without HTTP."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

from tests.fakes.engine import Answer, ScriptedEngine
from tests.fakes.rows import InMemorySink
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.inference.scores import Meaning
from swiftx.domain.plans.serving import Reply
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.ports.pooling import PoolingEngine
from swiftx.domain.ports.server import Exchange, Piece
from swiftx.domain.serving.api import Identity, OpenAiApi, Outside
from swiftx.domain.serving.journal import Journal
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.pooled_model import PooledModel
from swiftx.domain.serving.sampling import Defaults
from swiftx.domain.serving.text import TextService
from swiftx.domain.serving.vectors import VectorService
from swiftx.domain.templates.chat_template import ChatTemplate

VECTORS = {
    "embedding": ("/v1/embeddings", "/v1/score", "/pooling"),
    "reranker": ("/v1/rerank", "/v1/score", "/pooling"),
    "seq_cls": ("/v1/classify", "/pooling"),
}
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
RESULTS = "/desk/answers.jsonl"


def echo(prompt: str) -> Answer:
    """Answer a chat with its last question, and any other text with itself."""
    _, asked, question = prompt.rpartition("<|im_start|>user\n")
    return question.partition("<|im_end|>")[0] if asked else prompt


@dataclass(kw_only=True)
class ScriptedService:
    """Everything around the API that a test may look at.

    Attributes:
        seconds: What the clock says.
    """

    api: OpenAiApi
    engine: ScriptedEngine
    lines: list[str]
    sink: InMemorySink
    gate: Gate
    seconds: list[float] = field(default_factory=lambda: [0.0])

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Return status and JSON of a request that is not streamed."""
        outcome = self.api.post(
            path, body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        if isinstance(outcome, Reply):
            return outcome.status, json.loads(outcome.body)
        assert isinstance(outcome, Exchange)
        heard, refusal = run(outcome)
        reply = refusal or outcome.reply()
        assert heard == b"" or outcome.streams
        return reply.status, json.loads(reply.body)

    def stream(self, path: str, body: Mapping[str, Any]) -> list[Any]:
        """Return the events of a streamed request; the last is `[DONE]`."""
        outcome = self.api.post(path, json.dumps({"stream": True, **body}).encode())
        assert isinstance(outcome, Exchange), outcome
        heard, refusal = run(outcome)
        assert refusal is None, refusal
        return read_events(heard)


@dataclass(kw_only=True)
class VectorApi:
    """The API of a model that answers with numbers, and what a test may look at."""

    api: OpenAiApi
    pooling: Any
    lines: list[str]
    gate: Gate

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Return status and JSON of a request."""
        outcome = self.api.post(path, json.dumps(body).encode())
        if isinstance(outcome, Reply):
            return outcome.status, json.loads(outcome.body)
        _, refusal = run(outcome)
        reply = refusal or outcome.reply()
        return reply.status, json.loads(reply.body)


def vector_service(
    meaning: Meaning,
    pooling: PoolingEngine,
    *,
    max_model_len: int | None = 4096,
    queue_limit: int = 64,
    api_key: str | None = None,
) -> VectorApi:
    """Return a service of the model `scripted` that answers with the numbers of `pooling`."""
    gate = Gate(queue_limit, lambda: 0.0)
    plan = TemplatePlan(name="chatml", today=date(2026, 11, 24))
    service = VectorService(
        PooledModel(pooling, max_model_len=max_model_len),
        ChatTemplate(plan, ByteTokenizer()),
        meaning,
        name="scripted",
        gate=gate,
    )
    lines: list[str] = []
    ids = count(1)
    api = OpenAiApi(
        service,
        identity=Identity(owned_by="swift", created=1_700_000_000, api_key=api_key),
        gate=gate,
        outside=Outside(lambda: 0.0, lambda: 1_700_000_001.0, lambda: f"{next(ids):032x}"),
        journal=Journal(lines.append, verbose=True),
    )
    return VectorApi(api=api, pooling=pooling, lines=lines, gate=gate)


def run(exchange: Exchange) -> tuple[bytes, Reply | None]:
    """Run a request to its end; return its events, or the reply of one that may not begin."""
    pieces: queue.Queue[tuple[int, Piece]] = queue.Queue()
    refusal = exchange.start(lambda index, piece: pieces.put((index, piece)))
    heard = b""
    while refusal is None and not exchange.finished:
        heard += exchange.hear(*pieces.get(timeout=10))
    exchange.end(200)
    return heard, refusal


def read_events(stream: bytes) -> list[Any]:
    """Return the data of server-sent events."""
    lines = [line for line in stream.decode().split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines), lines
    found = [line.removeprefix("data: ") for line in lines]
    return [line if line == "[DONE]" else json.loads(line) for line in found]


def scripted_service(
    answers: Callable[[str], Answer] = echo,
    *,
    args: DeployArgs | None = None,
    adapters: Sequence[str] = (),
    agent: str = "hermes",
    template: str = "chatml",
    max_model_len: int | None = 4096,
    queue_limit: int = 64,
    config: Mapping[str, Any] | None = None,
    seconds_per_token: float = 0.0,
    response_prefix: str | None = None,
    real_time: bool = False,
) -> ScriptedService:
    """Return a service of the model `scripted`."""
    args = args or DeployArgs(model="scripted", temperature=0)
    tokenizer = ByteTokenizer()
    engine = ScriptedEngine(
        tokenizer,
        answers,
        max_model_len=max_model_len,
        adapters=adapters,
        seconds_per_token=seconds_per_token,
    )
    plan = TemplatePlan(
        name=template,
        today=date(2026, 11, 24),
        agent_template=agent,
        response_prefix=response_prefix,
    )
    chat_template = ChatTemplate(plan, tokenizer)
    seconds = [0.0]
    now = time.monotonic if real_time else lambda: seconds[0]
    gate = Gate(queue_limit, now)
    text = TextService(
        engine,
        chat_template,
        Defaults(
            args=args,
            config=config or {},
            tokenizer=tokenizer,
            stop_ids=chat_template.stops.ids,
            end_words=chat_template.stops.words,
        ),
        models={"scripted": None, **{name: name for name in adapters}},
        max_logprobs=args.max_logprobs,
        gate=gate,
    )
    lines: list[str] = []
    sink = InMemorySink()
    ids = count(1)
    api = OpenAiApi(
        text,
        identity=Identity(owned_by=args.owned_by, created=1_700_000_000, api_key=args.api_key),
        gate=gate,
        outside=Outside(now, lambda: 1_700_000_001.0, lambda: f"{next(ids):032x}"),
        journal=Journal(lines.append, verbose=args.verbose, results=sink, result_path=RESULTS),
        log_interval_s=args.log_interval,
    )
    return ScriptedService(
        api=api, engine=engine, lines=lines, sink=sink, gate=gate, seconds=seconds
    )
