from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swiftx.domain.agents import registry
from swiftx.domain.agents.base import AgentFormat
from swiftx.domain.agents.calls import json_arguments
from swiftx.domain.chat.tool_calling import ToolCall
from swiftx.domain.serving.tool_calls import CallPiece, ToolCallReader, call_opening, joined

CALLS = [
    '{"name": "get_weather", "arguments": {"city": "Rome", "note": "a \\"{b}\\" \\\\ \\n c"}}',
    '{"name": "add", "arguments": {"a": "1"}}',
]
EXPECTED = [
    ("get_weather", {"city": "Rome", "note": 'a "{b}" \\ \n c'}),
    ("add", {"a": "1"}),
]
ROME = '{"name": "get_weather", "arguments": {"city": "Rome"}}'
PYTHON_SPELLED = [
    name for name in registry.names() if "'a'" in registry.get(name).render_tool_calls(CALLS[1:])
]
AS_WRITTEN = [name for name in registry.names() if name not in PYTHON_SPELLED]
"""Formats in which the arguments of a call come in pieces."""

_CUTS = st.lists(st.integers(0, 400), max_size=40)
_PIECES_OF_ANSWERS = [
    *"{}[]\"'\n:,`\\ ", "Well", "12", "true", "None", "name", "<tool_call>", "</tool_call>",
    "<tool_calls>", "<function=", "<function=f>", "<parameter=a>", "</parameter>", "</function>",
    "<seed:tool_call>", "</seed:tool_call>", "<arg_key>", "</arg_key>", "<arg_value>",
    "</arg_value>", "Action:", "Action Input:", "Observation:", "✿FUNCTION✿:", "✿ARGS✿:",
    "✿RESULT✿:", "[TOOL_CALLS]", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "\n```json", "```", "<|assistant|>", "f\n{",
    '{"name": "f", "arguments": {', '{"name": "f", "parameters": {', '{"a": 1}', "{'a': True}",
    '"a": "b', "<tool", "Act", "\\u00e9", "é",
]  # fmt: skip
_ANSWERS = st.lists(st.sampled_from(_PIECES_OF_ANSWERS), max_size=14).map("".join)


def read(
    agent: str | AgentFormat, text: str, cuts: Sequence[int]
) -> tuple[str, list[CallPiece], list[CallPiece]]:
    """Return what is said, the calls, and the pieces in which they came."""
    reader = ToolCallReader(registry.get(agent) if isinstance(agent, str) else agent)
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    parts = [reader.push(text[start:stop]) for start, stop in itertools.pairwise(edges)]
    parts.append(reader.finish())
    pieces = [call for part in parts for call in part.calls]
    return "".join(part.content for part in parts), joined(pieces), pieces


def told(calls: Sequence[CallPiece]) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in calls]


@pytest.mark.parametrize("agent", registry.names())
@settings(max_examples=20, deadline=None)
@given(cuts=_CUTS)
def test_calls_are_found_wherever_the_text_is_cut(agent: str, cuts: list[int]) -> None:
    said, calls, _ = read(agent, registry.get(agent).render_tool_calls(CALLS), cuts)

    assert said == ""
    assert told(calls) == EXPECTED


@pytest.mark.parametrize("agent", registry.names())
@settings(max_examples=60, deadline=None)
@given(text=_ANSWERS, cuts=_CUTS)
@example(text='<tool_call>{"name": "f", "arguments": {"a": "b\\', cuts=[46, 47])
@example(text='<tool_call>{"name": "f", "arguments": {"a": 1</tool_call>', cuts=[45, 46, 50])
@example(text="Action: f\nAction Input: {'a': True}\nObservation", cuts=list(range(50)))
def test_all_pieces_together_are_the_same_wherever_an_answer_is_cut(
    agent: str, text: str, cuts: list[int]
) -> None:
    said, calls, pieces = read(agent, text, [])

    assert read(agent, text, cuts)[:2] == (said, calls)
    assert read(agent, text, range(len(text)))[:2] == (said, calls)
    assert [call.number for call in calls] == list(range(len(calls)))
    assert all(call.name.strip() == call.name != "" for call in calls)
    assert [bool(piece.name) for piece in pieces if piece.name] == [True] * len(calls)
    if not calls:
        assert said == text


@pytest.mark.parametrize("agent", registry.names())
@settings(max_examples=30, deadline=None)
@given(
    arguments=st.dictionaries(
        st.from_regex(r"[a-z]{1,6}", fullmatch=True),
        st.text(st.characters(codec="utf-8", exclude_characters="<>✿:`"), max_size=12),
        max_size=3,
    ),
    cuts=_CUTS,
)
def test_a_call_is_what_the_whole_answer_says(
    agent: str, arguments: dict[str, str], cuts: list[int]
) -> None:
    template = registry.get(agent)
    text = template.render_tool_calls([json.dumps({"name": "f", "arguments": arguments})])
    whole = template.parse_tool_calls(text)

    said, calls, _ = read(agent, "Well.\n" + text, cuts)

    assert said == "Well."
    assert told(calls) == [(call.name, json.loads(json_arguments(call))) for call in whole]


@pytest.mark.parametrize("agent", AS_WRITTEN)
def test_arguments_come_as_they_are_written(agent: str) -> None:
    text = registry.get(agent).render_tool_calls([ROME])
    reader = ToolCallReader(registry.get(agent))
    before, after = text[: text.index("Rome") + 2], text[text.index("Rome") + 2 :]

    begun = joined([piece for character in before for piece in reader.push(character).calls])
    rest = [piece for character in after for piece in reader.push(character).calls]

    assert begun == [CallPiece(0, "get_weather", '{"city": "Ro')]
    assert len(rest) > 1
    assert all(piece.name == "" for piece in rest)


