"""The `msgspec` library (optional): lines of JSON that are plain messages, read without a dict for each."""

from __future__ import annotations

from types import GenericAlias
from typing import Any, Literal

import msgspec

from swiftx.domain.chat.rows import ReadTurns

_Message: Any = msgspec.defstruct(
    "_Message",
    [("role", Literal["system", "user", "assistant"]), ("content", str)],
    forbid_unknown_fields=True,
    gc=False,
)
_Row: Any = msgspec.defstruct(
    "_Row",
    [("messages", GenericAlias(list, (_Message,)))],
    forbid_unknown_fields=True,
    gc=False,
)
_decode = msgspec.json.Decoder(_Row).decode


def plain_turns(line: bytes) -> ReadTurns | None:
    """Return the row of a line; None for any other line, which may be an error or another kind of row."""
    try:
        messages = _decode(line).messages
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not messages:
        return None
    return ReadTurns(
        tuple([message.role for message in messages]),
        tuple([message.content for message in messages]),
    )
