"""The official `openai` client against the service, over real HTTP."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from tests.fakes.http_service import served
from tests.fakes.pooling import CountingPooling
from tests.fakes.service import ScriptedService, echo, scripted_service, vector_service

from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.inference.scores import Meaning

KEY = "open sesame"
CALL = 'Well. <tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>'
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}


def answers(prompt: str) -> str:
    question = str(echo(prompt))
    return {"tool": CALL, "think": "<think>Hm.</think>Yes."}.get(question, question)


@pytest.fixture(scope="module")
def service() -> ScriptedService:
    args = DeployArgs(model="scripted", temperature=0, api_key=KEY)
    return scripted_service(answers, args=args, adapters=["poet"], real_time=True)


@pytest.fixture(scope="module")
def client(service: ScriptedService) -> Iterator[OpenAI]:
    with (
        served(service) as url,
        OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=20) as client,
    ):
        yield client


def ask(client: OpenAI, text: str, **more: Any) -> Any:
    more = {"model": "scripted", **more}
    return client.chat.completions.create(messages=[{"role": "user", "content": text}], **more)


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["scripted", "poet"]
    assert client.models.retrieve("poet").owned_by == "swift"


def test_chat(client: OpenAI) -> None:
    answer = ask(client, "Grüße", model="poet", n=2)

    assert [choice.message.content for choice in answer.choices] == ["Grüße", "Grüße"]
    assert answer.model == "poet"
    assert answer.usage.completion_tokens == 2 * len("Grüße".encode())


def test_chat_in_a_stream(client: OpenAI) -> None:
    chunks = list(
        ask(client, "Grüße", stream=True, stream_options={"include_usage": True}, logprobs=True)
    )

    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(text or "" for text in texts) == "Grüße"
    assert chunks[-1].usage.completion_tokens == len("Grüße".encode())
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert any(chunk.choices and chunk.choices[0].logprobs for chunk in chunks)


def test_the_clients_own_reading_of_a_stream(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="scripted", messages=[{"role": "user", "content": "tool"}], tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()

    calls: Any = final.choices[0].message.tool_calls
    (call,) = calls
    assert call.function.name == "get_weather"
    assert call.function.arguments == '{"city": "Rome"}'
    assert final.choices[0].message.content == "Well."
    assert final.choices[0].finish_reason == "tool_calls"


def test_a_call_in_a_stream_comes_piece_by_piece(client: OpenAI) -> None:
    chunks = list(ask(client, "tool", tools=[WEATHER], stream=True))

    deltas = [chunk.choices[0].delta for chunk in chunks]
    first, *others = [call for delta in deltas for call in delta.tool_calls or []]
    assert (first.index, first.type, first.function.name) == (0, "function", "get_weather")
    assert first.id.startswith("call_")
    assert all(call.id is None and call.function.name is None for call in others)
    pieces = [call.function.arguments for call in (first, *others)]
    assert "".join(pieces) == '{"city": "Rome"}'
    assert max(map(len, pieces)) < 4  # as the model writes them
    assert "".join(delta.content or "" for delta in deltas) == "Well."


def test_tools(client: OpenAI) -> None:
    answer = ask(client, "tool", tools=[WEATHER], tool_choice="auto")

    (call,) = answer.choices[0].message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    messages: Any = [
        {"role": "user", "content": "tool"},
        answer.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "27"},
    ]
    after: Any = client.chat.completions.create(
        model="scripted", messages=messages, tools=[WEATHER]
    )
    assert "<tool_response>\n27" in after.choices[0].message.content


def test_logprobs(client: OpenAI) -> None:
    answer = ask(client, "ab", logprobs=True, top_logprobs=3)

    tokens = answer.choices[0].logprobs.content
    assert [token.token for token in tokens] == ["a", "b"]
    assert [len(token.top_logprobs) for token in tokens] == [3, 3]


def test_thoughts(client: OpenAI) -> None:
    message = ask(client, "think").choices[0].message

    assert message.content == "Yes."
    assert message.reasoning_content == "Hm."


def test_completions(client: OpenAI) -> None:
    answer = client.completions.create(model="scripted", prompt=["ab", "cd"], max_tokens=1)
    chunks = client.completions.create(model="scripted", prompt="abc", stream=True, echo=True)

    assert [choice.text for choice in answer.choices] == ["a", "c"]
    assert answer.choices[0].finish_reason == "length"
    assert "".join(chunk.choices[0].text for chunk in chunks) == "abcabc"


def test_a_parsed_answer(client: OpenAI) -> None:
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "number", "schema": {"type": "object"}},
    }
    assert ask(client, '{"a": 1}', response_format=form).choices[0].message.content == '{"a": 1}'


def test_errors(client: OpenAI, service: ScriptedService) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        ask(client, "Hi", temperature=9)
    with pytest.raises(openai.NotFoundError) as missing:
        ask(client, "Hi", model="gpt-9")
    with pytest.raises(openai.AuthenticationError) as stranger:
        ask(client.with_options(api_key="wrong"), "Hi")

    assert bad.value.param == "temperature"
    assert bad.value.type == "invalid_request_error"
    assert missing.value.code == "model_not_found"
    assert stranger.value.code == "invalid_api_key"


def test_too_many_requests() -> None:
    service = scripted_service(queue_limit=1, seconds_per_token=0.3, real_time=True)
    with served(service) as url, OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        first = client.chat.completions.with_streaming_response.create(
            model="scripted", messages=[{"role": "user", "content": "aaa"}], stream=True
        )
        service.gate.enter(1)  # one waits

        with pytest.raises(openai.RateLimitError) as caught, first:
            pass

        assert int(caught.value.response.headers["retry-after"]) >= 1


def test_embeddings() -> None:
    """The client asks for base64 where nobody says otherwise."""
    service = vector_service(Meaning(task="embedding"), CountingPooling(4), api_key=KEY)
    with served(service) as url, OpenAI(base_url=f"{url}/v1", api_key=KEY, timeout=20) as client:
        short = client.embeddings.create(model="scripted", input=["red", "blue"])
        plain = client.embeddings.create(model="scripted", input="red", encoding_format="float")
        cut = client.embeddings.create(model="scripted", input="red", dimensions=2)
        with pytest.raises(openai.BadRequestError) as bad:
            client.embeddings.create(model="scripted", input="red", dimensions=9)
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(
                model="scripted", messages=[{"role": "user", "content": "Hi"}]
            )

    assert short.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert short.data[1].index == 1
    assert short.usage.prompt_tokens == short.usage.total_tokens > 0
    assert math.hypot(*cut.data[0].embedding) == pytest.approx(1, abs=1e-6)
    ratio = plain.data[0].embedding[0] / plain.data[0].embedding[1]
    assert cut.data[0].embedding[0] / cut.data[0].embedding[1] == pytest.approx(ratio, abs=1e-5)
    assert bad.value.param == "dimensions"
    assert "answers POST /v1/embeddings" in missing.value.message