@pytest.mark.parametrize("agent", registry.names())
@pytest.mark.parametrize("length", [1, 7, 40])
def test_what_is_said_before_a_call_is_content_at_once(agent: str, length: int) -> None:
    reader = ToolCallReader(registry.get(agent))
    sentence = "I look it up, it is < 3 km away."

    said = "".join(
        reader.push(sentence[start : start + length]).content
        for start in range(0, len(sentence), length)
    )
    after = reader.push("\n\n" + registry.get(agent).render_tool_calls([ROME])).content

    assert said == sentence
    assert after == ""
    assert reader.finish().content == ""


@pytest.mark.parametrize("agent", registry.names())
@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_an_answer_without_a_call_is_content_to_the_last_space(agent: str, cuts: list[int]) -> None:
    text = 'It is {"warm": 1} in Rome: <b>27</b>. \n'

    assert read(agent, text, cuts) == (text, [], [])


def test_a_call_that_cannot_be_read_is_content() -> None:
    text = "Wait. <tool_call>\n{broken\n</tool_call>"

    assert read("hermes", text, [3, 9]) == (text, [], [])


@pytest.mark.parametrize("agent", AS_WRITTEN)
def test_a_call_in_which_the_answer_ends_is_a_call_that_is_not_over(agent: str) -> None:
    text = registry.get(agent).render_tool_calls([ROME])

    said, calls, _ = read(agent, text[: text.index("Rome") + 2], [5])

    assert (said, calls) == ("", [CallPiece(0, "get_weather", '{"city": "Ro')])


@pytest.mark.parametrize(
    ("agent", "text", "expected"),
    [
        # arguments first, or spelled as text: nothing is known before all is there
        ("hermes", '<tool_call>{"arguments": {"a": 1}, "name": "f"}</tool_call>', '{"a": 1}'),
        ("hermes", '<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>', '{"a": 1}'),
        ("hermes", "<tool_call>{'name': 'f', 'arguments': {'a': 1}}</tool_call>", '{"a": 1}'),
        # as a model spells it, also where Python's words are in it
        ("hermes", '<tool_call>{"name":"f","arguments":{"a":1}}</tool_call>', '{"a":1}'),
        ("hermes", '<tool_call>{"name": "f", "arguments": {"a": None}}', '{"a": null}'),
        ("llama3", '{"name": "f", "parameters": {"a": True}}', '{"a": true}'),
        ("react_en", "Action: f\nAction Input: Rome\n", "Rome"),
        ("react_en", 'Action: f\nAction Input: {"a": 1} I think', '{"a": 1}'),
        ("hunyuan_hermes", '<tool_calls><tool_call>f\n```json\n{"a": 1}\n```</tool_call>', '{"a": 1}'),
        ("mistral", '[TOOL_CALLS] [{"id": 1, "name": "f", "arguments": {"a": 1}}]', '{"a": 1}'),
        ("glm4", 'So\n f \n{"a": {"b": 1}\n}', '{"a": {"b": 1}\n}'),
        ("glm4_5", "<tool_call>f</tool_call>", "{}"),
        # a brace that is not closed ends where the format says that the call is over
        ("hermes", '<tool_call>{"name": "f", "arguments": {"a": 1</tool_call>', '{"a": 1'),
        ("react_en", 'Action: f\nAction Input: {"a": "b"\nObservation:', '{"a": "b"\n'),
    ],
)  # fmt: skip
def test_calls_are_read_as_models_write_them(agent: str, text: str, expected: str) -> None:
    assert [call[1:] for call in read(agent, text, range(len(text)))[1]] == [("f", expected)]


def test_a_format_that_a_plugin_brings_is_read_call_by_call() -> None:
    hermes = registry.get("hermes")
    assert isinstance(hermes, AgentFormat)
    own = replace(hermes, name="own", openings=())
    first, second = own.render_tool_calls(CALLS).split("</tool_call>\n")
    reader = ToolCallReader(own)

    assert reader.push("Well. " + first).calls == []
    assert told(joined(reader.push("</tool_call>").calls)) == EXPECTED[:1]
    assert told(joined(reader.push("\n" + second).calls)) == EXPECTED[1:]
    assert reader.finish() == ("", [])


@settings(deadline=None)
@given(text=_ANSWERS, cuts=_CUTS)
def test_the_format_of_a_plugin_reads_the_same_wherever_it_is_cut(
    text: str, cuts: list[int]
) -> None:
    hermes = registry.get("hermes")
    assert isinstance(hermes, AgentFormat)
    own = replace(hermes, openings=(), read_calls=_last_words)

    said, calls, _ = read(own, text, [])

    assert read(own, text, cuts)[:2] == (said, calls)


def _last_words(text: str) -> list[ToolCall]:
    """Calls that are over at the end tag only."""
    return [
        ToolCall("f", json.dumps(each)) for each in text.split("<tool_call>")[1:] if "</" in each
    ]


@pytest.mark.parametrize("agent", registry.names())
def test_an_answer_that_is_begun_with_an_opening_becomes_a_call_of_that_tool(agent: str) -> None:
    template = registry.get(agent)
    written = template.render_tool_calls([ROME])

    opening = call_opening(template, ["get_weather"])

    assert "get_weather" in opening
    assert written.startswith(opening)
    assert "city" not in opening
