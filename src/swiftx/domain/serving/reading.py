"""The bodies of chat and completion requests: which fields there are, and what they ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swiftx.domain.chat.messages import Conversation
from swiftx.domain.serving import fields as f
from swiftx.domain.serving.fields import Field, Json
from swiftx.domain.serving.messages import (
    MESSAGE_SCHEMA,
    TOOL_SCHEMA,
    read_messages,
    read_tools,
)
from swiftx.domain.serving.refusals import Problem, Refused, shown
from swiftx.domain.serving.requests import (
    ChatRequest,
    CompletionRequest,
    Sampling,
    ToolChoice,
)

_MOST_TOKENS = 1 << 24
_MOST_ID = (1 << 31) - 1
_SEED = (1 << 63) - 1
MOST_ANSWERS = 128
_TEXT_ONLY = "answers are text"

_COMMON: Mapping[str, Field] = {
    "model": f.text(),
    "n": f.integer(1, MOST_ANSWERS),
    "stream": f.flag(),
    "stream_options": f.mapping(
        {
            "type": "object",
            "properties": {
                "include_usage": {"type": "boolean"},
                "include_obfuscation": {"type": "boolean"},
            },
            "additionalProperties": False,
        }
    ),
    "max_tokens": f.integer(1, _MOST_TOKENS),
    "min_tokens": f.integer(0, _MOST_TOKENS),
    "temperature": f.number(0, 2),
    "top_p": f.number(0, 1, above=True),
    "top_k": f.integer(-1, _MOST_ID),
    "min_p": f.number(0, 1),
    "repetition_penalty": f.number(0, 10, above=True),
    "presence_penalty": f.number(-2, 2),
    "frequency_penalty": f.number(-2, 2),
    "stop": f.texts(at_most=64),
    "stop_token_ids": f.integers(0, _MOST_ID, at_most=64),
    "include_stop_str_in_output": f.flag(),
    "ignore_eos": f.flag(),
    "seed": f.integer(-_SEED, _SEED),
    "user": f.text(),
    "logit_bias": f.numbers_by_id(-100, 100, at_most=1024),
}
"""`top_k` and the like are extensions that vLLM and SGLang have by the same names."""

CHAT_FIELDS: Mapping[str, Field] = {
    "messages": f.listing(MESSAGE_SCHEMA, required=True),
    **_COMMON,
    "max_completion_tokens": f.integer(1, _MOST_TOKENS),
    "logprobs": f.flag(),
    "top_logprobs": f.integer(0, _MOST_ID),
    "tools": f.anything({"type": "array", "items": TOOL_SCHEMA}),
    "tool_choice": f.anything(
        {
            "anyOf": [
                {"type": "string", "enum": ["none", "auto", "required"]},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": "function"},
                        "function": {
                            "type": "object",
                            "properties": {"name": {"type": "string"}},
                            "required": ["name"],
                        },
                    },
                    "required": ["type", "function"],
                },
            ]
        }
    ),
    "response_format": f.mapping(
        {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["text", "json_object", "json_schema"]},
                "json_schema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "schema": {"type": "object"}},
                },
            },
            "required": ["type"],
        }
    ),
    "separate_reasoning": f.flag(),
    "modalities": f.unsupported(_TEXT_ONLY, neutral=(["text"],)),
    "audio": f.unsupported(_TEXT_ONLY),
    "web_search_options": f.unsupported("the model has no web search"),
    "functions": f.unsupported("use `tools`", neutral=([],)),
    "function_call": f.unsupported("use `tool_choice`", neutral=("none", "auto")),
    **{
        name: f.unused()
        for name in (
            "metadata parallel_tool_calls prediction prompt_cache_key prompt_cache_retention "
            "reasoning_effort safety_identifier service_tier store verbosity"
        ).split()
    },
}

COMPLETION_FIELDS: Mapping[str, Field] = {
    "prompt": f.anything(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
                {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
                {
                    "type": "array",
                    "items": {
                        "type": "array",
                        "items": {"type": "integer", "minimum": 0},
                        "minItems": 1,
                    },
                    "minItems": 1,
                },
            ]
        },
        required=True,
    ),
    **_COMMON,
    "logprobs": f.integer(0, _MOST_ID),
    "echo": f.flag(),
    "best_of": f.integer(1, MOST_ANSWERS),
    "suffix": f.unsupported("the model writes on, not in between", neutral=("",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the service can do for a request.

    Attributes:
        max_logprobs: Most alternatives a token.
        json_schema: Whether answers can be held to a schema.
        vocab_size: Token ids are below it.
        thinks: Whether earlier thoughts have a place in the prompt.
    """

    max_logprobs: int = 20
    json_schema: bool = False
    vocab_size: int = _MOST_ID
    thinks: bool = False


