"""Mistral: a list of calls after a control token.

Source: github.com/modelscope/ms-swift@4266d9a8 (Apache-2.0) swift/plugin/agent_template/mistral.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swiftx.domain.agents.base import AgentFormat
from swiftx.domain.agents.calls import Call, found, json_objects
from swiftx.domain.agents.incoming import Incoming, Reading, opening, until
from swiftx.domain.agents.incoming_json import read_json_call, read_object
from swiftx.domain.agents.tools import Tool, as_json
from swiftx.domain.chat.pieces import Pieces
from swiftx.domain.chat.tool_calling import ToolCall, UserTurn

_CALLS = "[TOOL_CALLS]"


def _declare(tools: Sequence[Tool], system: str | None) -> str:
    return f"{system or ''}[AVAILABLE_TOOLS]{' '.join(map(as_json, tools))}[/AVAILABLE_TOOLS]"


def _write(calls: Sequence[Call]) -> str:
    lines = "\n".join(as_json(call._asdict()) for call in calls)
    return f"{_CALLS}[\n{lines}\n]</s>"


def _results(results: Sequence[str], user_turn: UserTurn) -> Pieces:
    return user_turn(
        "\n".join(f"[TOOL_RESULTS]{as_json({'content': text})}[/TOOL_RESULTS]" for text in results)
    )


def _read(text: str) -> list[ToolCall]:
    """The closing token is gone from an answer that was generated, so nothing depends on it."""
    _, _, listed = text.partition(_CALLS)
    return [call for value in json_objects(listed) for call in _call(value)]


def _call(value: Mapping[str, Any]) -> list[ToolCall]:
    return found(value.get("name"), value["arguments"]) if "arguments" in value else []


def _read_incoming(incoming: Incoming) -> Reading:
    """Reads all calls of the list: nothing but the list tells that they are calls."""
    called = False
    while (yield from until(incoming, "{")) is not None:
        start = incoming.at = incoming.at - 1
        if (yield from read_json_call(incoming, "arguments")):
            called = True
            continue
        incoming.at = start
        incoming.resume = start + 1
        called = (yield from read_object(incoming, _call)) or called
        incoming.at = incoming.resume
    return called


FORMATS = (
    AgentFormat(
        name="mistral",
        declare=_declare,
        write_calls=_write,
        write_results=_results,
        read_calls=_read,
        openings=(opening(_CALLS, _read_incoming),),
        reads_react=False,
    ),
)
