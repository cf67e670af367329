"""Calls read while a model writes them.

A reader of calls is a generator: it yields what it has read, or None when it must wait for more text, and
returns whether it was a call. What it reads depends on the text alone, never on how the text is cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from swiftx.domain.agents.calls import json_arguments
from swiftx.domain.agents.tools import as_json
from swiftx.domain.chat.tool_calling import ToolCall


@dataclass(slots=True)
class Incoming:
    """Text that is being written.

    Attributes:
        at: Where reading goes on.
        ended: Whether no more text comes.
        resume: Where to look for calls next if this is none.
    """

    text: str = ""
    at: int = 0
    ended: bool = False
    resume: int = 0


class Begun(NamedTuple):
    """A call of this tool begins."""

    name: str


class Arguments(NamedTuple):
    """The arguments go on: a piece of JSON."""

    text: str


Reading = Generator[Begun | Arguments | None, None, bool]
"""Reads a call from where `Incoming.at` stands; returns whether it was one."""
Read = Callable[[Incoming], Reading]


class Place(NamedTuple):
    """Where a call may begin.

    Attributes:
        start: The first character that may belong to a call; the length of the text when none may.
        reads_from: Where reading starts; None while it is not sure that a call begins.
    """

    start: int
    reads_from: int | None = None


class Opening(NamedTuple):
    """A way to begin a call.

    Attributes:
        find: Finds it in a text, from an index on.
        read: Reads what follows.
    """

    find: Callable[[str, int], Place]
    read: Read


class Before(NamedTuple):
    """The text before a word that was found."""

    text: str
    word: str


class Tags(NamedTuple):
    """What stands around the key and the value of an argument; `value` is empty where nothing is between."""

    key: str
    key_end: str
    value: str
    value_end: str
    ends: tuple[str, ...]


def opening(word: str, read: Read) -> Opening:
    """Return the opening of calls that begin with a word."""

    def find(text: str, start: int) -> Place:
        place = text.find(word, start)
        if place >= 0:
            return Place(place, place + len(word))
        return Place(len(text) - beginning_of(word, text[start:]))

    return Opening(find, read)


def beginning_of(word: str, text: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a word.

    Example:
        >>> beginning_of("</think>", "so it is.</th")
        4
    """
    longest = min(len(text), len(word) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(word[:n])), 0)


def until(incoming: Incoming, *words: str) -> Generator[None, None, Before | None]:
    """Read up to and with the first of the words; None, and nothing read, when none of them comes."""
    pattern = re.compile("|".join(map(re.escape, words)))
    longest = max(map(len, words))
    start = scanned = incoming.at
    while True:
        if match := pattern.search(incoming.text, scanned):
            incoming.at = match.end()
            return Before(incoming.text[start : match.start()], match[0])
        if incoming.ended:
            return None
        scanned = max(start, len(incoming.text) - longest + 1)
        yield None


def next_is(incoming: Incoming, *words: str) -> Generator[None, None, str | None]:
    """Return which of the words stands here; none of it is read."""
    longest = max(map(len, words))
    while True:
        here = incoming.text[incoming.at : incoming.at + longest]
        if word := next((word for word in words if here.startswith(word)), None):
            return word
        if incoming.ended or not any(word.startswith(here) for word in words):
            return None
        yield None


def skip_space(incoming: Incoming) -> Generator[None, None, str]:
    """Read white space; return the character after it, which is not read; empty at the end."""
    while True:
        while incoming.at < len(incoming.text) and incoming.text[incoming.at].isspace():
            incoming.at += 1
        if incoming.at < len(incoming.text):
            return incoming.text[incoming.at]
        if incoming.ended:
            return ""
        yield None


def read_after(incoming: Incoming, word: str, read: Read) -> Reading:
    """Read white space and a word, then what follows; return False where another word stands."""
    yield from skip_space(incoming)
    if not (yield from next_is(incoming, word)):
        return False
    incoming.at += len(word)
    return (yield from read(incoming))


def read_whole(calls: Sequence[ToolCall]) -> Reading:
    """Yield calls that are complete; return whether there are any."""
    for call in calls:
        yield Begun(call.name)
        yield Arguments(json_arguments(call))
    return bool(calls)


def read_tagged(incoming: Incoming, tags: Tags, *, on_lines: bool = False) -> Reading:
    """Read arguments that are written one by one, as text, and yield them as a JSON object.

    Args:
        incoming: Stands before the first of them.
        tags: What stands around them; the object is closed at one of `ends` only.
        on_lines: Whether a value stands between line breaks, or else white space, that are no part of it.
    """
    before = "{"
    while True:
        found = yield from until(incoming, tags.key, *tags.ends)
        if found is None:
            incoming.at = len(incoming.text)
            return True
        if found.word != tags.key:
            yield Arguments(before + "}" if before == "{" else "}")
            return True
        key = yield from until(incoming, tags.key_end)
        if key is None or (tags.value and (yield from until(incoming, tags.value)) is None):
            incoming.at = len(incoming.text)
            return True
        yield Arguments(f'{before}{as_json(key.text.strip())}: "')
        before = ", "
        if not (yield from _send_text(incoming, tags.value_end, on_lines=on_lines)):
            return True
        yield Arguments('"')


def _send_text(incoming: Incoming, end: str, *, on_lines: bool) -> Reading:
    """Yield a value, escaped, up to its end tag, which is read; return whether it came."""
    breaks = on_lines and (yield from next_is(incoming, "\n")) is not None
    if breaks:
        incoming.at += 1
    elif on_lines:
        yield from skip_space(incoming)
    while True:
        place = incoming.text.find(end, incoming.at)
        stop = place
        if place < 0:
            rest = incoming.text[incoming.at :]
            stop = len(incoming.text) - (0 if incoming.ended else beginning_of(end, rest))
        said = incoming.text[incoming.at : stop]
        if place >= 0 and breaks and said.endswith("\n"):
            shown = said[:-1]
        else:
            shown = said.rstrip() if on_lines else said
        incoming.at += len(shown)
        if shown:
            yield Arguments(as_json(shown)[1:-1])
        if place >= 0 or incoming.ended:
            incoming.at = place + len(end) if place >= 0 else len(incoming.text)
            return place >= 0
        yield None