def read_chat(body: Json, bounds: Bounds) -> ChatRequest:
    """Return a chat request.

    Raises:
        Refused: With everything that is wrong.
    """
    problems: list[Problem] = []
    found = f.read_fields(body, CHAT_FIELDS, problems)
    messages = read_messages(found.get("messages", ()), problems, thinks=bounds.thinks)
    tools = _tools(found, problems)
    choice = _tool_choice(found, tools, problems)
    top = found.get("top_logprobs")
    if top is not None and not found.get("logprobs"):
        problems.append(Problem("top_logprobs", "It needs `logprobs` to be true."))
    _check_logprobs("top_logprobs", top, bounds, problems)
    include_usage = _include_usage(found, problems)
    schema = _json_schema(found.get("response_format"), bounds, problems)
    _check_biases(found, bounds, problems)
    if problems:
        raise Refused(problems)
    sampling = _sampling(
        found,
        max_tokens=found.get("max_completion_tokens", found.get("max_tokens")),
        logprobs=bool(found.get("logprobs")),
        top_logprobs=top,
        json_schema=schema,
    )
    return ChatRequest(
        model=found.get("model"),
        conversation=Conversation(messages=messages),
        sampling=sampling,
        n=found.get("n", 1),
        stream=found.get("stream", False),
        include_usage=include_usage,
        tools=tools,
        tool_choice=choice,
        separate_reasoning=found.get("separate_reasoning", True),
    )


def read_completion(body: Json, bounds: Bounds) -> CompletionRequest:
    """Return a completion request.

    Raises:
        Refused: With everything that is wrong.
    """
    problems: list[Problem] = []
    found = f.read_fields(body, COMPLETION_FIELDS, problems)
    prompts = _prompts(found["prompt"], bounds, problems) if "prompt" in found else ()
    top = found.get("logprobs")
    _check_logprobs("logprobs", top, bounds, problems)
    n = found.get("n", 1)
    if found.get("best_of", n) != n:
        message = (
            f"{found['best_of']} is not supported: every answer is returned, so it equals n ({n})."
        )
        problems.append(Problem("best_of", message, "unsupported_value"))
    if len(prompts) * n > MOST_ANSWERS:
        message = f"{len(prompts)} prompts with n {n} ask for more than {MOST_ANSWERS} answers."
        problems.append(Problem("prompt", message))
    if found.get("echo") and top is not None:
        problems.append(Problem("echo", "It is not supported together with `logprobs`."))
    include_usage = _include_usage(found, problems)
    _check_biases(found, bounds, problems)
    if problems:
        raise Refused(problems)
    sampling = _sampling(
        found,
        max_tokens=found.get("max_tokens"),
        logprobs=top is not None,
        top_logprobs=top,
        json_schema=None,
    )
    return CompletionRequest(
        model=found.get("model"),
        prompts=prompts,
        sampling=sampling,
        n=n,
        stream=found.get("stream", False),
        include_usage=include_usage,
        echo=found.get("echo", False),
    )


def _sampling(
    found: Json,
    *,
    max_tokens: int | None,
    logprobs: bool,
    top_logprobs: int | None,
    json_schema: str | None,
) -> Sampling:
    stop = found.get("stop", ())
    return Sampling(
        max_tokens=max_tokens,
        min_tokens=found.get("min_tokens", 0),
        temperature=found.get("temperature"),
        top_p=found.get("top_p"),
        top_k=found.get("top_k"),
        min_p=found.get("min_p", 0.0),
        repetition_penalty=found.get("repetition_penalty"),
        presence_penalty=found.get("presence_penalty", 0.0),
        frequency_penalty=found.get("frequency_penalty", 0.0),
        logit_bias=tuple((int(key), bias) for key, bias in found.get("logit_bias", {}).items()),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        stop_ids=tuple(found.get("stop_token_ids", ())),
        keep_stop=found.get("include_stop_str_in_output", False),
        ignore_end=found.get("ignore_eos", False),
        seed=found.get("seed"),
        logprobs=logprobs,
        top_logprobs=top_logprobs,
        json_schema=json_schema,
    )


