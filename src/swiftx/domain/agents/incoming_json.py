"""JSON read while a model writes it: calls that are objects, and arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from swiftx.domain.agents.calls import json_arguments
from swiftx.domain.agents.incoming import (
    Arguments,
    Begun,
    Incoming,
    Reading,
    next_is,
    read_whole,
    skip_space,
)
from swiftx.domain.chat.tool_calling import ToolCall

_DECODER = json.JSONDecoder()
_SCALAR = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null")
_BARE_WORD = re.compile(r"[^\s{}\[\],:\"'][^\s{}\[\],:\"'<`]*")
_BETWEEN = re.compile(r"[\s,:]+")
_IN_STRING = {
    '"': re.compile(r'(?:[^"\\]+|\\.)*', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]+|\\.)*", re.DOTALL),
}


def read_json_call(incoming: Incoming, key: str, *, ends: Sequence[str] = ()) -> Reading:
    """Read `{"name": …, KEY: {…}}` with the two in this order; where it is not that, no call is begun.

    Args:
        incoming: Stands before the object, or white space before it.
        key: Of the arguments.
        ends: Words that end arguments which are not over.
    """
    name = ""
    for number, expected in enumerate(("{", '"name"', ":", None, ",", json.dumps(key), ":")):
        token = yield from _token(incoming)
        if number == 3:
            name = _name(token)
        elif token != expected:
            return False
    if not name or (yield from skip_space(incoming)) != "{":
        return False
    yield Begun(name)
    yield from read_value(incoming, ends=ends)
    return True


def read_object(
    incoming: Incoming, calls_in: Callable[[Mapping[str, Any]], Sequence[ToolCall]]
) -> Reading:
    """Read a JSON object to its end, and then the calls in it; one without calls is passed over whole.

    Args:
        incoming: Stands before the brace.
        calls_in: Returns the calls that an object is.
    """
    start = incoming.at
    if not (yield from _is_object(incoming)):
        return False
    for piece in read_value(incoming):
        if piece is None:
            yield None
    try:
        value, _ = _DECODER.raw_decode(incoming.text, start)
    except (ValueError, RecursionError):
        return False
    incoming.resume = incoming.at
    return (yield from read_whole(calls_in(value)))


def read_value(incoming: Incoming, *, ends: Sequence[str] = ()) -> Reading:
    """Read an object as arguments, in pieces as far as they are JSON; the rest when all is there.

    Args:
        incoming: Stands before the brace.
        ends: Words that end an object which is not over, outside its texts.
    """
    start = sent = incoming.at
    depth, is_json = 0, True
    while True:
        if incoming.at == len(incoming.text):
            if is_json and sent < incoming.at:
                yield Arguments(incoming.text[sent : incoming.at])
                sent = incoming.at
            if incoming.ended:
                break
            yield None
            continue
        character = incoming.text[incoming.at]
        if character in "{}[]":
            depth += 1 if character in "{[" else -1
            incoming.at += 1
            if depth <= 0:
                break
        elif between := _BETWEEN.match(incoming.text, incoming.at):
            incoming.at = between.end()
        elif character == '"' and is_json:
            sent = yield from _send_string(incoming, sent)
        else:
            if ends and (yield from next_is(incoming, *ends)):
                break
            before = incoming.at
            known = yield from _is_json_word(incoming)
            if is_json and not known:
                is_json = False
                if sent < before:
                    yield Arguments(incoming.text[sent:before])
                    sent = before
    if not is_json:
        yield Arguments(_rest(incoming.text[start : incoming.at], sent - start))
    elif sent < incoming.at:
        yield Arguments(incoming.text[sent : incoming.at])
    return True


def _send_string(incoming: Incoming, sent: int) -> Generator[Arguments | None, None, int]:
    """Read a JSON string; return up to where the text was yielded."""
    incoming.at += 1
    while True:
        match = _IN_STRING['"'].match(incoming.text, incoming.at)
        incoming.at = match.end() if match else incoming.at
        if incoming.text[incoming.at : incoming.at + 1] == '"':
            incoming.at += 1
            return sent
        if incoming.ended:
            incoming.at = len(incoming.text)
            return sent
        if sent < incoming.at:
            yield Arguments(incoming.text[sent : incoming.at])
            sent = incoming.at
        yield None


def _is_object(incoming: Incoming) -> Generator[None, None, bool]:
    """Tell, and read nothing, whether a brace opens an object: a key or the closing brace follows."""
    start = incoming.at
    incoming.at += 1
    character = yield from skip_space(incoming)
    incoming.at = start
    return character != "" and character in '"}'


def _is_json_word(incoming: Incoming) -> Generator[None, None, bool]:
    """Read a number, a word or a string to its end; return whether it is one that JSON has."""
    quote = incoming.text[incoming.at]
    if quote in "\"'":
        yield from _string(incoming, quote)
        return quote == '"'
    word = yield from _bare_word(incoming)
    return _SCALAR.fullmatch(word) is not None


def _token(incoming: Incoming) -> Generator[None, None, str]:
    """Read a token of JSON after white space; empty at the end."""
    character = yield from skip_space(incoming)
    if character == '"':
        return (yield from _string(incoming, character))
    if character in "{}[],:":
        incoming.at += len(character)
        return character
    return (yield from _bare_word(incoming))


def _string(incoming: Incoming, quote: str) -> Generator[None, None, str]:
    start = incoming.at
    incoming.at += 1
    while True:
        match = _IN_STRING[quote].match(incoming.text, incoming.at)
        incoming.at = match.end() if match else incoming.at
        if incoming.text[incoming.at : incoming.at + 1] == quote:
            incoming.at += 1
            break
        if incoming.ended:
            incoming.at = len(incoming.text)
            break
        yield None
    return incoming.text[start : incoming.at]


def _bare_word(incoming: Incoming) -> Generator[None, None, str]:
    """Read up to what ends a word; one character at least."""
    start = incoming.at
    while True:
        match = _BARE_WORD.match(incoming.text, start)
        end = match.end() if match else start + 1
        if end < len(incoming.text) or incoming.ended:
            incoming.at = min(end, len(incoming.text))
            return incoming.text[start : incoming.at]
        yield None


def _name(token: str) -> str:
    try:
        name = json.loads(token)
    except ValueError:
        return ""
    return name.strip() if isinstance(name, str) else ""


def _rest(written: str, sent: int) -> str:
    """Return what is missing of arguments that a model wrote as Python does, or as nobody does."""
    spelled = json_arguments(ToolCall("_", written))
    return spelled[sent:] if spelled.startswith(written[:sent]) else written[sent:]
