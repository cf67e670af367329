"""Standard rows: the one shape that every data format becomes, and what it means as conversations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from swiftx.domain.chat.messages import Conversation, Message
from swiftx.domain.chat.tools import parse_tools
from swiftx.errors import DataError

StandardRow = Mapping[str, Any]
"""Columns of `STANDARD_COLUMNS` (and others, when unused columns are kept), to JSON-like values.

`messages` and `rejected_messages` are lists of {"role", "content", "loss"}; `loss` is None, 0.0 or 1.0.
`images` is a list of {"bytes", "path"}; `videos` and `audios` are lists of paths or URLs.
Rows may be shared between places of a data set: never change one.
"""

PREFIXES = ("", "rejected_", "positive_", "negative_")
"""Of the columns that a row may have several times, for preference, embedding and reranker data."""

MEDIA = tuple(prefix + column for prefix in PREFIXES for column in ("images", "videos", "audios"))
"""Columns of what is no text."""

STANDARD_COLUMNS = frozenset(
    prefix + column
    for prefix in PREFIXES
    for column in ("messages", "images", "videos", "audios", "tools", "objects")
) | {"rejected_response", "label", "channel", "margin"}


class PlainRow(Mapping[str, Any]):
    """A standard row of nothing but texts without loss flags, in a compact form. Never change one.

    Args:
        roles: `system`, `user` or `assistant`, message by message; at least one.
        contents: Their texts.
    """

    __slots__ = ("contents", "roles")

    def __init__(self, roles: tuple[str, ...], contents: tuple[str, ...]) -> None:
        self.roles = roles
        self.contents = contents

    def __getitem__(self, key: str) -> list[dict[str, Any]]:
        if key != "messages":
            raise KeyError(key)
        return [
            {"role": role, "content": content, "loss": None}
            for role, content in zip(self.roles, self.contents, strict=True)
        ]

    def __iter__(self) -> Iterator[str]:
        return iter(("messages",))

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return repr(dict(self))


class ReadTurns(PlainRow):
    """The same as it is read from a file, where messages have no loss flag at all."""

    __slots__ = ()

    def __getitem__(self, key: str) -> list[dict[str, Any]]:
        return [
            {"role": each["role"], "content": each["content"]} for each in super().__getitem__(key)
        ]


PLAIN_ROLES = frozenset({"system", "user", "assistant"})
"""Roles of a `PlainRow`."""


def plain_row(row: StandardRow) -> StandardRow:
    """Return a standard row in the compact form, where it has one; else as it is."""
    if len(row) != 1 or type(row) is not dict:
        return row
    messages = row.get("messages")
    if not messages or any(message["loss"] is not None for message in messages):
        return row
    roles = tuple([message["role"] for message in messages])
    contents = tuple([message["content"] for message in messages])
    if not PLAIN_ROLES.issuperset(roles) or set(map(type, contents)) != {str}:
        return row
    return PlainRow(roles, contents)


def conversation_of(row: StandardRow) -> Conversation:
    """Return the conversation of a row (the chosen one of a pair).

    Raises:
        DataError: There are no messages, or the tools cannot be read.
    """
    messages = row.get("messages")
    if not messages:
        raise DataError("there is no message", field="messages")
    return _conversation(row, messages, prefix="")


def rejected_conversation_of(row: StandardRow) -> Conversation | None:
    """Return the rejected conversation of a preference row; None when the row has none.

    A `rejected_response` (a text or a list of messages) replaces what follows the last message of
    the user or a tool. Media and tools that the rejected side lacks are those of the chosen side.

    Raises:
        DataError: The rejected side or the tools cannot be read.
    """
    messages = row.get("rejected_messages")
    if messages is None:
        response = row.get("rejected_response")
        if response is None:
            return None
        messages = [*prompt_messages(row["messages"]), *_response_messages(response)]
    return _conversation(row, messages, prefix="rejected_")


def documents_of(row: StandardRow, side: str) -> tuple[Conversation, ...]:
    """Return the conversations of `positive_messages` or `negative_messages`; `side` names which.

    Raises:
        DataError: The messages or the tools cannot be read.
    """
    lists = row.get(f"{side}_messages") or ()
    return tuple(Conversation(messages=_messages(messages)) for messages in lists)


def prompt_messages(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the messages up to the last one that is not the assistant's."""
    end = len(messages)
    while end and messages[end - 1]["role"] in ("assistant", "tool_call"):
        end -= 1
    return list(messages[:end])


def _conversation(
    row: StandardRow, messages: Sequence[Mapping[str, Any]], *, prefix: str
) -> Conversation:
    def column(name: str) -> Any:
        own = row.get(prefix + name)
        return row.get(name) if own is None else own

    return Conversation(
        messages=_messages(messages),
        tools=parse_tools(column("tools")),
        images=tuple(_medium(image) for image in column("images") or ()),
        videos=tuple(column("videos") or ()),
        audios=tuple(column("audios") or ()),
        objects=column("objects"),
    )


def _messages(messages: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    return tuple(
        Message(message["role"], message["content"], _flag(message.get("loss")))
        for message in messages
    )


def _flag(loss: float | None) -> bool | None:
    return None if loss is None else bool(loss)


def _medium(image: Any) -> Any:
    if isinstance(image, Mapping) and image.get("bytes") is None:
        return image.get("path")
    return image


def _response_messages(response: Any) -> list[Mapping[str, Any]]:
    if isinstance(response, str):
        return [{"role": "assistant", "content": response}]
    if isinstance(response, Sequence) and all(isinstance(item, Mapping) for item in response):
        return list(response)
    raise DataError(
        f"a text or a list of messages was expected, not {type(response).__name__}",
        field="rejected_response",
    )
