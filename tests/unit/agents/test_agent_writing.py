"""Tools, calls and results become text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from swiftx.domain.agents import registry
from swiftx.domain.agents.base import observation_word
from swiftx.domain.chat.pieces import Pieces
from swiftx.errors import DataError

ADD = {
    "name": "add",
    "description": "Add numbers",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
}
WRAPPED = {"type": "function", "function": ADD}
CALL = '{"name": "add", "arguments": {"a": 1}}'


def _user_turn(text: str) -> Pieces:
    return ("<sep>", f"U:{text};A:")


def _declared(
    name: str, *tools: Any, system: str | None = None, query: str = "q"
) -> tuple[str, str]:
    prompt = registry.get(name).format_tools(tools, system=system, query=query)
    return prompt.system or "", prompt.query


@pytest.mark.parametrize("name", registry.names())
def test_a_bare_schema_is_declared_as_one_in_the_openai_form(name: str) -> None:
    assert _declared(name, ADD) == _declared(name, WRAPPED)
    assert "add" in "".join(_declared(name, ADD))
    assert "Add numbers" in "".join(_declared(name, ADD))


@pytest.mark.parametrize("name", registry.names())
def test_a_tool_without_description_or_parameters_can_be_declared(name: str) -> None:
    assert "now" in "".join(_declared(name, {"name": "now"}))
    assert "now" in "".join(
        _declared(name, {"name": "now", "description": None, "parameters": None})
    )


@pytest.mark.parametrize("name", sorted(set(registry.names()) - {"llama3", "llama4"}))
def test_tools_are_declared_in_the_system_text(name: str) -> None:
    system, query = _declared(name, ADD, system="Be brief.")

    assert "add" in system
    assert query == "q"


@pytest.mark.parametrize("name", ["llama3", "llama4"])
def test_llama_declares_tools_before_the_first_question(name: str) -> None:
    system, query = _declared(name, ADD, system="Be brief.")

    assert system == "Be brief."
    assert query.startswith("Given the following functions")
    assert query.endswith(f"\n\n{json.dumps(WRAPPED, indent=4)}\n\nq")


def test_qwen3_coder_tells_a_missing_system_text_from_an_empty_one() -> None:
    assert _declared("qwen3_coder", ADD)[0].startswith("You are Qwen, a helpful AI assistant")
    assert _declared("qwen3_coder", ADD, system="")[0].startswith("\n\n# Tools")


def test_qwen3_coder_writes_what_it_does_not_know_as_json() -> None:
    tool = ADD | {"strict": True, "parameters": {"properties": {"a": {"enum": ["c", "f"]}, "b": 1}}}

    text, _ = _declared("qwen3_coder", tool)

    assert '<name>a</name>\n<enum>["c", "f"]</enum>\n</parameter>\n</parameters>' in text
    assert "</parameters>\n<strict>true</strict>\n</function>" in text


def test_seed_oss_writes_tools_into_the_first_of_two_system_turns() -> None:
    system = "Be brief.<seed:eos><seed:bos>system\nYour budget is 0.\n"

    text, _ = _declared("seed_oss", ADD, system=system)

    assert text.startswith("Be brief.\n\nFunction:\ndef add(a: int):\n")
    assert "    - a (int) [必填]: \n" in text
    assert text.endswith("</seed:tool_call>\n<seed:eos><seed:bos>system\nYour budget is 0.\n")


def test_seed_oss_writes_what_a_tool_returns() -> None:
    tool = ADD | {"returns": {"properties": {"sum": {"type": "number", "description": "The sum"}}}}

    assert "\n    Returns:\n    - sum (int): The sum\n" in _declared("seed_oss", tool)[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("react_en", "Action: add\nAction Input: {'a': 'é', 'b': True}\nObservation:"),
        ("react_en_json", 'Action: add\nAction Input: {"a": "é", "b": true}\nObservation:'),
        ("qwen_zh", "✿FUNCTION✿: add\n✿ARGS✿: {'a': 'é', 'b': True}\n✿RESULT✿:"),
        ("glm4", "add\n{'a': 'é', 'b': True}<|observation|>"),
        ("glm4_0414_json", 'add\n{"a": "é", "b": true}<|observation|>'),
        (
            "hermes",
            '<tool_call>\n{"name": "add", "arguments": {"a": "é", "b": true}}\n</tool_call>',
        ),
        ("llama3", '{"name": "add", "parameters": {"a": "é", "b": true}}'),
        (
            "seed_oss",
            "<seed:tool_call>\n<function=add>\n<parameter=a>é</parameter>\n"
            "<parameter=b>true</parameter>\n</function>\n</seed:tool_call>",
        ),
        (
            "glm4_5",
            "<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>é</arg_value>\n"
            "<arg_key>b</arg_key>\n<arg_value>True</arg_value>\n</tool_call><|observation|>",
        ),
    ],
)
def test_arguments_are_spelled_as_the_format_does(name: str, expected: str) -> None:
    call = '{"name": "add", "arguments": {"a": "é", "b": true}}'

    assert registry.get(name).render_tool_calls([call]) == expected


@pytest.mark.parametrize(
    "content",
    [
        CALL,
        '{"name": "add", "parameters": {"a": 1}}',
        '{"name": "add", "arguments": "{\\"a\\": 1}"}',
        "{'name': 'add', 'arguments': {'a': 1}}",
    ],
)
def test_a_call_may_be_spelled_in_several_ways(content: str) -> None:
    template = registry.get("hermes")

    assert template.render_tool_calls([content]) == template.render_tool_calls([CALL])


@pytest.mark.parametrize(
    "content",
    [
        "add(1)",
        "[1]",
        '{"arguments": {}}',
        '{"name": 1, "arguments": {}}',
        '{"name": "add"}',
        '{"name": "add", "arguments": "1 +"}',
        "{'name': 'add', 'arguments': {1, 2}}",
    ],
)
def test_a_call_that_is_not_understood_is_a_data_error(content: str) -> None:
    with pytest.raises(DataError, match="not understood") as caught:
        registry.get("hermes").render_tool_calls([content])

    assert caught.value.field == "messages"


@pytest.mark.parametrize("name", ["qwen3_coder", "glm4_5", "seed_oss"])
def test_formats_with_named_arguments_refuse_others(name: str) -> None:
    with pytest.raises(DataError, match=r"arguments of 'add' are \[1\]"):
        registry.get(name).render_tool_calls(['{"name": "add", "arguments": [1]}'])


@pytest.mark.parametrize("tool", ["add", 1, {"type": "function", "function": {"description": "x"}}])
def test_a_tool_that_is_not_understood_is_a_data_error(tool: object) -> None:
    with pytest.raises(DataError) as caught:
        _declared("react_en", tool)

    assert caught.value.field == "tools"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("react_en", "xy"),
        (
            "hermes",
            "<sep>U:<tool_response>\nx\n</tool_response>\n<tool_response>\ny\n</tool_response>;A:",
        ),
        (
            "hunyuan_hermes",
            "<sep>U:<tool_responses><tool_response>x</tool_response>\n"
            "<tool_response>y</tool_response></tool_responses>;A:",
        ),
        (
            "qwen3_coder",
            "<sep>U:<tool_response>\nx\n</tool_response>\n"
            "<tool_response>\ny\n</tool_response>\n;A:",
        ),
        (
            "mistral",
            '<sep>U:[TOOL_RESULTS]{"content": "x"}[/TOOL_RESULTS]\n'
            '[TOOL_RESULTS]{"content": "y"}[/TOOL_RESULTS];A:',
        ),
        ("glm4", "\nx<|observation|>\ny<|assistant|>\n"),
        (
            "glm4_5",
            "\n<tool_response>\nx\n</tool_response>\n<tool_response>\ny\n</tool_response><|assistant|>\n",
        ),
        (
            "llama3",
            "<|eot_id|><|start_header_id|>tool<|end_header_id|>\n\nx"
            "<|eot_id|><|start_header_id|>tool<|end_header_id|>\n\ny"
            "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            "llama4",
            "<|eot|><|header_start|>tool<|header_end|>\n\nx"
            "<|eot|><|header_start|>tool<|header_end|>\n\ny"
            "<|eot|><|header_start|>assistant<|header_end|>\n\n",
        ),
        (
            "deepseek_v3_1",
            "<｜end▁of▁sentence｜><｜tool▁output▁begin｜>x<｜tool▁output▁end｜>"
            "<｜tool▁output▁begin｜>y<｜tool▁output▁end｜>",
        ),
        (
            "seed_oss",
            "<seed:eos><seed:bos>tool\nx<seed:eos><seed:bos>tool\ny<seed:eos><seed:bos>assistant\n",
        ),
    ],
)
def test_results_are_laid_out_up_to_the_next_answer(name: str, expected: str) -> None:
    turn = registry.get(name).render_tool_responses("a", ["x", "y"], user_turn=_user_turn)

    assert turn.answer == "a"
    assert "".join(map(str, turn.pieces)) == expected


@pytest.mark.parametrize(
    ("name", "answer", "expected"),
    [
        ("react_en", "Action: f\nAction Input: 1", "Action: f\nAction Input: 1\nObservation:"),
        ("hermes", "Action: f\nAction Input: 1\n", "Action: f\nAction Input: 1\nObservation:"),
        ("qwen_en", "✿FUNCTION✿: f\n✿ARGS✿: 1\n✿RESULT✿:", "✿FUNCTION✿: f\n✿ARGS✿: 1\n✿RESULT✿:"),
    ],
)
def test_results_of_calls_in_key_words_go_on_in_key_words(
    name: str, answer: str, expected: str
) -> None:
    turn = registry.get(name).render_tool_responses(answer, ["x", "y\n"], user_turn=_user_turn)

    word = expected.rpartition("\n")[2]
    assert turn.answer == expected
    assert turn.pieces == (f"x\n{word}y\n",)


def test_only_formats_with_a_word_for_results_are_stopped_at_it() -> None:
    assert observation_word(registry.get("react_en")) == "Observation:"
    assert observation_word(registry.get("qwen_en")) == "✿RESULT✿:"
    assert observation_word(registry.get("hermes")) is None
