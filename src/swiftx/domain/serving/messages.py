"""OpenAI's messages and tools → our conversations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from swiftx.domain.chat.messages import Message
from swiftx.domain.chat.tools import call_content
from swiftx.domain.serving.refusals import Problem, shown
from swiftx.errors import DataError

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_MEDIA = ("image_url", "input_audio", "file", "video_url", "audio_url", "image", "audio", "video")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

_TEXT_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    "required": ["type", "text"],
}
_CONTENT = {"anyOf": [{"type": "string"}, {"type": "array", "items": _TEXT_PART, "minItems": 1}]}
_CALL = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "arguments": {"type": "string"}},
            "required": ["name", "arguments"],
        },
    },
    "required": ["function"],
}
MESSAGE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "enum": list(_ROLES)},
        "content": {"anyOf": [*_CONTENT["anyOf"], {"type": "null"}]},
        "name": {"type": "string"},
        "tool_calls": {"type": "array", "items": _CALL},
        "tool_call_id": {"type": "string"},
        "reasoning_content": {"type": "string"},
    },
    "required": ["role"],
}
TOOL_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": f"^{_TOOL_NAME.pattern}$"},
                "description": {"type": "string"},
                "parameters": {"type": "object"},
                "strict": {"type": ["boolean", "null"]},
            },
            "required": ["name"],
        },
    },
    "required": ["type", "function"],
}


def read_messages(
    values: Sequence[Any], problems: list[Problem], *, thinks: bool
) -> tuple[Message, ...]:
    """Return the messages; what is wrong is added to `problems`.

    Results of tools are put in the order of the calls that they answer.

    Args:
        thinks: Whether earlier `reasoning_content` has a place in the prompt.
    """
    messages: list[Message] = []
    calls: list[str] = []
    results: list[tuple[str, Message]] = []
    for number, value in enumerate(values):
        where = f"messages[{number}]"
        role = value.get("role") if isinstance(value, Mapping) else None
        if role not in _ROLES:
            what = f"{shown(value if role is None else role)} is not a message"
            problems.append(Problem(where, f"{what} with a role of {', '.join(_ROLES)}."))
            continue
        _check_fields(value, where, problems)
        if role in ("tool", "function"):
            content = _content(value, where, problems)
            name = value.get("tool_call_id") or value.get("name")
            results.append((str(name), Message("tool_response", content)))
            continue
        messages += _in_order(results, calls)
        results, calls = [], []
        if role == "assistant":
            messages += _answer(value, where, problems, calls=calls, thinks=thinks)
        else:
            kind = "user" if role == "user" else "system"
            messages.append(Message(kind, _content(value, where, problems)))
    messages += _in_order(results, calls)
    return tuple(messages)


def read_tools(values: Sequence[Any], problems: list[Problem]) -> tuple[Mapping[str, Any], ...]:
    """Return the declarations; what is wrong is added to `problems`."""
    tools: list[Mapping[str, Any]] = []
    for number, value in enumerate(values):
        where = f"tools[{number}]"
        function = value.get("function") if isinstance(value, Mapping) else None
        if not isinstance(function, Mapping) or value.get("type", "function") != "function":
            message = f"{shown(value)} is not a tool of type function."
            problems.append(Problem(where, message))
            continue
        name, parameters = function.get("name"), function.get("parameters")
        if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
            message = f"{shown(name)} is not a name of up to 64 letters, digits, _, . and -."
            problems.append(Problem(f"{where}.function.name", message))
        if parameters is not None and not isinstance(parameters, Mapping):
            message = f"{shown(parameters)} is not a JSON schema."
            problems.append(Problem(f"{where}.function.parameters", message))
        if not isinstance(function.get("description", ""), str | None):
            message = f"{shown(function['description'])} is not a text."
            problems.append(Problem(f"{where}.function.description", message))
        tools.append(value)
    return tuple(tools)


def _check_fields(value: Mapping[str, Any], where: str, problems: list[Problem]) -> None:
    for name in ("name", "tool_call_id", "reasoning_content"):
        if not isinstance(value.get(name), str | None):
            problems.append(Problem(f"{where}.{name}", f"{shown(value[name])} is not a text."))
    calls = value.get("tool_calls")
    if calls is not None and value["role"] != "assistant":
        message = f"a message of role {value['role']} has none."
        problems.append(Problem(f"{where}.tool_calls", message))


def _answer(
    value: Mapping[str, Any],
    where: str,
    problems: list[Problem],
    *,
    calls: list[str],
    thinks: bool,
) -> list[Message]:
    """Return an assistant's message and its calls; the ids of these are added to `calls`."""
    called = value.get("tool_calls")
    if called is None and value.get("function_call") is not None:
        called = [{"id": "", "function": value["function_call"]}]
    if called is not None and not isinstance(called, list):
        problems.append(Problem(f"{where}.tool_calls", f"{shown(called)} is not a list."))
        called = []
    silent = bool(called) and not value.get("content")
    content = "" if silent else _content(value, where, problems)
    thoughts = value.get("reasoning_content")
    if thoughts and thinks:
        content = f"<think>\n{thoughts}\n</think>\n\n{content}"
    messages = [Message("assistant", content)] if content else []
    for number, call in enumerate(called or ()):
        function = call.get("function") if isinstance(call, Mapping) else None
        place = f"{where}.tool_calls[{number}]"
        if (
            not isinstance(function, Mapping)
            or call.get("type", "function") != "function"
            or not isinstance(call.get("id", ""), str)
        ):
            problems.append(Problem(place, f"{shown(call)} is not a call of a function."))
            continue
        try:
            text = call_content(function.get("name"), function.get("arguments"))
        except DataError as error:
            problems.append(Problem(place, f"{error.reason}."))
            continue
        calls.append(str(call.get("id")))
        messages.append(Message("tool_call", text))
    return messages


def _content(value: Mapping[str, Any], where: str, problems: list[Problem]) -> str:
    content = value.get("content")
    if isinstance(content, str):
        return content
    where = f"{where}.content"
    if not isinstance(content, list) or not content:
        problems.append(Problem(where, f"{shown(content)} is not a text or a list of parts."))
        return ""
    texts: list[str] = []
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        said = part.get("text", part.get("refusal")) if isinstance(part, Mapping) else None
        if kind in ("text", "input_text", "refusal") and isinstance(said, str):
            texts.append(said)
        elif kind in _MEDIA:
            message = f"This model reads text only, so it cannot take a part of type {kind!r}."
            problems.append(Problem(f"{where}[{number}]", message, "unsupported_value"))
        else:
            message = f"{shown(part)} is not a part with a text."
            problems.append(Problem(f"{where}[{number}]", message))
    return "".join(texts)


def _in_order(results: Sequence[tuple[str, Message]], calls: Sequence[str]) -> list[Message]:
    """Return results in the order of their calls; as they came when an id is not known."""
    if {name for name, _ in results} != set(calls) or len(results) != len(calls):
        return [message for _, message in results]
    return [message for _, message in sorted(results, key=lambda each: calls.index(each[0]))]
