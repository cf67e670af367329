"""The engine that asks a service, against our own service over a scripted engine, by real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue
from typing import Any, ClassVar

import pytest

pytest.importorskip("openai")
pytest.importorskip("fastapi")

from tests.contract.engine_contract import ClosingContract, EngineContract, greedy
from tests.fakes.http_service import served
from tests.fakes.service import ScriptedService, scripted_service
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.adapters.engines._loop import DeltaLoop
from swiftx.adapters.engines.openai import connect
from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.chat.messages import Conversation, Message
from swiftx.domain.chat.tool_calling import ToolCall
from swiftx.domain.plans.engines import ServicePlan
from swiftx.domain.plans.inference import Completion, Delta, Request
from swiftx.errors import BackendError, SwiftxError, UsageError

TOKENIZER = ByteTokenizer()


def thrice(prompt: str) -> str:
    return prompt.removesuffix("<|im_start|>assistant\n") * 3


@pytest.fixture(scope="module")
def service() -> ScriptedService:
    return scripted_service(thrice)


@pytest.fixture(scope="module")
def url(service: ScriptedService) -> Iterator[str]:
    with served(service) as address:
        yield f"{address}/v1"


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[DeltaLoop]:
    engine = connect(ServicePlan(base_url=url, retries=0))
    yield engine
    engine.close()


class TestOpenAiEngine(EngineContract, ClosingContract):
    @pytest.fixture
    def spare(self, url: str) -> DeltaLoop:
        return connect(ServicePlan(base_url=url, retries=0))

    @pytest.fixture
    def prompts(self) -> list[list[int]]:
        return [TOKENIZER.encode(text) for text in ("Who are you?", "One 数", "abc")]

    def ids(self, answer: Completion) -> tuple[int, ...]:
        return tuple(TOKENIZER.encode(answer.text))


def chat(*messages: Message, tools: tuple[Any, ...] = (), **settings: Any) -> Request:
    conversation = Conversation(messages=messages, tools=tools)
    return replace(greedy([], **settings), conversation=conversation)


def say(text: str) -> Message:
    return Message("user", text)


@contextmanager
def connected(service: ScriptedService, *, at_once: int = 32) -> Iterator[DeltaLoop]:
    with served(service) as url:
        engine = connect(ServicePlan(base_url=f"{url}/v1", retries=0, at_once=at_once))
        try:
            yield engine
        finally:
            engine.close()


def test_conversation_is_answered_with_all_its_turns() -> None:
    service = scripted_service()
    with connected(service) as engine:
        turns = [Message("system", "Be brief."), say("a"), Message("assistant", "b"), say("Hi")]
        answer = engine.generate([chat(*turns, max_new_tokens=100)])[0]

    assert (answer.text, answer.finish_reason) == ("Hi", "stop")
    prompt = TOKENIZER.decode(service.engine.requests[-1].prompt_ids)
    assert "system\nBe brief.<" in prompt
    assert "assistant\nb<" in prompt
    assert answer.prompt_tokens == len(service.engine.requests[-1].prompt_ids)
    assert answer.generated_tokens == 2


def test_stop_words_stay_in_the_answer_of_a_chat() -> None:
    with connected(scripted_service()) as engine:
        answer = engine.generate([chat(say("one two three"), stop_words=("two",))])[0]

    assert (answer.text, answer.finish_reason) == ("one two", "stop")


def test_thoughts_come_between_tags() -> None:
    with connected(scripted_service(lambda _: "<think>\nHm.\n</think>\n\nYes.")) as engine:
        answer = engine.generate([chat(say("?"), max_new_tokens=100)])[0]

    assert answer.text == "<think>\nHm.\n</think>\n\nYes."


def test_tools_are_declared_and_their_calls_come_back() -> None:
    call = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
    service = scripted_service(lambda _: call)
    tool = {"name": "add", "parameters": {"type": "object"}}
    earlier = [Message("tool_call", '{"name": "add", "arguments": {}}'), Message("tool", "3")]
    with connected(service) as engine:
        request = chat(say("1+1"), *earlier, tools=(tool,), max_new_tokens=100)
        answer = engine.generate([request])[0]

    assert answer.tool_calls == (ToolCall("add", '{"a": 1}'),)
    prompt = TOKENIZER.decode(service.engine.requests[-1].prompt_ids)
    assert '"name": "add"' in prompt
    assert "<tool_response>\n3\n</tool_response>" in prompt


def test_log_probabilities_of_a_chat() -> None:
    with connected(scripted_service()) as engine:
        answer = engine.generate([chat(say("ab"), logprobs=True, top_logprobs=2)])[0]

    assert answer.logprobs is not None
    assert [entry.token for entry in answer.logprobs] == ["a", "b"]
    assert answer.logprobs[0].top == (("a", -0.5), ("<0>", -1.0))


def test_never_more_requests_at_once_than_allowed() -> None:
    service = scripted_service(seconds_per_token=0.005, real_time=True)
    running: list[int] = []
    ends: SimpleQueue[str | None] = SimpleQueue()

    def listen(news: Delta | SwiftxError) -> None:
        running.append(service.engine.stats().running)
        ends.put(news.finish_reason if isinstance(news, Delta) else "error")

    with connected(service, at_once=3) as engine:
        for _ in range(8):
            engine.submit(chat(say("abcd")), listen)
        reasons = [
            reason for _ in range(8) for reason in iter(partial(ends.get, timeout=60), "stop")
        ]

    assert set(reasons) == {None}
    assert 1 <= max(running) <= 4  # the one that just ended may still be counted


def test_cancelling_stops_the_service() -> None:
    service = scripted_service(seconds_per_token=0.01, real_time=True)
    with connected(service) as engine:
        stream = engine.stream(chat(say("a" * 4000), max_new_tokens=3000))
        assert next(stream).text == "a"
        stream.close()
        end = time.monotonic() + 30
        while not service.engine.cancelled and time.monotonic() < end:
            time.sleep(0.02)

    assert len(service.engine.cancelled) == 1


def test_service_that_is_down_is_told_of_at_once() -> None:
    with pytest.raises(BackendError, match="cannot be reached"):
        connect(ServicePlan(base_url="http://127.0.0.1:9/v1"))


def test_key_model_and_address_that_are_wrong() -> None:
    service = scripted_service(args=DeployArgs(model="m", api_key="secret"))
    with served(service) as url:
        with pytest.raises(UsageError, match="refuses the key"):
            connect(ServicePlan(base_url=f"{url}/v1", api_key="wrong"))
        with pytest.raises(UsageError, match="has no model 'gpt-9'; it has scripted"):
            connect(ServicePlan(base_url=f"{url}/v1", api_key="secret", model="gpt-9"))
        with pytest.raises(UsageError, match="does not find it"):
            connect(ServicePlan(base_url=url, api_key="secret"))


def test_what_the_service_refuses_is_said_in_its_words() -> None:
    with connected(scripted_service()) as engine, pytest.raises(UsageError, match="temperature"):
        engine.generate([chat(say("Hi"), temperature=9.0)])


class Stub(BaseHTTPRequestHandler):
    """A service that is busy at first, and then breaks off in the middle of a line."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._reply(200, b'{"object": "list", "data": [{"id": "m", "object": "model"}]}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(self.path)
        if len(self.asked) == 1:
            self._reply(429, b'{"error": {"message": "busy"}}', ("Retry-After", "0.01"))
            return
        piece = b'data: {"choices": [{"index": 0, "delta": {"content": "He"}}]}\n\n'
        self._reply(200, piece, ("Content-Type", "text/event-stream"))

    def log_message(self, format: str, *args: Any) -> None: ...

    def _reply(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def test_busy_service_is_asked_again_and_one_that_breaks_off_is_an_error() -> None:
    with HTTPServer(("127.0.0.1", 0), Stub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        engine = connect(ServicePlan(base_url=f"http://127.0.0.1:{server.server_port}/v1"))
        try:
            with pytest.raises(BackendError, match="broke off"):
                engine.generate([chat(say("Hi"))])
        finally:
            engine.close()
            server.shutdown()
            thread.join()

    assert len(Stub.asked) == 2
