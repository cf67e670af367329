"""Hermes: calls as JSON between `<tool_call>` tags. Qwen 2 and later, MiMo; Hunyuan with a variation.

Source: github.com/modelscope/ms-swift@de01a836 (Apache-2.0) swift/plugin/agent_template/hermes.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

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
from swiftx.domain.agents.incoming_json import read_json_call, read_value
from swiftx.domain.agents.tools import Tool, as_json
from swiftx.domain.chat.literals import parsed
from swiftx.domain.chat.pieces import Pieces
from swiftx.domain.chat.tool_calling import ToolCall, UserTurn

_BEGINS, _ENDS = "<tool_call>", "</tool_call>"
_CALL = re.compile(r"<tool_call>(.+?)</tool_call>", re.DOTALL)
_HUNYUAN_CALL = re.compile(r"<tool_call>(.+?)\n```json(.+?)```</tool_call>", re.DOTALL)


def signatures(tools: Sequence[Tool]) -> str:
    """Return the tools as JSON lines between tags, with the words that lead to them."""
    lines = "\n".join(map(as_json, tools))
    return (
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
        "You are provided with function signatures within <tools></tools> XML tags:\n"
        f"<tools>\n{lines}\n</tools>\n\n"
    )


def _declare(tools: Sequence[Tool], system: str | None) -> str:
    return (
        f"{system or ''}\n\n{signatures(tools)}"
        "For each function call, return a json object with function name and arguments within"
        " <tool_call></tool_call> XML tags:\n<tool_call>\n"
        '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
    )


def _write(calls: Sequence[Call]) -> str:
    return "\n".join(f"<tool_call>\n{as_json(call._asdict())}\n</tool_call>" for call in calls)


def _results(results: Sequence[str], user_turn: UserTurn) -> Pieces:
    return user_turn("\n".join(f"<tool_response>\n{text}\n</tool_response>" for text in results))


def _read(text: str) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for content in _CALL.findall(text):
        calls += _call(content)
    return calls


def _call(content: str) -> list[ToolCall]:
    call = _value(content)
    if isinstance(call, Mapping) and "arguments" in call:
        return found(call.get("name"), call["arguments"])
    return []


def _read_incoming(incoming: Incoming) -> Reading:
    start = incoming.at
    if (yield from read_json_call(incoming, "arguments", ends=(_ENDS,))):
        return True
    incoming.at = start
    content = yield from until(incoming, _ENDS)
    return (yield from read_whole([] if content is None else _call(content.text)))


def _value(text: str) -> object:
    """What a model wrote as JSON; None when it is not."""
    try:
        return parsed(text)
    except ValueError:
        return None


def _hunyuan_declare(tools: Sequence[Tool], system: str | None) -> str:
    return (f"{system}\n\n" if system else "") + (
        f"{signatures(tools)}"
        "For function call returns, you should first print <tool_calls>For each function call, you should"
        " return object like:\n<tool_call>function_name\n```json\nfunction_arguments_in_json_format\n"
        "```</tool_call>At the end of function call returns, you should print </tool_calls>"
    )


def _hunyuan_write(calls: Sequence[Call]) -> str:
    return f"<tool_calls>\n{_write(calls)}\n</tool_calls>"


def _hunyuan_results(results: Sequence[str], user_turn: UserTurn) -> Pieces:
    lines = "\n".join(f"<tool_response>{text}</tool_response>" for text in results)
    return user_turn(f"<tool_responses>{lines}</tool_responses>")


def _hunyuan_read(text: str) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for name, arguments in _HUNYUAN_CALL.findall(text):
        value = _value(arguments)
        calls += [] if value is None else found(name, value)
    return calls or _read(text)


def _hunyuan_read_list(incoming: Incoming) -> Reading:
    return (yield from read_after(incoming, _BEGINS, _hunyuan_read_incoming))


def _hunyuan_read_incoming(incoming: Incoming) -> Reading:
    if (yield from skip_space(incoming)) == "{":
        return (yield from _read_incoming(incoming))
    named = yield from until(incoming, "\n```json", _ENDS)
    if named is None or named.word == _ENDS or not (name := named.text.strip()):
        return False
    if (yield from skip_space(incoming)) == "{":
        yield Begun(name)
        return (yield from read_value(incoming, ends=("```",)))
    content = yield from until(incoming, f"```{_ENDS}")
    value = None if content is None else _value(content.text)
    return (yield from read_whole([] if value is None else found(name, value)))


FORMATS = (
    AgentFormat(
        name="hermes",
        declare=_declare,
        write_calls=_write,
        write_results=_results,
        read_calls=_read,
        openings=(opening(_BEGINS, _read_incoming),),
    ),
    AgentFormat(
        name="hunyuan_hermes",
        declare=_hunyuan_declare,
        write_calls=_hunyuan_write,
        write_results=_hunyuan_results,
        read_calls=_hunyuan_read,
        openings=(
            opening("<tool_calls>", _hunyuan_read_list),
            opening(_BEGINS, _hunyuan_read_incoming),
        ),
    ),
)
