"""Seed-OSS: tools as Python functions, calls with a tag per argument.

Source: github.com/modelscope/ms-swift@7b55a0c1 (Apache-2.0) swift/plugin/agent_template/seed_oss.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from swiftx.domain.agents.base import AgentFormat
from swiftx.domain.agents.calls import Call, found, named_arguments
from swiftx.domain.agents.incoming import (
    Begun,
    Incoming,
    Reading,
    Tags,
    opening,
    read_tagged,
    until,
)
from swiftx.domain.agents.tools import Tool, as_json, declared, function_of, properties_of
from swiftx.domain.chat.pieces import Pieces
from swiftx.domain.chat.tool_calling import ToolCall, UserTurn

_CALL = re.compile(r"<seed:tool_call>(.+?)</seed:tool_call>", re.DOTALL)
_NAME = re.compile(r"<function=([^>]+)>")
_PARAMETER = re.compile(r"<parameter=([^>]+)>(.*?)</parameter>", re.DOTALL)

_BEGINS, _ENDS = "<seed:tool_call>", "</seed:tool_call>"
_TAGS = Tags("<parameter=", ">", "", "</parameter>", ("</function>", _ENDS))

_TYPES = {
    "string": "str",
    "number": "int",
    "integer": "int",
    "boolean": "bool",
    "array": "list",
}
_NEXT_SYSTEM_TURN = "<seed:eos><seed:bos>system"
_IDENTITY = (
    "You are Doubao, a helpful AI assistant. You may call one or more functions to assist with the user"
    " query."
)
_RULES = """\
工具调用请遵循如下格式:
<seed:tool_call>
<function=example_function_name>
<parameter=example_parameter_1>value_1</parameter>
<parameter=example_parameter_2>This is the value for the second parameter
that can span
multiple lines</parameter>
</function>
</seed:tool_call>
"""


def _declare(tools: Sequence[Tool], system: str | None) -> str:
    """The tools end the first system turn; without a second one the system text becomes it."""
    first, turn, second = (system or "").partition(_NEXT_SYSTEM_TURN)
    if not turn:
        first, second = _IDENTITY, f"\n{system or ''}"
    definitions = "\n\n".join(map(_definition, tools))
    return f"{first}\n\n{definitions}\n{_RULES}{_NEXT_SYSTEM_TURN}{second}"


def _definition(tool: Tool) -> str:
    function, entry = function_of(tool), declared(tool)
    parameters = function.get("parameters")
    properties = properties_of(parameters)
    required = parameters.get("required") if isinstance(parameters, Mapping) else None
    signature = ",".join(f"{name}: {_type(schema)}" for name, schema in properties.items())
    return "\n".join(
        (
            "Function:",
            f"def {entry.name}({signature}):",
            '    """',
            f"    {entry.description.strip()}",
            *_arguments(properties, required or ()),
            *_returns(properties_of(function.get("returns"))),
            '\n    """',
        )
    )


def _arguments(
    properties: Mapping[str, Mapping[str, Any]], required: Sequence[str]
) -> Iterator[str]:
    if properties:
        yield "\n    Args:"
    for name, schema in properties.items():
        need = "[必填]" if name in required else "[选填]"
        yield f"    - {name} ({_type(schema)}) {need}: {schema.get('description', '')}"


def _returns(properties: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if properties:
        yield "\n    Returns:"
    for name, schema in properties.items():
        yield f"    - {name} ({_type(schema)}): {schema.get('description', '')}"


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    return _TYPES.get(kind, "Any") if isinstance(kind, str) else "Any"


def _write(calls: Sequence[Call]) -> str:
    return "\n".join(
        "\n".join(
            (
                "<seed:tool_call>",
                f"<function={call.name}>",
                *(
                    f"<parameter={key}>{value if isinstance(value, str) else as_json(value)}</parameter>"
                    for key, value in named_arguments(call).items()
                ),
                "</function>",
                "</seed:tool_call>",
            )
        )
        for call in calls
    )


def _results(results: Sequence[str], _: UserTurn) -> Pieces:
    turns = "".join(f"<seed:bos>tool\n{text}<seed:eos>" for text in results)
    return (f"<seed:eos>{turns}<seed:bos>assistant\n",)


def _read(text: str) -> list[ToolCall]:
    """Every argument is text: the format does not tell the number 1 from the text `1`."""
    calls: list[ToolCall] = []
    for content in _CALL.findall(text):
        if name := _NAME.search(content):
            calls += found(name[1], dict(_PARAMETER.findall(content)))
    return calls


def _read_incoming(incoming: Incoming) -> Reading:
    before = yield from until(incoming, "<function=", _ENDS)
    named = None if before is None or before.word == _ENDS else (yield from until(incoming, ">"))
    if named is None or not (name := named.text.strip()):
        return False
    yield Begun(name)
    return (yield from read_tagged(incoming, _TAGS))


FORMATS = (
    AgentFormat(
        name="seed_oss",
        declare=_declare,
        write_calls=_write,
        write_results=_results,
        read_calls=_read,
        openings=(opening(_BEGINS, _read_incoming),),
    ),
)
