from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftx.domain.agents import registry
from swiftx.domain.chat.tool_calling import ToolCall
from swiftx.domain.serving.tool_calls import ToolCallReader, call_opening

CALLS = [
    '{"name": "get_weather", "arguments": {"city": "Rome"}}',
    '{"name": "add", "arguments": {"a": "1"}}',
]
EXPECTED = [ToolCall("get_weather", '{"city": "Rome"}'), ToolCall("add", '{"a": "1"}')]


def read(agent: str, text: str, cuts: list[int]) -> tuple[str, list[ToolCall]]:
    reader = ToolCallReader(registry.get(agent))
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [text[start:stop] for start, stop in itertools.pairwise(edges)]
    parts = [*map(reader.push, pieces), reader.finish()]
    return "".join(part.content for part in parts), [call for part in parts for call in part.calls]


@pytest.mark.parametrize("agent", registry.names())
@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 300), max_size=12))
def test_calls_are_found_wherever_the_text_is_cut(agent: str, cuts: list[int]) -> None:
    text = registry.get(agent).render_tool_calls(CALLS)

    said, calls = read(agent, text, cuts)

    assert said == ""
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        (call.name, json.loads(call.arguments)) for call in EXPECTED
    ]


@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_what_is_said_before_a_call_is_content(cuts: list[int]) -> None:
    text = "I look it up < now.\n\n" + registry.get("hermes").render_tool_calls(CALLS)

    assert read("hermes", text, cuts) == ("I look it up < now.", EXPECTED)


@pytest.mark.parametrize("agent", registry.names())
@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_an_answer_without_a_call_is_content_to_the_last_space(agent: str, cuts: list[int]) -> None:
    text = 'It is {"warm": 1} in Rome: <b>27</b>. \n'

    assert read(agent, text, cuts) == (text, [])


def test_a_call_that_cannot_be_read_is_content() -> None:
    text = "Wait. <tool_call>\n{broken\n</tool_call>"

    assert read("hermes", text, [3, 9]) == (text, [])


def test_a_call_is_returned_as_soon_as_it_is_complete() -> None:
    reader = ToolCallReader(registry.get("hermes"))
    first, second = registry.get("hermes").render_tool_calls(CALLS).split("</tool_call>\n")

    assert reader.push(first).calls == []
    assert reader.push("</tool_call>").calls == EXPECTED[:1]
    assert reader.push("\n" + second).calls == EXPECTED[1:]
    assert reader.finish().calls == []


def test_arguments_that_may_go_on_are_not_complete() -> None:
    reader = ToolCallReader(registry.get("react_en"))

    assert reader.push('Action: add\nAction Input: {"a": 1}').calls == []
    assert reader.finish().calls == [ToolCall("add", '{"a": 1}')]


@pytest.mark.parametrize("agent", registry.names())
def test_an_answer_that_is_begun_with_an_opening_becomes_a_call_of_that_tool(agent: str) -> None:
    template = registry.get(agent)
    written = template.render_tool_calls(['{"name": "get_weather", "arguments": {"city": "Rome"}}'])

    opening = call_opening(template, ["get_weather"])

    assert "get_weather" in opening
    assert written.startswith(opening)
    assert "city" not in opening
