"""Llama 3 and 4: tools before the first question, a call is one JSON object.

Source: github.com/modelscope/ms-swift@28aa2d4f (Apache-2.0) swift/plugin/agent_template/llama.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from swiftx.domain.agents.base import AgentFormat
from swiftx.domain.agents.calls import Call, found, json_objects
from swiftx.domain.agents.incoming import Incoming, Opening, Place, Reading
from swiftx.domain.agents.incoming_json import read_json_call, read_object
from swiftx.domain.agents.tools import Tool, as_json
from swiftx.domain.chat.pieces import Pieces
from swiftx.domain.chat.tool_calling import ToolCall, UserTurn


class _Tokens(NamedTuple):
    """Control tokens: around the name of a speaker, and after a turn."""

    start: str
    end: str
    turn_end: str


_LLAMA3 = _Tokens("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
_LLAMA4 = _Tokens("<|header_start|>", "<|header_end|>", "<|eot|>")


def _declare(tools: Sequence[Tool], query: str | None) -> str:
    schemas = (json.dumps(tool, ensure_ascii=False, indent=4) for tool in tools)
    return "\n\n".join(
        (
            "Given the following functions, please respond with a JSON for a function call with its proper"
            " arguments that best answers the given prompt.",
            'Respond in the format {"name": function name, "parameters": dictionary of argument name and'
            " its value}. Do not use variables.",
            *schemas,
            query or "",
        )
    )


def _write(calls: Sequence[Call]) -> str:
    return "\n".join(as_json({"name": call.name, "parameters": call.arguments}) for call in calls)


def _results(results: Sequence[str], _: UserTurn, *, tokens: _Tokens) -> Pieces:
    def header(speaker: str) -> str:
        return f"{tokens.start}{speaker}{tokens.end}\n\n"

    turns = "".join(f"{header('tool')}{text}{tokens.turn_end}" for text in results)
    return (f"{tokens.turn_end}{turns}{header('assistant')}",)


def _read(text: str) -> list[ToolCall]:
    return [call for value in json_objects(text) for call in _call(value)]


def _call(value: Mapping[str, Any]) -> list[ToolCall]:
    return found(value.get("name"), value["parameters"]) if "parameters" in value else []


def _find(text: str, start: int) -> Place:
    place = text.find("{", start)
    return Place(len(text)) if place < 0 else Place(place, place)


def _read_incoming(incoming: Incoming) -> Reading:
    start = incoming.at
    if (yield from read_json_call(incoming, "parameters")):
        return True
    incoming.at = start
    return (yield from read_object(incoming, _call))


FORMATS = tuple(
    AgentFormat(
        name=name,
        declare=_declare,
        declares_in="query",
        write_calls=_write,
        write_results=partial(_results, tokens=tokens),
        read_calls=_read,
        openings=(Opening(_find, _read_incoming),),
    )
    for name, tokens in (("llama3", _LLAMA3), ("llama4", _LLAMA4))
)
