"""Calls between key words, as ReAct writes them; every other format falls back to it.

Source: ReAct, arXiv:2210.03629; github.com/modelscope/ms-swift@f754dc5f (Apache-2.0)
swift/plugin/agent_template/base.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import NamedTuple

from swiftx.domain.agents.calls import Call, found
from swiftx.domain.agents.incoming import (
    Begun,
    Incoming,
    Opening,
    Reading,
    opening,
    read_whole,
    skip_space,
    until,
)
from swiftx.domain.agents.incoming_json import read_value
from swiftx.domain.chat.pieces import Pieces
from swiftx.domain.chat.tool_calling import ToolCall, ToolTurn, UserTurn


class Keywords(NamedTuple):
    """What stands before the name of a tool, its arguments and its result."""

    action: str
    action_input: str
    observation: str


REACT = Keywords("Action:", "Action Input:", "Observation:")


def write_keyword_calls(
    calls: Sequence[Call], *, keywords: Keywords, spell: Callable[[object], str]
) -> str:
    """Return the calls one after the other, with the word for the first result at the end.

    Args:
        spell: Writes the arguments: `str` as Python does, `as_json` as JSON.
    """
    written = (
        f"{keywords.action} {call.name}\n{keywords.action_input} {spell(call.arguments)}\n"
        for call in calls
    )
    return "".join(written) + keywords.observation


def read_keyword_calls(text: str, *, keywords: Keywords) -> list[ToolCall]:
    """Return the calls in a text; arguments go on to the next key word or the end."""
    parts = re.split(f"({'|'.join(map(re.escape, keywords))})", text)
    calls: list[ToolCall] = []
    name: str | None = None
    for keyword, content in zip(parts[1::2], parts[2::2], strict=True):
        if keyword == keywords.action and name is None:
            name = content
        elif keyword == keywords.action_input and name is not None:
            calls += found(name, content)
            name = None
    return calls


def keyword_opening(keywords: Keywords) -> Opening:
    """Return the opening of calls between key words, to be read while they are written."""
    return opening(keywords.action, partial(_read, keywords=keywords))


def _read(incoming: Incoming, *, keywords: Keywords) -> Reading:
    named = yield from until(incoming, *keywords)
    last = named
    while last is not None and last.word != keywords.action_input:
        last = yield from until(incoming, *keywords)
    if named is None or last is None or not (name := named.text.strip()):
        return False
    if (yield from skip_space(incoming)) == "{":
        yield Begun(name)
        return (yield from read_value(incoming, ends=keywords))
    return (yield from read_whole(found(name, (yield from _to_the_next(incoming, keywords)))))


def _to_the_next(incoming: Incoming, keywords: Keywords) -> Generator[None, None, str]:
    """Read up to the next key word, which is left, or to the end."""
    start = incoming.at
    content = yield from until(incoming, *keywords)
    incoming.at = len(incoming.text) if content is None else incoming.at - len(content.word)
    return incoming.text[start : incoming.at]


def speaks(answer: str, keywords: Keywords) -> bool:
    """Tell whether an answer calls a tool with these key words."""
    return keywords.action in answer and keywords.action_input in answer


def observed(answer: str, results: Sequence[str], keywords: Keywords) -> ToolTurn:
    """Return the answer up to the word for a result, and the results, a line each."""
    if not answer.endswith(keywords.observation):
        line_break = "" if answer.endswith("\n") else "\n"
        answer += line_break + keywords.observation
    lines = (result if result.endswith("\n") else f"{result}\n" for result in results)
    return ToolTurn(answer, (keywords.observation.join(lines),))


def bare_results(results: Sequence[str], _: UserTurn) -> Pieces:
    """Return results of calls that were written without key words: nothing around them."""
    return ("".join(results),)
