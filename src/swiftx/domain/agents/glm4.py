"""GLM-4, GLM-4-0414 and GLM-4.5.

Source: github.com/modelscope/ms-swift@1300cfba (Apache-2.0) swift/plugin/agent_template/glm4.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial

from swiftx.domain.agents.base import SPELLINGS, AgentFormat
from swiftx.domain.agents.calls import Call, found, named_arguments
from swiftx.domain.agents.hermes import signatures
from swiftx.domain.agents.incoming import (
    Begun,
    Incoming,
    Opening,
    Place,
    Reading,
    Tags,
    opening,
    read_tagged,
    until,
)
from swiftx.domain.agents.incoming_json import read_value
from swiftx.domain.agents.tools import Tool, declared, function_of
from swiftx.domain.chat.pieces import Pieces
from swiftx.domain.chat.tool_calling import ToolCall, UserTurn

_OBSERVATION = "<|observation|>"
_ASSISTANT = "<|assistant|>"
# A name on its line, arguments from the next line on. The name starts the line or follows a backtick.
_LINES = re.compile(r"(?<![^\n`])([^\n`]*)\n(\{.*?\})(?=\w*\n|$)", re.DOTALL)
_TAGGED = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_KEY = re.compile(r"<arg_key>(.*?)</arg_key>", re.DOTALL)
_VALUE = re.compile(r"<arg_value>(.*?)</arg_value>", re.DOTALL)
# A line that names a call, a brace below it; and the end of a text that may become one.
_NAMED = re.compile(r"(?:(?<![^\n`])|(?<=<\|assistant\|>))[ \t]*([\w.-]+)[ \t]*\n(?=\{)")
_PERHAPS_NAMED = re.compile(r"(?:(?<![^\n`])|(?<=<\|assistant\|>))[ \t]*([\w.-]+[ \t]*\n?)?\Z")
_TAGS = Tags("<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", ("</tool_call>",))
_TAGGED_NAME = re.compile(r"[^\n<]+")

_IDENTITY = (
    "你是一个名为 GLM-4 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，"
    "你的任务是针对用户的问题和要求提供适当的答复和支持。\n\n"
)


def _declare(tools: Sequence[Tool], _: str | None, *, opening: str) -> str:
    return f"{opening}# 可用工具\n\n" + "\n".join(map(_entry, tools))


def _entry(tool: Tool) -> str:
    schema = json.dumps(function_of(tool), ensure_ascii=False, indent=4)
    return (
        f"## {declared(tool).name}\n\n{schema}\n在调用上述函数时，请使用 Json 格式表示调用的参数。"
    )


def _write(calls: Sequence[Call], *, spell: Callable[[object], str]) -> str:
    written = (f"{call.name}\n{spell(call.arguments)}" for call in calls)
    return _ASSISTANT.join(written) + _OBSERVATION


def _results(results: Sequence[str], _: UserTurn) -> Pieces:
    return ("\n" + f"{_OBSERVATION}\n".join(results) + f"{_ASSISTANT}\n",)


def _read(text: str) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for turn in text.split(_ASSISTANT):
        if match := _LINES.search(turn.replace(_OBSERVATION, "")):
            calls += found(*match.groups())
    return calls


def _find(text: str, start: int) -> Place:
    if match := _NAMED.search(text, start):
        return Place(match.start(), match.start())
    perhaps = _PERHAPS_NAMED.search(text, start)
    return Place(len(text) if perhaps is None else perhaps.start())


def _read_incoming(incoming: Incoming) -> Reading:
    named = yield from until(incoming, "\n")
    if named is None:
        return False
    yield Begun(named.text.strip())
    return (yield from read_value(incoming, ends=(_OBSERVATION, _ASSISTANT)))


def _tagged_declare(tools: Sequence[Tool], system: str | None) -> str:
    text = (
        f"{signatures(tools)}"
        "For each function call, output the function name and arguments within the following XML format:\n"
        "<tool_call>{function-name}\n"
        "<arg_key>{arg-key-1}</arg_key>\n<arg_value>{arg-value-1}</arg_value>\n"
        "<arg_key>{arg-key-2}</arg_key>\n<arg_value>{arg-value-2}</arg_value>\n"
        "...\n</tool_call>"
    )
    return f"{text}<|system|>\n{system.strip()}" if system and system.strip() else text


def _tagged_write(calls: Sequence[Call]) -> str:
    lines: list[str] = []
    for call in calls:
        lines.append(f"<tool_call>{call.name}")
        lines += (
            f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>"
            for key, value in named_arguments(call).items()
        )
        lines.append("</tool_call>")
    return "\n".join(lines) + _OBSERVATION


def _tagged_results(results: Sequence[str], _: UserTurn) -> Pieces:
    tagged = "".join(f"\n<tool_response>\n{text}\n</tool_response>" for text in results)
    return (f"{tagged}{_ASSISTANT}\n",)


def _tagged_read(text: str) -> list[ToolCall]:
    """Every argument is text: the format does not tell the number 1 from the text `1`."""
    calls: list[ToolCall] = []
    for content in _TAGGED.findall(text):
        name = _TAGGED_NAME.match(content.strip())
        keys, values = _KEY.findall(content), _VALUE.findall(content)
        if name and len(keys) == len(values):
            calls += found(name[0], dict(zip(map(str.strip, keys), values, strict=True)))
    return calls


def _tagged_read_incoming(incoming: Incoming) -> Reading:
    start = incoming.at
    named = yield from until(incoming, _TAGS.key, *_TAGS.ends)
    name = None if named is None else _TAGGED_NAME.match(named.text.strip())
    if named is None or name is None:
        return False
    yield Begun(name[0].strip())
    incoming.at = start + len(named.text)
    return (yield from read_tagged(incoming, _TAGS))


FORMATS = (
    *(
        AgentFormat(
            name=name + suffix,
            declare=partial(_declare, opening=opening),
            write_calls=partial(_write, spell=spell),
            write_results=_results,
            read_calls=_read,
            openings=(Opening(_find, _read_incoming),),
        )
        for suffix, spell in SPELLINGS
        for name, opening in (("glm4", _IDENTITY), ("glm4_0414", ""))
    ),
    AgentFormat(
        name="glm4_5",
        declare=_tagged_declare,
        write_calls=_tagged_write,
        write_results=_tagged_results,
        read_calls=_tagged_read,
        openings=(opening("<tool_call>", _tagged_read_incoming),),
    ),
)