def _tools(found: Json, problems: list[Problem]) -> tuple[Mapping[str, Any], ...]:
    value = found.get("tools", [])
    if not isinstance(value, list):
        problems.append(Problem("tools", f"{shown(value)} is not a list of tools."))
        return ()
    return read_tools(value, problems)


def _tool_choice(
    found: Json, tools: Sequence[Mapping[str, Any]], problems: list[Problem]
) -> ToolChoice:
    value = found.get("tool_choice")
    if value is None:
        return "auto" if tools else "none"
    if value == "none":
        return "none"
    choice: ToolChoice
    if value == "auto" or value == "required":
        choice = value
    else:
        function = value.get("function") if isinstance(value, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        names = [str(tool["function"].get("name")) for tool in tools]
        if not isinstance(name, str):
            message = (
                f"{shown(value)} is not none, auto, required or"
                ' {"type": "function", "function": {"name": …}}.'
            )
            problems.append(Problem("tool_choice", message))
            return "auto"
        if name not in names:
            message = f"{shown(name)} is none of the tools: {', '.join(names) or 'there are none'}."
            problems.append(Problem("tool_choice", message))
        choice = (name,)
    if not tools:
        problems.append(Problem("tool_choice", "It needs `tools`."))
    return choice


def _check_logprobs(name: str, value: int | None, bounds: Bounds, problems: list[Problem]) -> None:
    if value is not None and value > bounds.max_logprobs:
        message = f"{value} is more than the {bounds.max_logprobs} that this service returns."
        problems.append(Problem(name, message))


def _check_biases(found: Json, bounds: Bounds, problems: list[Problem]) -> None:
    if any(int(key) >= bounds.vocab_size for key in found.get("logit_bias", {})):
        message = f"token ids of this model are from 0 to {bounds.vocab_size - 1}."
        problems.append(Problem("logit_bias", message))


def _include_usage(found: Json, problems: list[Problem]) -> bool:
    options = found.get("stream_options")
    if options is None:
        return False
    if not found.get("stream"):
        problems.append(Problem("stream_options", "It needs `stream` to be true."))
    table = {"include_usage": f.flag(), "include_obfuscation": f.flag()}
    read = f.read_fields(options, table, problems, path="stream_options.")
    return bool(read.get("include_usage", False))


def _json_schema(value: Json | None, bounds: Bounds, problems: list[Problem]) -> str | None:
    """Return the text of the schema that an answer is held to; None for free text."""
    if value is None or value.get("type") == "text":
        return None
    kind = value.get("type")
    if kind not in ("json_object", "json_schema"):
        message = f"{shown(kind)} is not text, json_object or json_schema."
        problems.append(Problem("response_format.type", message))
        return None
    if not bounds.json_schema:
        message = (
            f"{kind} is not supported: this engine cannot hold an answer to a schema. Leave it out and ask"
            " for JSON in words, or serve with another --infer_backend."
        )
        problems.append(Problem("response_format", message, "unsupported_value"))
        return None
    if kind == "json_object":
        return "{}"
    described = value.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    if not isinstance(schema, Mapping):
        message = f"{shown(schema)} is not a JSON schema."
        problems.append(Problem("response_format.json_schema.schema", message))
        return None
    return json.dumps(schema)


def _prompts(
    value: Any, bounds: Bounds, problems: list[Problem]
) -> tuple[str | Sequence[int], ...]:
    if isinstance(value, str):
        values: list[Any] = [value]
    elif isinstance(value, list) and value:
        values = [value] if all(_is_id(each) for each in value) else value
    else:
        problems.append(
            Problem("prompt", f"{shown(value)} is not a text, ids, or a list of these.")
        )
        return ()
    for number, prompt in enumerate(values):
        where = "prompt" if values is not value else f"prompt[{number}]"
        is_ids = isinstance(prompt, list) and all(_is_id(each) for each in prompt)
        if not isinstance(prompt, str) and not is_ids:
            problems.append(Problem(where, f"{shown(prompt)} is not a text or a list of ids."))
        elif not prompt:
            problems.append(Problem(where, "It is empty."))
        elif is_ids and not all(0 <= each < bounds.vocab_size for each in prompt):
            message = f"token ids of this model are from 0 to {bounds.vocab_size - 1}."
            problems.append(Problem(where, message))
    return tuple(values)


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
