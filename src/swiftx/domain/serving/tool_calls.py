"""Tool calls in an answer, told apart while it comes; and the words that make a model call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from swiftx.domain.agents.base import AgentFormat, openings_of
from swiftx.domain.agents.calls import json_arguments
from swiftx.domain.agents.incoming import (
    Arguments,
    Begun,
    Incoming,
    Opening,
    Place,
    Reading,
    beginning_of,
)
from swiftx.domain.agents.keywords import REACT
from swiftx.domain.chat.tool_calling import AgentTemplate, ToolCall

_ENDS_A_CALL = re.compile(r"[>}\])】:\n]")
_ANY_MORE = "\ue000"  # a private character: appended, it changes a call that is not over yet
_FIRST_WORD = re.compile(r"\s*(\{|\[\w+\]|<[^>]*?(?=s?>)|\S+?(?=[\s{]|$))")


class CallPiece(NamedTuple):
    """A piece of a call.

    Attributes:
        number: Of the call in its answer, from 0.
        name: With the first piece of a call; empty afterwards.
        arguments: What is added to the arguments.
    """

    number: int
    name: str
    arguments: str


class Called(NamedTuple):
    """A piece of an answer: what is said and what is called."""

    content: str
    calls: Sequence[CallPiece] = ()


class ToolCallReader:
    """Reads an answer in which tools may be called.

    What cannot belong to a call is returned at once. A call is returned as it is written: its name, then
    its arguments in pieces, where the format tells them apart from the start; otherwise when it is
    complete. A call that is begun is a call, also when the answer ends within it. Text after the first
    call that belongs to none is dropped, and so is white space before it. All pieces together depend on
    the answer alone, not on how it is cut.
    """

    def __init__(self, agent: AgentTemplate) -> None:
        self._openings = openings_of(agent) or (_complete_calls(agent),)
        self._incoming = Incoming()
        self._settled = 0  # before it, all text is returned or belongs to a call
        self._reading: Reading | None = None
        self._space = ""
        self._calls = 0

    @property
    def called(self) -> bool:
        """Whether a call was found."""
        return self._calls > 0

    def push(self, text: str) -> Called:
        """Return what is known after this piece."""
        self._incoming.text += text
        return self._read()

    def finish(self) -> Called:
        """Return what was held back, when no more text comes."""
        self._incoming.ended = True
        content, calls = self._read()
        return Called(content if self._calls else content + self._space, calls)

    def _read(self) -> Called:
        said: list[str] = []
        calls: list[CallPiece] = []
        while self._reading is not None or self._begins(said):
            verdict = self._advance(calls)
            if verdict is None:
                break
            self._reading = None
            if verdict:
                self._settled = self._incoming.at
            else:
                said.append(self._said(max(self._incoming.resume, self._settled + 1)))
        return Called("".join(said), calls)

    def _begins(self, said: list[str]) -> bool:
        """Look for the next call; all text before it is said."""
        incoming = self._incoming
        nowhere = len(incoming.text)
        place, opening = Place(nowhere), None
        for each in self._openings:
            found = each.find(incoming.text, self._settled)
            if incoming.ended and found.reads_from is None:
                continue
            if found.start < place.start:
                place, opening = found, each
        said.append(self._said(place.start))
        if opening is None or place.reads_from is None:
            return False
        incoming.at = place.reads_from
        incoming.resume = place.start + 1
        self._reading = opening.read(incoming)
        return True

    def _advance(self, calls: list[CallPiece]) -> bool | None:
        """Read on; return whether it was a call, None when there must be more text first."""
        reading = self._reading
        assert reading is not None
        while True:
            try:
                piece = next(reading)
            except StopIteration as end:
                return bool(end.value)
            match piece:
                case None:
                    return None
                case Begun(name):
                    calls.append(CallPiece(self._calls, name, ""))
                    self._calls += 1
                case Arguments(text):
                    calls.append(CallPiece(self._calls - 1, "", text))

    def _said(self, end: int) -> str:
        """Return the text up to here, without white space that may stand before a call."""
        text = self._space + self._incoming.text[self._settled : end]
        self._settled = end
        if self._calls:
            return ""
        shown = text.rstrip()
        self._space = text[len(shown) :]
        return shown


def joined(pieces: Iterable[CallPiece]) -> list[CallPiece]:
    """Return pieces with those of the same call put together, in order."""
    calls: dict[int, CallPiece] = {}
    for number, name, arguments in pieces:
        before = calls.get(number, CallPiece(number, "", ""))
        calls[number] = CallPiece(number, before.name + name, before.arguments + arguments)
    return list(calls.values())


def _complete_calls(agent: AgentTemplate) -> Opening:
    """Return how calls are read of which only the agent template itself knows how they are written."""
    marks = call_marks(agent)

    def find(text: str, start: int) -> Place:
        places = [place for mark in marks if (place := text.find(mark, start)) >= 0]
        if places or not marks:
            return Place(min(places, default=start), min(places, default=start))
        held = max(beginning_of(mark, text[start:]) for mark in marks)
        return Place(len(text) - held)

    def read(incoming: Incoming) -> Reading:
        start = looked = incoming.at
        returned = 0
        while True:
            news, looked = incoming.text[looked:], len(incoming.text)
            if incoming.ended or _ENDS_A_CALL.search(news):
                now = agent.parse_tool_calls(incoming.text[start:])
                settled = (
                    len(now) if incoming.ended else _settled(agent, now, incoming.text[start:])
                )
                for call in now[returned:settled]:
                    yield Begun(call.name)
                    yield Arguments(json_arguments(call))
                returned = max(returned, settled)
            incoming.at = incoming.resume = len(incoming.text)
            if incoming.ended:
                return returned > 0
            yield None

    return Opening(find, read)


def _settled(agent: AgentTemplate, now: Sequence[ToolCall], text: str) -> int:
    """Return how many of the calls no further text can change."""
    later = agent.parse_tool_calls(text + _ANY_MORE)
    same = [before == after for before, after in zip(now, later, strict=False)]
    return (*same, False).index(False)


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
