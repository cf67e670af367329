"""Qwen3-Coder: tools as XML, calls with a tag per argument.

Source: github.com/modelscope/ms-swift@6da2b99b (Apache-2.0) swift/plugin/agent_template/qwen3_coder.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from swiftx.domain.agents.base import AgentFormat
from swiftx.domain.agents.calls import Call, found, named_arguments
from swiftx.domain.agents.incoming import (
    Begun,
    Incoming,
    Reading,
    Tags,
    next_is,
    opening,
    read_tagged,
    skip_space,
    until,
)
from swiftx.domain.agents.tools import Tool, as_json, declared, function_of, properties_of
from swiftx.domain.chat.pieces import Pieces
from swiftx.domain.chat.tool_calling import ToolCall, UserTurn

_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^>]+)>(.*)</function>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>]+)>(.*?)</parameter>", re.DOTALL)

_FUNCTION_BEGINS = "<function="
_TAGS = Tags("<parameter=", ">", "", "</parameter>", ("</function>", "</tool_call>"))

_DEFAULT_SYSTEM = (
    "You are Qwen, a helpful AI assistant that can interact with a computer to solve tasks."
)
_RULES = """\
If you choose to call a function ONLY reply in the following format with NO suffix:

<tool_call>
<function=example_function_name>
<parameter=example_parameter_1>
value_1
</parameter>
<parameter=example_parameter_2>
This is the value for the second parameter
that can span
multiple lines
</parameter>
</function>
</tool_call>

<IMPORTANT>
Reminder:
- Function calls MUST follow the specified format: an inner <function=...></function> block must be \
nested within <tool_call></tool_call> XML tags
- Required parameters MUST be specified
- You may provide optional reasoning for your function call in natural language BEFORE the function \
call, but NOT after
- If there is no function call available, answer the question like normal with your current knowledge \
and do not tell the user about function calls
</IMPORTANT>"""


def _declare(tools: Sequence[Tool], system: str | None) -> str:
    entries = "\n".join(
        "\n".join(_function(function_of(tool), declared(tool).name)) for tool in tools
    )
    return (
        f"{_DEFAULT_SYSTEM if system is None else system}\n\n# Tools\n\n"
        f"You have access to the following functions:\n\n<tools>\n{entries}\n</tools>\n\n{_RULES}"
    )


def _function(function: Mapping[str, Any], name: str) -> list[str]:
    parameters = function.get("parameters")
    return [
        "<function>",
        f"<name>{name}</name>",
        *_description(function),
        "<parameters>",
        *(line for each in properties_of(parameters).items() for line in _parameter(*each)),
        *_others(parameters, {"type", "properties"}),
        "</parameters>",
        *_others(function, {"type", "name", "description", "parameters"}),
        "</function>",
    ]


def _parameter(name: str, schema: Mapping[str, Any]) -> list[str]:
    return [
        "<parameter>",
        f"<name>{name}</name>",
        *([f"<type>{schema['type']}</type>"] if "type" in schema else []),
        *_description(schema),
        *_others(schema, {"name", "type", "description"}),
        "</parameter>",
    ]


def _description(schema: Mapping[str, Any]) -> list[str]:
    text = schema.get("description")
    return [] if text is None else [f"<description>{str(text).strip()}</description>"]


def _others(schema: object, known: Collection[str]) -> list[str]:
    if not isinstance(schema, Mapping):
        return []
    return [f"<{key}>{as_json(value)}</{key}>" for key, value in schema.items() if key not in known]


def _write(calls: Sequence[Call]) -> str:
    return "".join(
        f"<tool_call>\n<function={call.name}>\n"
        + "".join(
            f"<parameter={key}>\n{_spelled(value)}\n</parameter>\n"
            for key, value in named_arguments(call).items()
        )
        + "</function>\n</tool_call>"
        for call in calls
    )


def _spelled(value: object) -> str:
    # Nested text outside ASCII is escaped, as in the reference's prompts.
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _results(results: Sequence[str], user_turn: UserTurn) -> Pieces:
    return user_turn("".join(f"<tool_response>\n{text}\n</tool_response>\n" for text in results))


def _read(text: str) -> list[ToolCall]:
    """Every argument is text: the format does not tell the number 1 from the text `1`."""
    calls: list[ToolCall] = []
    for content in _CALL.findall(text):
        if function := _FUNCTION.fullmatch(content.strip()):
            name, parameters = function.groups()
            pairs = {key.strip(): _bare(value) for key, value in _PARAMETER.findall(parameters)}
            calls += found(name, pairs)
    return calls


def _bare(value: str) -> str:
    """Without the line breaks that the format puts around a value; a value's own indent stays."""
    if not value.startswith("\n"):
        return value.strip()
    value = value[1:]
    return value[:-1] if value.endswith("\n") else value.rstrip()


def _read_incoming(incoming: Incoming) -> Reading:
    yield from skip_space(incoming)
    if not (yield from next_is(incoming, _FUNCTION_BEGINS)):
        return False
    incoming.at += len(_FUNCTION_BEGINS)
    named = yield from until(incoming, ">")
    if named is None or not (name := named.text.strip()):
        return False
    yield Begun(name)
    return (yield from read_tagged(incoming, _TAGS, on_lines=True))


FORMATS = (
    AgentFormat(
        name="qwen3_coder",
        declare=_declare,
        write_calls=_write,
        write_results=_results,
        read_calls=_read,
        openings=(opening("<tool_call>", _read_incoming),),
    ),
)
