"""What the HTTP service costs over its engine: CPU a request and a streamed chunk, delay, memory.

The engine has no model: it tells a token of every answer at each step, as an engine with continuous batching
does. CPU is that of the service's process while clients ask, less what the engine alone takes for as many
answers. Then 64 clients stream at once for SWIFTX_BENCH_SERVER_S seconds (default 10), from another process;
the time to their first token is held against the engine's own in the same run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, cast

from tests.fakes.tokenizer import ByteTokenizer

from bench.result import Measure
from swiftx.adapters.servers.openai_http import OpenAiHttpServer
from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.plans.inference import Completion, Delta, EngineFacts, EngineStats, Request
from swiftx.domain.plans.serving import ServePlan
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.ports.engine import InferenceEngine, Listener
from swiftx.domain.serving.api import Identity, OpenAiApi, Outside
from swiftx.domain.serving.journal import Journal
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.sampling import Defaults
from swiftx.domain.serving.text import TextService
from swiftx.domain.templates.chat_template import ChatTemplate

_CLIENTS = 64
_REQUESTS = 300
_TOKENS = 8
_STREAMED = 100
_END = b"\r\n0\r\n\r\n"  # of a chunked body
_STEP_S = 0.05
"""Of a model at work; requests one after the other get their tokens without a pause."""


class _Ticket:
    def __init__(self, listener: Listener, tokens: int) -> None:
        self.listener = listener
        self.left = tokens
        self.asked = time.monotonic()
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class SteppingEngine:
    """Tells a token of each answer at each step.

    Attributes:
        step_s: Seconds of a step.
        first_s: Of each answer, the seconds until its first token was told.
    """

    def __init__(self) -> None:
        self.facts = EngineFacts(name="stepping", max_model_len=1 << 20)
        self.step_s = 0.0
        self.first_s: list[float] = []
        self._new: deque[_Ticket] = deque()
        self._asked = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def submit(self, request: Request, listener: Listener) -> _Ticket:
        ticket = _Ticket(listener, request.generation.max_new_tokens or _TOKENS)
        self._new.append(ticket)
        self._asked.set()
        return ticket

    def stats(self) -> EngineStats:
        return EngineStats()

    def close(self) -> None:
        """The thread ends with the process."""

    def _run(self) -> None:
        running: list[_Ticket] = []
        while True:
            if not running:
                self._asked.wait()
            self._asked.clear()
            if self.step_s:
                time.sleep(self.step_s)
            while self._new:
                ticket = self._new.popleft()
                self.first_s.append(time.monotonic() - ticket.asked)
                running.append(ticket)
            for ticket in running:
                ticket.left -= 1
                ticket.listener(_piece(last=ticket.left == 0))
            running = [each for each in running if each.left and not each.cancelled]


def _piece(*, last: bool) -> Delta:
    if not last:
        return Delta(" word")
    whole = Completion(text=" word", token_ids=(1,), prompt_tokens=9, finish_reason="length")
    return Delta(" word", "length", (), whole)


def main() -> None:
    """Serve, and answer what is asked on stdin: `usage`, `step SECONDS`, `alone REQUESTS TOKENS`."""
    engine = SteppingEngine()
    plan = ServePlan(host="127.0.0.1", port=0, log_level="critical")
    server = OpenAiHttpServer(plan)
    print(server.listen().port, flush=True)
    threading.Thread(target=_obey, args=(engine,), daemon=True).start()
    server.serve(_api(engine))


def _api(engine: SteppingEngine) -> OpenAiApi:
    tokenizer = ByteTokenizer()
    template = ChatTemplate(TemplatePlan(name="chatml", today=date(2026, 1, 1)), tokenizer)
    gate = Gate(-1, time.monotonic)
    defaults = Defaults(
        args=DeployArgs(model="stepping"),
        config={},
        tokenizer=tokenizer,
        stop_ids=template.stops.ids,
        end_words=template.stops.words,
    )
    return OpenAiApi(
        TextService(
            cast(InferenceEngine, engine),
            template,
            defaults,
            models={"stepping": None},
            max_logprobs=20,
            gate=gate,
        ),
        identity=Identity(owned_by="swift", created=0, api_key=None),
        gate=gate,
        outside=Outside(time.monotonic, time.time, lambda: uuid.uuid4().hex),
        journal=Journal(lambda _: None, verbose=False),
        log_interval_s=-1,
    )


def _obey(engine: SteppingEngine) -> None:
    for line in sys.stdin:
        match line.split():
            case ["usage"]:
                first, engine.first_s = engine.first_s, []
                print(json.dumps([time.process_time(), _memory_mb(), first]), flush=True)
            case ["step", seconds]:
                engine.step_s = float(seconds)
                print("null", flush=True)
            case ["alone", requests, tokens]:
                print(json.dumps(_alone(engine, int(requests), int(tokens))), flush=True)


def _alone(engine: SteppingEngine, requests: int, tokens: int) -> float:
    """Return the CPU seconds of as many answers without a service."""
    before, told = time.process_time(), threading.Semaphore(0)
    for _ in range(requests):
        ticket = _Ticket(
            lambda piece: told.release() if getattr(piece, "completion", None) else None, tokens
        )
        engine._new.append(ticket)
        engine._asked.set()
        told.acquire()
    return time.process_time() - before


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class _Usage(NamedTuple):
    cpu_s: float
    memory_mb: float
    first_s: list[float]


class _Server:
    """The service in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the service ended")
        return line

    def ask(self, text: str) -> Any:
        assert self._process.stdin is not None
        print(text, file=self._process.stdin, flush=True)
        return json.loads(self._read())

    def usage(self) -> _Usage:
        return _Usage(*self.ask("usage"))


