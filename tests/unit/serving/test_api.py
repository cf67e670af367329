"""The service asked without HTTP: what OpenAI's clients send, and what they get."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.fakes.service import CHAT, COMPLETIONS, RESULTS, ScriptedService, echo, scripted_service

from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.plans.serving import Reply
from swiftx.domain.ports.server import Exchange
from swiftx.errors import BackendError

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>'


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def recorded(answer: str) -> tuple[list[str], Callable[[str], str]]:
    """Return a list that gets the prompts, and the function that answers them."""
    prompts: list[str] = []

    def answers(prompt: str) -> str:
        prompts.append(prompt)
        return answer

    return prompts, answers


def problems(answer: Any) -> list[str]:
    error = answer["error"]
    return [each["param"] for each in error.get("problems", [error])]


def test_a_chat_is_answered_in_openais_form() -> None:
    status, answer = scripted_service().post(CHAT, said("Hello", model="scripted"))

    assert status == 200
    assert answer == {
        "id": "chatcmpl-00000000000000000000000000000001",
        "object": "chat.completion",
        "created": 1_700_000_001,
        "model": "scripted",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": answer["usage"]["prompt_tokens"],
            "completion_tokens": 5,
            "total_tokens": answer["usage"]["prompt_tokens"] + 5,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    }
    assert answer["usage"]["prompt_tokens"] > 5


def test_a_stream_has_a_role_the_text_a_reason_and_an_end() -> None:
    events = scripted_service().stream(CHAT, said("Héllo"))

    *chunks, end = events
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert end == "[DONE]"
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert "".join(delta.get("content", "") for delta in deltas) == "Héllo"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-2:] == [None, "stop"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert all("usage" not in chunk for chunk in chunks)


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_a_stream_ends_with_the_usage_when_asked(path: str) -> None:
    body = said("Hi") if path == CHAT else {"prompt": "Hi"}
    events = scripted_service().stream(path, {**body, "stream_options": {"include_usage": True}})

    *chunks, usage, end = events
    assert all(chunk["usage"] is None for chunk in chunks)
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 2
    assert end == "[DONE]"


def test_several_answers_are_told_apart_and_have_seeds_of_their_own() -> None:
    service = scripted_service()

    status, answer = service.post(CHAT, said("Hi", n=3, seed=7))
    events = service.stream(CHAT, said("Hi", n=2))

    assert status == 200
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["completion_tokens"] == 6
    assert answer["usage"]["prompt_tokens"] == len(service.engine.requests[0].prompt_ids)
    assert [request.generation.seed for request in service.engine.requests[:3]] == [7, 8, 9]
    texts = {0: "", 1: ""}
    for event in events[:-1]:
        choice = event["choices"][0]
        texts[choice["index"]] += choice["delta"].get("content") or ""
    assert texts == {0: "Hi", 1: "Hi"}


def test_a_stop_text_is_removed_and_a_stop_word_of_the_command_line_stays() -> None:
    service = scripted_service(args=DeployArgs(model="scripted", temperature=0, stop_words=("c",)))

    assert (
        service.post(CHAT, said("abcd", stop=["b"]))[1]["choices"][0]["message"]["content"] == "a"
    )
    assert service.post(CHAT, said("abcd"))[1]["choices"][0]["message"]["content"] == "abc"
    kept = service.post(CHAT, said("abcd", stop="b", include_stop_str_in_output=True))[1]
    assert kept["choices"][0]["message"]["content"] == "ab"


def test_a_request_decides_over_the_command_line_which_decides_over_the_model() -> None:
    args = DeployArgs(model="scripted", top_p=0.5, max_new_tokens=9)
    config = {"temperature": 0.3, "top_p": 0.9, "do_sample": True}
    service = scripted_service(args=args, config=config)
    asked = {
        "temperature": 1.5,
        "max_completion_tokens": 3,
        "max_tokens": 5,
        "min_p": 0.1,
        "presence_penalty": 1,
        "frequency_penalty": -1,
        "top_k": 4,
        "seed": 3,
        "stop_token_ids": [11],
        "logit_bias": {"7": -100, "8": 0.5},
    }

    service.post(CHAT, said("Hi"))
    service.post(CHAT, said("Hi", **asked))

    plain, given = (request.generation for request in service.engine.requests)
    assert (plain.temperature, plain.top_p, plain.max_new_tokens, plain.seed) == (0.3, 0.5, 9, None)
    assert (given.temperature, given.top_p, given.max_new_tokens) == (1.5, 0.5, 3)
    assert (given.min_p, given.presence_penalty, given.frequency_penalty) == (0.1, 1, -1)
    assert (given.top_k, given.seed) == (4, 3)
    assert given.logit_bias == ((7, -100), (8, 0.5))
    assert given.stop_ids == (*plain.stop_ids, 11)


def test_the_end_of_a_turn_can_be_ignored() -> None:
    service = scripted_service()

    service.post(CHAT, said("Hi", ignore_eos=True, max_tokens=4))

    assert service.engine.requests[0].generation.stop_ids == ()


def test_logprobs_come_with_their_tokens() -> None:
    service = scripted_service()

    _, answer = service.post(CHAT, said("Hi", logprobs=True, top_logprobs=2))
    events = service.stream(CHAT, said("Hi", logprobs=True, top_logprobs=2))

    content = answer["choices"][0]["logprobs"]["content"]
    assert [each["token"] for each in content] == ["H", "i"]
    assert content[0]["bytes"] == [72]
    assert content[0]["logprob"] == -0.5
    assert len(content[0]["top_logprobs"]) == 2
    streamed = [
        each
        for event in events[:-1]
        for each in (event["choices"][0]["logprobs"] or {"content": []})["content"]
    ]
    assert streamed == content


def test_completions_go_on_with_the_text_itself() -> None:
    service = scripted_service(lambda prompt: prompt.upper())

    _, answer = service.post(COMPLETIONS, {"prompt": ["ab", "cd"], "n": 2, "logprobs": 1})

    assert [choice["text"] for choice in answer["choices"]] == ["AB", "AB", "CD", "CD"]
    assert answer["usage"] == {
        "prompt_tokens": 4,
        "completion_tokens": 8,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    assert answer["choices"][0]["logprobs"]["tokens"] == ["A", "B"]
    assert answer["choices"][0]["logprobs"]["text_offset"] == [0, 1]
    assert service.engine.requests[0].generation.max_new_tokens == 16


def test_a_prompt_may_be_token_ids_and_be_echoed() -> None:
    service = scripted_service(lambda prompt: prompt.upper())
    ids = [ord("h") + 10, ord("i") + 10]

    _, answer = service.post(COMPLETIONS, {"prompt": ids, "echo": True})
    events = service.stream(COMPLETIONS, {"prompt": ids, "echo": True})

    assert answer["choices"][0]["text"] == "hiHI"
    assert "".join(event["choices"][0]["text"] for event in events[:-1]) == "hiHI"


def test_thoughts_go_into_a_field_of_their_own() -> None:
    service = scripted_service(lambda _: "<think>\nHm.\n</think>\n\nYes.")

    _, answer = service.post(CHAT, said("Q"))
    events = service.stream(CHAT, said("Q"))
    _, raw = service.post(CHAT, said("Q", separate_reasoning=False))

    message = answer["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Yes.")
    deltas = [event["choices"][0]["delta"] for event in events[:-1]]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Hm."
    assert "".join(delta.get("content", "") for delta in deltas) == "Yes."
    assert raw["choices"][0]["message"]["content"] == "<think>\nHm.\n</think>\n\nYes."


def test_what_the_template_begins_an_answer_with_belongs_to_it() -> None:
    service = scripted_service(lambda _: "Hm.</think>Yes.", response_prefix="<think>\n")

    _, answer = service.post(CHAT, said("Q"))

    assert answer["choices"][0]["message"]["reasoning_content"] == "Hm."
    assert answer["choices"][0]["message"]["content"] == "Yes."


def test_a_tool_is_called() -> None:
    service = scripted_service(lambda _: f"I look.\n{CALL}")

    _, answer = service.post(CHAT, said("Weather?", tools=[WEATHER]))
    events = service.stream(CHAT, said("Weather?", tools=[WEATHER]))

    choice = answer["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "I look."
    assert call["type"] == "function"
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Rome"}'}
    streamed = [
        each for event in events[:-1] for each in event["choices"][0]["delta"].get("tool_calls", [])
    ]
    assert streamed[0] == {**call, "index": 0, "function": {"name": "get_weather", "arguments": ""}}
    assert all(each.keys() == {"index", "function"} for each in streamed[1:])
    assert len(streamed) > 5
    arguments = "".join(each["function"]["arguments"] for each in streamed)
    assert arguments == call["function"]["arguments"]
    contents = [event["choices"][0]["delta"].get("content") or "" for event in events[:-1]]
    assert "".join(contents) == "I look."
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_conversation_with_calls_and_results_is_what_the_agent_template_writes() -> None:
    prompts, answers = recorded("Warm.")
    service = scripted_service(answers)
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": name,
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": f'{{"city": "{name}"}}'},
                }
                for name in ("Rome", "Oslo")
            ],
        },
        {"role": "tool", "tool_call_id": "Oslo", "content": "-3"},
        {"role": "tool", "tool_call_id": "Rome", "content": "27"},
    ]

    status, _ = service.post(CHAT, {"messages": messages, "tools": [WEATHER]})

    assert status == 200
    (prompt,) = prompts
    assert prompt.startswith("<|im_start|>system\nBe brief.\n\n# Tools")
    assert prompt.index('{"city": "Rome"}') < prompt.index('{"city": "Oslo"}')
    assert prompt.index("<tool_response>\n27") < prompt.index("<tool_response>\n-3")


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_a_call_that_must_come_is_begun_for_the_model(choice: Any) -> None:
    prompts, answers = recorded('"city": "Rome"}}\n</tool_call>')
    service = scripted_service(answers)

    _, answer = service.post(CHAT, said("Hi", tools=[WEATHER], tool_choice=choice))

    assert prompts[0].endswith('<tool_call>\n{"name": "get_weather", "arguments": {')
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["arguments"] == '{"city": "Rome"}'


def test_a_named_tool_is_the_only_one_declared_and_none_declares_none() -> None:
    prompts, answers = recorded("Hi.")
    service = scripted_service(answers)
    other = {"type": "function", "function": {"name": "add"}}
    named = {"type": "function", "function": {"name": "add"}}

    service.post(CHAT, said("Hi", tools=[WEATHER, other], tool_choice=named))
    service.post(CHAT, said("Hi", tools=[WEATHER, other], tool_choice="none"))

    assert "get_weather" not in prompts[0]
    assert '"add"' in prompts[0]
    assert "add" not in prompts[1]


def test_a_react_answer_ends_where_the_tools_result_would_stand() -> None:
    text = 'Action: get_weather\nAction Input: {"city": "Rome"}\nObservation: 99 degrees'
    service = scripted_service(lambda _: text, agent="react_en")

    _, answer = service.post(CHAT, said("Hi", tools=[WEATHER]))

    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Rome"}'}


def test_json_is_asked_of_an_engine_that_can() -> None:
    service = scripted_service()
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}

    service.post(CHAT, said("Hi", response_format=form))
    service.post(CHAT, said("Hi", response_format={"type": "json_object"}))
    service.post(CHAT, said("Hi", response_format={"type": "text"}))

    asked = [request.generation.json_schema for request in service.engine.requests]
    assert asked == [json.dumps(schema), "{}", None]


def test_every_problem_of_a_request_is_told_at_once() -> None:
    body = {
        "messages": [
            {"role": "wizard", "content": "x"},
            {"role": "user"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
            {"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]},
        ],
        "temperature": 3,
        "n": 0,
        "top_logprobs": 21,
        "stream_options": {"include_usage": 1},
        "tool_choice": "required",
        "tools": [{"type": "retrieval"}, {"type": "function", "function": {"name": "no spaces"}}],
        "logit_bias": {"1": 200},
        "stop": [""],
        "surprise": 1,
    }

    status, answer = scripted_service().post(CHAT, body)

    assert status == 400
    found = problems(answer)
    for param in (
        "temperature", "n", "top_logprobs", "stream_options", "stream_options.include_usage",
        "tools[0]", "tools[1].function.name", "logit_bias", "stop", "messages[0]",
        "messages[1].content", "messages[2].content[0]", "messages[3].tool_calls[0]",
    ):  # fmt: skip
        assert param in found, param
    assert "Unrecognized request argument supplied: surprise" in answer["error"]["message"]
    assert answer["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"[1]", "JSON object"),
        (b'{"messages": NaN}', "NaN is no number"),
        (b"[" * 100_000, "not JSON"),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', "surrogate"),
        (b'{"messages": "hi"}', "list"),
        (b"{}", "Missing required parameter: 'messages'"),
        (b'{"messages": [], "seed": 1e400}', "seed"),
        (b'{"messages": null}', "Missing required"),
        (b'{"logit_bias": {"-1": 2}}', "token ids"),
        (b'{"logit_bias": {"1": true}}', "token ids"),
        (b'{"logit_bias": {"99999": 1}}', "token ids of this model"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, words: str) -> None:
    status, answer = scripted_service().post(CHAT, body)

    assert status == 400
    assert words in answer["error"]["message"]


@pytest.mark.parametrize("prompt", ["", [], [[]], [""], [1, -1], [99999], {"a": 1}, [True], [1.5]])
def test_a_prompt_that_is_none_is_refused(prompt: Any) -> None:
    status, answer = scripted_service().post(COMPLETIONS, {"prompt": prompt})

    assert status == 400
    assert problems(answer)[0].startswith("prompt")


def test_an_unknown_model_is_not_found() -> None:
    status, answer = scripted_service().post(CHAT, said("Hi", model="gpt-9"))

    assert status == 404
    assert answer["error"]["code"] == "model_not_found"
    assert answer["error"]["param"] == "model"


def test_a_prompt_beyond_the_model_is_refused_as_openai_does() -> None:
    service = scripted_service(max_model_len=50)

    for path, body in ((CHAT, said("x" * 80)), (COMPLETIONS, {"prompt": "x" * 80})):
        status, answer = service.post(path, body)

        assert status == 400
        assert answer["error"]["code"] == "context_length_exceeded"
    assert service.engine.requests == []


def test_a_failure_of_the_engine_is_a_server_error() -> None:
    service = scripted_service(lambda _: BackendError("out of memory"))

    status, answer = service.post(CHAT, said("Hi"))

    assert status == 500
    assert answer["error"]["type"] == "server_error"
    assert service.gate.waiting == 0


def test_adapters_are_models_of_their_own() -> None:
    service = scripted_service(adapters=["poet"])

    listed = json.loads(service.api.get("/v1/models").body)
    _, answer = service.post(CHAT, said("Hi", model="poet", n=2))

    assert [(model["id"], model.get("parent")) for model in listed["data"]] == [
        ("scripted", None),
        ("poet", "scripted"),
    ]
    assert answer["model"] == "poet"
    assert [request.adapter for request in service.engine.requests] == ["poet", "poet"]
    assert json.loads(service.api.get("/v1/models/poet").body)["owned_by"] == "swift"
    assert service.api.get("/v1/models/none").status == 404


def test_a_key_is_asked_for_everywhere_but_where_monitors_look() -> None:
    service = scripted_service(args=DeployArgs(model="scripted", api_key="open sesame"))

    for header in (None, "Bearer wrong", "open sesame", "Basic open sesame", "Bearer ü"):
        reply = service.api.unauthorized(CHAT, header)
        assert isinstance(reply, Reply)
        assert reply.status == 401
        assert json.loads(reply.body)["error"]["code"] == "invalid_api_key"
        assert b"sesame" not in reply.body
    assert service.api.unauthorized(CHAT, "Bearer open sesame") is None
    assert service.api.unauthorized("/health", None) is None
    assert service.api.unauthorized("/v1/models", None) is not None


def test_requests_and_answers_are_logged_and_kept_without_the_key() -> None:
    service = scripted_service(args=DeployArgs(model="scripted", api_key="open sesame"))

    service.post(CHAT, said("Hello", temperature=0.5))
    service.post(CHAT, said("Hello", temperature=9))
    service.api.tick()

    asked, answered, refused = service.lines
    assert '{"temperature": 0.5} <- "Hello"' in asked
    assert '5 tokens, stop -> "Hello"' in answered
    assert refused.startswith("400 POST /v1/chat/completions")
    assert "sesame" not in "".join(service.lines)
    (row,) = service.sink.files[RESULTS]
    assert row["response"] == "Hello"
    assert row["messages"][-1] == {"role": "assistant", "content": "Hello"}


def test_a_quiet_service_logs_speed_only() -> None:
    service = scripted_service(args=DeployArgs(model="scripted", verbose=False, temperature=0))

    service.post(CHAT, said("Hello"))
    service.api.tick()
    service.seconds[0] = 20.0
    service.api.tick()
    service.seconds[0] = 60.0
    service.api.tick()

    (line,) = service.lines
    assert line.startswith("0.2 tokens/s written, ")


def test_what_was_done_is_counted() -> None:
    service = scripted_service()

    service.post(CHAT, said("Hello"))
    service.post(CHAT, {})

    stats = json.loads(service.api.get("/stats").body)
    assert stats["requests"] == {"200": 1, "400": 1}
    assert stats["generated_tokens"] == 5
    metrics = {metric.name: metric for metric in service.api.metrics()}
    assert ({"path": CHAT, "status": "400"}, 1.0) in metrics["swiftx_requests"].samples
    assert metrics["swiftx_request_seconds"].buckets[-1] == (float("inf"), 1)


def test_too_many_that_wait_are_told_when_to_come_back() -> None:
    service = scripted_service(echo, queue_limit=2)
    outcome = service.api.post(CHAT, json.dumps(said("Hi", n=2)).encode())
    assert isinstance(outcome, Exchange)
    assert outcome.start(lambda *_: None) is None  # nobody listens: both wait

    status, answer = service.post(CHAT, said("Hi"))
    outcome.end(499)
    after, _ = service.post(CHAT, said("Hi"))

    assert status == 429
    assert answer["error"]["code"] == "rate_limit_exceeded"
    assert after == 200


def test_paths_that_are_not_there_are_unknown() -> None:
    service: ScriptedService = scripted_service()

    assert service.api.get("/v1/nothing").status == 404
    status, answer = service.post("/v1/nothing", {})
    assert status == 404
    assert answer["error"]["code"] == "unknown_url"
