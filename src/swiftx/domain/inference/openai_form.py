"""Conversations as OpenAI's API writes them. Source: OpenAI's API reference, chat completions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from swiftx.domain.chat.messages import Conversation, Message
from swiftx.errors import DataError

Json = dict[str, Any]


def openai_messages(conversation: Conversation) -> list[Json]:
    """Return the messages, with calls in `tool_calls` and their results beside the ids of the calls.

    Raises:
        DataError: The conversation has media, or a call is not JSON with a name.
    """
    if conversation.images or conversation.videos or conversation.audios:
        raise DataError("a row with media cannot be sent to a service yet")
    written: list[Json] = []
    unanswered: list[str] = []
    number = 0
    for message in conversation.messages:
        if message.role == "tool_call":
            number += 1
            unanswered.append(f"call_{number}")
            _caller(written)["tool_calls"].append(_call(message, unanswered[-1]))
        elif message.role in ("tool", "tool_response"):
            place = unanswered.pop(0) if unanswered else f"call_{number}"
            written.append({"role": "tool", "tool_call_id": place, "content": message.content})
        elif message.content is not None:
            written.append({"role": message.role, "content": message.content})
    return written


def openai_tools(tools: Sequence[Any]) -> list[Json]:
    """Return the declarations; bare JSON schemas are wrapped."""
    return [
        dict(tool) if "function" in tool else {"type": "function", "function": dict(tool)}
        for tool in tools
    ]


def _caller(written: list[Json]) -> Json:
    """Return the assistant's message that calls are added to, which may have to be begun."""
    if not written or written[-1]["role"] != "assistant":
        written.append({"role": "assistant", "content": None})
    written[-1].setdefault("tool_calls", [])
    return written[-1]


def _call(message: Message, place: str) -> Json:
    try:
        call = json.loads(message.content or "")
    except ValueError:
        call = None
    if not isinstance(call, Mapping) or not isinstance(call.get("name"), str):
        raise DataError(f"a tool call is no JSON with a name: {message.content!r}")
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {
        "id": place,
        "type": "function",
        "function": {"name": call["name"], "arguments": text},
    }