def measures() -> list[Measure]:
    seconds = float(os.environ.get("SWIFTX_BENCH_SERVER_S", "10"))
    with subprocess.Popen(
        [sys.executable, "-m", "bench.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            server = _Server(process)
            request_ms = _request_ms(server)
            return [_most("server, CPU a request", request_ms, 1.0, "ms"), *_many(server, seconds)]
        finally:
            process.kill()


def _request_ms(server: _Server) -> float:
    """Return the CPU of a whole answer over that of the engine."""
    connection = HTTPConnection("127.0.0.1", server.port)
    body = _body(_TOKENS, stream=False)

    def ask(count: int) -> None:
        for _ in range(count):
            connection.request("POST", "/v1/chat/completions", body)
            assert connection.getresponse().read()

    ask(30)
    before = server.usage().cpu_s
    ask(_REQUESTS)
    spent = server.usage().cpu_s - before
    alone = float(server.ask(f"alone {_REQUESTS} {_TOKENS}"))
    return 1000 * (spent - alone) / _REQUESTS


def _many(server: _Server, seconds: float) -> list[Measure]:
    server.ask(f"step {_STEP_S}")
    asyncio.run(_clients(server.port, min(seconds, 6)))  # what is allocated once, is now
    before = server.usage()
    answers = asyncio.run(_clients(server.port, seconds))
    after = server.usage()
    chunks = sum(answer.chunks for answer in answers)
    errors = sum(answer.failed for answer in answers)
    server.ask("step 0")
    alone = server.ask(f"alone {len(answers)} {_STREAMED}")
    chunk_us = 1e6 * (after.cpu_s - before.cpu_s - alone) / chunks
    waited = _p99([answer.first_s for answer in answers if not answer.failed])
    own = _p99(after.first_s)
    return [
        _most("server, CPU a streamed chunk", chunk_us, 40.0, "us"),
        _most(f"server, errors of {len(answers)} streams", errors, 0.0, ""),
        _most("server, memory after", after.memory_mb, 1.05 * before.memory_mb, "MB"),
        _most("server, p99 to the first token", 1000 * waited, 1300 * own, "ms"),
    ]


class _Answer(NamedTuple):
    first_s: float
    chunks: int
    failed: bool


async def _clients(port: int, seconds: float) -> list[_Answer]:
    end = time.monotonic() + seconds

    async def client(number: int) -> list[_Answer]:
        draw = random.Random(number)
        connection = await asyncio.open_connection("127.0.0.1", port)
        answers = []
        while time.monotonic() < end:
            await asyncio.sleep(draw.uniform(0, 1))  # they do not come in step
            answers.append(await _stream(*connection))
        connection[1].close()
        return answers

    found = await asyncio.gather(*(client(number) for number in range(_CLIENTS)))
    return [answer for each in found for answer in each]


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Answer:
    body = _body(_STREAMED, stream=True).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    started = time.monotonic()
    writer.write(head.encode() + body)
    first, chunks, said = 0.0, 0, b""
    while not said.endswith(_END) and (piece := await reader.read(1 << 16)):
        count = piece.count(b"data: ")
        if count and not chunks:
            first = time.monotonic() - started
        chunks += count
        said = (said + piece)[-200:]
    return _Answer(first, chunks, failed=b"data: [DONE]" not in said or chunks < _STREAMED)


def _body(tokens: int, *, stream: bool) -> str:
    messages = [{"role": "user", "content": "How do I boil an egg for exactly six minutes?"}]
    return json.dumps({"messages": messages, "max_tokens": tokens, "stream": stream})


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


def _most(name: str, ours: float, most: float, unit: str) -> Measure:
    return Measure(
        name=name, ours=ours, reference=most, unit=unit, goal="at most", kept=ours <= most
    )


if __name__ == "__main__":
    main()
