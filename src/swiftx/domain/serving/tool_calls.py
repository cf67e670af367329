"""Tool calls in an answer, told apart while it comes; and the words that make a model call."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from swiftx.domain.agents.base import AgentFormat
from swiftx.domain.agents.calls import json_arguments
from swiftx.domain.agents.keywords import REACT
from swiftx.domain.chat.tool_calling import AgentTemplate, ToolCall

_ENDS_A_CALL = re.compile(r"[>}\])】:\n]")
_ANY_MORE = "\ue000"  # a private character: appended, it changes a call that is not over yet
_FIRST_WORD = re.compile(r"\s*(\{|\[\w+\]|<[^>]*?(?=s?>)|\S+?(?=[\s{]|$))")


class Called(NamedTuple):
    """A piece of an answer: what is said and what is called."""

    content: str
    calls: Sequence[ToolCall] = ()


class ToolCallReader:
    """Reads an answer in which tools may be called.

    What cannot belong to a call is returned at once; a call is returned when it is complete. Text after
    the first call that belongs to none is dropped, and so is white space before it.
    """

    def __init__(self, agent: AgentTemplate) -> None:
        self._agent = agent
        self._marks = call_marks(agent)
        self._text = ""  # what is not returned yet; from the first mark on, all of it
        self._marked = not self._marks
        self._returned = 0

    @property
    def called(self) -> bool:
        """Whether a call was found."""
        return self._returned > 0

    def push(self, text: str) -> Called:
        """Return what is known after this piece."""
        self._text += text
        if self._marked:
            return Called("", self._settled() if _ENDS_A_CALL.search(text) else ())
        places = [place for mark in self._marks if (place := self._text.find(mark)) >= 0]
        if places:
            self._marked = True
            said, self._text = self._text[: min(places)], self._text[min(places) :]
            self._text = said[len(said.rstrip()) :] + self._text
            return Called(said.rstrip(), self._settled())
        kept = max(_beginning_of(mark, self._text) for mark in self._marks)
        shown = self._text[: len(self._text) - kept].rstrip()
        self._text = self._text[len(shown) :]
        return Called(shown)

    def finish(self) -> Called:
        """Return the calls that the end completes, or the text that was none after all."""
        calls = self._found(self._text)[self._returned :] if self._marked else ()
        self._returned += len(calls)
        return Called("" if self._returned else self._text, calls)

    def _settled(self) -> Sequence[ToolCall]:
        """Return the calls that no further text can change."""
        now, later = self._found(self._text), self._found(self._text + _ANY_MORE)
        count = self._returned
        while count < min(len(now), len(later)) and now[count] == later[count]:
            count += 1
        calls = now[self._returned : count]
        self._returned = max(count, self._returned)
        return calls

    def _found(self, text: str) -> list[ToolCall]:
        return [
            call._replace(arguments=json_arguments(call))
            for call in self._agent.parse_tool_calls(text)
        ]


def call_marks(agent: AgentTemplate) -> tuple[str, ...]:
    """Return the words of which one begins any call; none when the format has no such word."""
    opening = _FIRST_WORD.match(call_opening(agent, ("a", "b")))
    if opening is None:
        return ()
    reads_react = isinstance(agent, AgentFormat) and agent.reads_react
    return tuple(dict.fromkeys((opening[1], *([REACT.action] if reads_react else []))))


def call_opening(agent: AgentTemplate, names: Sequence[str]) -> str:
    """Return how a call of one of these tools begins, whatever its arguments: text to begin an answer with.

    Empty when calls of different tools have nothing in common in this format.
    """
    written = [
        agent.render_tool_calls([json.dumps({"name": name, "arguments": arguments})])
        for name in names
        for arguments in ({}, {"a": 1}, {"b": 1})
    ]
    first, last = (
        min(written),
        max(written),
    )  # what these two have in common, all in between have too
    same = next(
        (n for n, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), None
    )
    return first[:same]


def _beginning_of(word: str, text: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a word."""
    longest = min(len(text), len(word) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(word[:n])), 0)
