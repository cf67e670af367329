"""Rows of any accepted format → standard rows. Pure, one row at a time, nothing dropped silently."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swiftx.domain.chat.literals import parsed
from swiftx.domain.chat.rows import (
    PLAIN_ROLES,
    PREFIXES,
    STANDARD_COLUMNS,
    PlainRow,
    ReadTurns,
    StandardRow,
    plain_row,
)
from swiftx.domain.chat.tools import parse_tools
from swiftx.domain.datasets.columns import ColumnNames, Format, Layout, layout_of
from swiftx.domain.datasets.media import image_list, media_list, standard_objects
from swiftx.domain.datasets.parts import PartMedia
from swiftx.domain.datasets.preference import Pair, ReadMessages, with_pair
from swiftx.domain.datasets.rejection import Reason, RowRejected, shown
from swiftx.domain.datasets.turns import (
    StandardMessage,
    is_messages,
    message,
    standard_messages,
    text_of,
    with_system,
)
from swiftx.errors import DataError

Pick = Callable[[int], int]
"""A number of choices → the index of one."""

_NUMBERS = ("label", "margin")
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFormat:
    """How rows are read.

    Attributes:
        columns: The user's column names, see `column_names`.
        remove_unused_columns: Keep only the standard columns.
        pick: Chooses one of several responses; None takes the first.
    """

    columns: ColumnNames = ()
    remove_unused_columns: bool = True
    pick: Pick | None = None


def normalise(row: Mapping[str, Any], format_: RowFormat) -> StandardRow:
    """Return the standard row of a row; the row itself is not changed.

    Raises:
        RowRejected: The row cannot be used; says which column, what it holds and what was expected.
    """
    return _as_read(row, format_) or plain_row(_normalised(row, format_))


def _as_read(row: Mapping[str, Any], format_: RowFormat) -> StandardRow | None:
    """Return a row that has nothing but plain messages already, as most have; None for any other."""
    if format_.columns:
        return None
    if type(row) is ReadTurns:
        return PlainRow(row.roles, row.contents)
    turns = row.get("messages") if len(row) == 1 else None
    if type(turns) is not list or not turns:
        return None
    roles: list[Any] = []
    contents: list[Any] = []
    for turn in turns:
        if type(turn) is not dict or len(turn) != 2:
            return None
        roles.append(turn.get("role"))
        contents.append(turn.get("content"))
    if {*map(type, roles), *map(type, contents)} != {str} or not PLAIN_ROLES.issuperset(roles):
        return None
    return PlainRow(tuple(roles), tuple(contents))


def _normalised(row: Mapping[str, Any], format_: RowFormat) -> dict[str, Any]:
    layout = layout_of(tuple(row), format_.columns)
    if _has_no_turns(row, layout):
        # A column that is null says nothing; the format may be another one without it.
        row = {key: value for key, value in row.items() if value is not None}
        layout = layout_of(tuple(row), format_.columns)
    standard = {
        name: row[key]
        for key, name in layout.extras
        if name in STANDARD_COLUMNS or not format_.remove_unused_columns
    }
    standard |= _media(row, layout)
    parts = PartMedia(standard)
    standard |= _turns(row, layout, parts=parts, pick=format_.pick)
    if parts.found_parts:
        standard |= parts.columns()
    _finish(standard)
    return standard


def _has_no_turns(row: Mapping[str, Any], layout: Layout) -> bool:
    source = layout.sources.get("messages")
    return source is not None and row[source] is None


def _media(row: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    return {
        column: None if (value := row[source]) is None else media_list(value, field=source)
        for column, source in layout.media
    }


def _turns(
    row: Mapping[str, Any], layout: Layout, *, parts: PartMedia, pick: Pick | None
) -> dict[str, Any]:
    """Return `messages`, and the rejected side where the row has chosen and rejected columns."""

    def read(value: object, field: str) -> list[StandardMessage]:
        return standard_messages(value, media=parts, field=field)

    cells = {name: row[source] for name, source in layout.sources.items()}
    pair = Pair(cells.get("chosen"), cells.get("rejected"))
    if layout.format is not Format.MESSAGES:
        messages = _rounds(cells, layout, read=read, pick=pick)
    elif pair.has_conversations and not cells["messages"]:
        messages = []
    else:
        messages = read(cells["messages"], layout.sources["messages"])
    if messages or pair.is_given:
        messages = with_system(messages, cells.get("system"))
    if pair.is_given:
        return with_pair(messages, pair, read=read)
    if not messages:
        raise _nothing_known(row, layout)
    return {"messages": messages}


def _rounds(
    cells: Mapping[str, Any], layout: Layout, *, read: ReadMessages, pick: Pick | None
) -> list[StandardMessage]:
    """Return the messages of history, query (or instruction and input) and response."""
    if layout.format is Format.ALPACA:
        query: object = _alpaca_query(cells.get("instruction"), cells.get("input"))
    else:
        query = cells.get("query")
    response = _picked(cells.get("response"), pick)
    return [
        *_history(cells.get("history")),
        *_side(query, "user", read=read, field=layout.sources.get("query", "instruction")),
        *_side(response, "assistant", read=read, field=layout.sources.get("response", "response")),
    ]


def _alpaca_query(instruction: object, given: object) -> str | None:
    """Return instruction and input as one text; a missing or empty one is left out."""
    if instruction is None and given is None:
        return None
    texts = [
        text_of(value, field=field)
        for field, value in (("instruction", instruction), ("input", given))
        if value is not None
    ]
    return "\n".join(text for text in texts if text)


def _side(value: object, role: str, *, read: ReadMessages, field: str) -> list[StandardMessage]:
    """Return the messages of a query or response: a text, a number, a message or a list of them."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        value = [value]
    if is_messages(value):
        return read(value, field)
    return [message(role, text_of(value, field=field))]


