"""DeepSeek-V3.1: calls between control tokens.

Source: github.com/modelscope/ms-swift@28aa2d4f (Apache-2.0) swift/plugin/agent_template/deepseek_v3_1.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from swiftx.domain.agents.base import AgentFormat
from swiftx.domain.agents.calls import Call, found
from swiftx.domain.agents.incoming import (
    Begun,
    Incoming,
    Reading,
    opening,
    read_after,
    read_whole,
    skip_space,
    until,
)
from swiftx.domain.agents.incoming_json import read_value
from swiftx.domain.agents.tools import Tool, as_json, declared
from swiftx.domain.chat.literals import parsed
from swiftx.domain.chat.pieces import Pieces
from swiftx.domain.chat.tool_calling import ToolCall, UserTurn

_LIST, _BEGINS, _SEPARATES = "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>"
_ENDS = "<｜tool▁call▁end｜>"
_CALL = re.compile(r"<｜tool▁call▁begin｜>(.*?)<｜tool▁sep｜>(.*?)<｜tool▁call▁end｜>", re.DOTALL)


def _declare(tools: Sequence[Tool], system: str | None) -> str:
    entries = "\n\n".join(
        f"### {tool.name}\nDescription: {tool.description}\n\nParameters: {tool.parameters}"
        for tool in map(declared, tools)
    )
    return (
        f"{system or ''}\n\n## Tools\nYou have access to the following tools:\n\n{entries}\n\n"
        "IMPORTANT: ALWAYS adhere to this exact format for tool use:\n"
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>tool_call_name<｜tool▁sep｜>tool_call_arguments"
        "<｜tool▁call▁end｜>{additional_tool_calls}<｜tool▁calls▁end｜>\n\n"
        "Where:\n"
        "- `tool_call_name` must be an exact match to one of the available tools\n"
        "- `tool_call_arguments` must be valid JSON that strictly follows the tool's Parameters Schema\n"
        "- For multiple tool calls, chain them directly without separators or spaces"
    )


def _write(calls: Sequence[Call]) -> str:
    written = "".join(
        f"<｜tool▁call▁begin｜>{call.name}<｜tool▁sep｜>{as_json(call.arguments)}<｜tool▁call▁end｜>"
        for call in calls
    )
    return f"<｜tool▁calls▁begin｜>{written}<｜tool▁calls▁end｜>"


def _results(results: Sequence[str], _: UserTurn) -> Pieces:
    outputs = "".join(f"<｜tool▁output▁begin｜>{text}<｜tool▁output▁end｜>" for text in results)
    return (f"<｜end▁of▁sentence｜>{outputs}",)


def _read(text: str) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for name, arguments in _CALL.findall(text):
        calls += _call(name, arguments)
    return calls


def _call(name: str, arguments: str) -> list[ToolCall]:
    try:
        return found(name, parsed(arguments))
    except ValueError:
        return []  # arguments that are no value: not a call that can be made


def _read_list(incoming: Incoming) -> Reading:
    return (yield from read_after(incoming, _BEGINS, _read_incoming))


def _read_incoming(incoming: Incoming) -> Reading:
    named = yield from until(incoming, _SEPARATES, _ENDS)
    if named is None or named.word == _ENDS or not (name := named.text.strip()):
        return False
    if (yield from skip_space(incoming)) == "{":
        yield Begun(name)
        return (yield from read_value(incoming, ends=(_ENDS,)))
    content = yield from until(incoming, _ENDS)
    return (yield from read_whole([] if content is None else _call(name, content.text)))


FORMATS = (
    AgentFormat(
        name="deepseek_v3_1",
        declare=_declare,
        write_calls=_write,
        write_results=_results,
        read_calls=_read,
        openings=(opening(_LIST, _read_list), opening(_BEGINS, _read_incoming)),
    ),
)