def _picked(response: object, pick: Pick | None) -> object:
    if isinstance(response, Sequence) and not isinstance(response, str) and response:
        if is_messages(response):
            return response
        return response[pick(len(response)) if pick else 0]
    return response


def _history(value: object) -> list[StandardMessage]:
    """Return the messages of `[[query, response], …]`."""
    if isinstance(value, str):
        try:
            value = parsed(value) if value.strip() else []
        except ValueError:
            raise _bad_history(value) from None
    rounds: list[StandardMessage] = []
    for pair in value or () if isinstance(value, Sequence | None) else (value,):
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise _bad_history(pair)
        rounds += [
            message(role, text_of(text, field="history"))
            for role, text in zip(("user", "assistant"), pair, strict=True)
            if text is not None
        ]
    return rounds


def _bad_history(value: object) -> RowRejected:
    return RowRejected(
        Reason.BAD_MESSAGES,
        f"a list of [query, response] pairs was expected, not {shown(value)}",
        field="history",
    )


def _nothing_known(row: Mapping[str, Any], layout: Layout) -> RowRejected:
    known = sorted(set(layout.sources.values()))
    if known:
        return RowRejected(Reason.NO_MESSAGES, "the row has no text", field=", ".join(known))
    return RowRejected(
        Reason.NO_FORMAT,
        f"the columns are {', '.join(map(repr, row)) or 'none'}; messages, conversations, "
        f"instruction/input/output, query/response or text were expected "
        f"(rename with --columns)",
    )


def _finish(row: dict[str, Any]) -> None:
    """Bring the columns beside the messages into their standard form, in place."""
    if len(row) == 1:
        return
    messages = row["messages"]
    if "rejected_messages" in row:
        _rejected_messages(row)
    if "rejected_response" in row:
        _check_rejected(row["rejected_response"], messages)
    for prefix in PREFIXES[:2]:
        field = f"{prefix}images"
        if row.get(field) is not None:
            row[field] = image_list(row[field], field=field)
    for prefix in PREFIXES:
        field = f"{prefix}objects"
        if row.get(field) is not None:
            row[field] = standard_objects(row[field])
    if row.get("tools") is not None:
        _check_tools(row["tools"])
    for field in _NUMBERS:
        if isinstance(row.get(field), str):
            row[field] = _number(row[field])
    for field in ("positive_messages", "negative_messages"):
        if row.get(field) is not None:
            row[field] = _documents(row[field], field=field)


def _rejected_messages(row: dict[str, Any]) -> None:
    value = row["rejected_messages"]
    if value is None:
        return
    media = PartMedia(
        {
            column: media_list(row[f"rejected_{column}"], field=f"rejected_{column}")
            for column in ("images", "videos", "audios")
            if row.get(f"rejected_{column}") is not None
        }
    )
    row["rejected_messages"] = standard_messages(value, media=media, field="rejected_messages")
    if media.found_parts:
        row |= {f"rejected_{column}": values for column, values in media.columns().items()}


def _check_rejected(response: object, messages: Sequence[StandardMessage]) -> None:
    if response is None or response == messages[-1]["content"]:
        raise RowRejected(
            Reason.BAD_PAIR,
            f"an answer other than the chosen one was expected, not {shown(response)}",
            field="rejected_response",
        )


def _check_tools(tools: object) -> None:
    try:
        parse_tools(tools)
    except DataError as error:
        raise RowRejected(Reason.BAD_TOOLS, error.reason, field="tools") from None


def _number(text: str) -> object:
    """Return a label that a csv file holds as text; text that is no number stays text."""
    truth = _TRUTH.get(text.strip().lower())
    if truth is not None:
        return truth
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _documents(value: object, *, field: str) -> Any:
    """Return lists of messages as they are when they are standard already, else made so."""
    if isinstance(value, str):
        try:
            value = parsed(value)
        except ValueError:
            value = None
    if not isinstance(value, Sequence) or not all(is_messages(item) for item in value):
        raise RowRejected(
            Reason.BAD_DOCUMENTS,
            f"a list of lists of messages was expected, not {shown(value)}",
            field=field,
        )
    return [_document(item, field=field) for item in value]


def _document(messages: Any, *, field: str) -> list[dict[str, Any]]:
    standard = standard_messages(messages, media=PartMedia(), field=field)
    return [
        {key: value for key, value in turn.items() if key != "loss" or value is not None}
        for turn in standard
    ]
