"""Weights of answers by each scale; the expected values are those of the reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.registries import keep_registries

from swiftx.domain.loss_scales import registry
from swiftx.domain.loss_scales.base import LossScale
from swiftx.domain.loss_scales.spans import Span
from swiftx.errors import NotFound

REACT = 'Thought: think\nAction: f\nAction Input: {"a":1}\nObservation:'
UMI = "Thought: t\nAction: a\nAction Input: {}\nNext: caller\nFinal Answer: z\nObservation: o"
HERMES = 'pre <tool_call>\n{"name":"f"}\n</tool_call> post <tool_call>x</tool_call>'
QWEN = 'hi ✿FUNCTION✿: f\n✿ARGS✿: {"a":1}\n✿RESULT✿: r\n✿RETURN✿: end'
EMPTY = "<think>\n\n</think>\n\nans"
THOUGHT = "<think>\nreason\n</think>\n\nans"


def merged(spans: list[Span]) -> list[tuple[str, float]]:
    """Neighbours of equal weight as one, so that the test does not fix where they are split."""
    out: list[tuple[str, float]] = []
    for text, weight in spans:
        if out and out[-1][1] == weight:
            out[-1] = (out[-1][0] + text, weight)
        else:
            out.append((text, weight))
    return out


@pytest.mark.parametrize(
    ("name", "answer", "expected"),
    [
        ("default", UMI, [(UMI, 1)]),
        ("all", HERMES, [(HERMES, 1)]),
        ("last_round", REACT, [(REACT, 1)]),
        ("ignore_empty_think", EMPTY, [("<think>\n\n</think>\n\n", 0), ("ans", 1)]),
        ("ignore_empty_think", THOUGHT, [(THOUGHT, 1)]),
        (
            "last_round_with_ignore_empty_think",
            EMPTY,
            [("<think>\n\n</think>\n\n", 0), ("ans", 1)],
        ),
        (
            "react",
            UMI,
            [
                ("Thought: t\n", 1),
                ("Action: a\nAction Input: {}\nNext: caller\n", 2),
                ("Final Answer: z\n", 1),
                ("Observation:", 2),
                (" o", 0),
            ],
        ),
        ("react", QWEN, [(QWEN, 1)]),
        (
            "hermes",
            HERMES,
            [
                ("pre ", 1),
                ('<tool_call>\n{"name":"f"}\n</tool_call>', 2),
                (" post ", 1),
                ("<tool_call>x</tool_call>", 2),
            ],
        ),
        (
            "qwen",
            QWEN,
            [
                ("hi ", 1),
                ('✿FUNCTION✿: f\n✿ARGS✿: {"a":1}\n✿RESULT✿:', 2),
                (" r\n", 0),
                ("✿RETURN✿: end", 1),
            ],
        ),
        (
            "agentflan",
            REACT,
            [
                ("Thought: think\nAction:", 1),
                (" f\n", 3),
                ("Action Input:", 1),
                (' {"a":1}\n', 3),
                ("Observation:", 2),
            ],
        ),
        (
            "alpha_umi",
            UMI,
            [
                ("Thought: t\n", 1),
                ("Action: a\nAction Input: {}\nNext: caller\n", 2),
                ("Final Answer: z\n", 1),
                ("Observation:", 2),
                (" o", 0),
            ],
        ),
    ],
)
def test_an_answer_is_weighted_as_the_scale_says(
    name: str, answer: str, expected: list[tuple[str, float]]
) -> None:
    spans = registry.get(name).spans(answer, query="q", is_last_round=True)

    assert merged(spans) == expected


@pytest.mark.parametrize("name", ["last_round", "last_round_with_ignore_empty_think"])
def test_earlier_rounds_weigh_nothing_when_only_the_last_is_trained(name: str) -> None:
    assert registry.get(name).spans(EMPTY, query="q", is_last_round=False) == [Span(EMPTY, 0)]


def test_a_question_for_a_tool_makes_the_whole_answer_count_threefold() -> None:
    query = "What is the tool you want to use?"

    spans = registry.get("agentflan").spans("search", query=query, is_last_round=True)

    assert spans == [Span("search", 3)]


@pytest.mark.parametrize(
    ("name", "binary"),
    [
        ("default", True),
        ("last_round", True),
        ("all", True),
        ("ignore_empty_think", True),
        ("last_round_with_ignore_empty_think", True),
        ("react", False),
        ("hermes", False),
        ("qwen", False),
        ("agentflan", False),
        ("alpha_umi", False),
        ("last_round+hermes", False),
    ],
)
def test_a_scale_knows_whether_labels_say_it_all(name: str, binary: bool) -> None:
    assert registry.get(name).is_binary is binary


def test_scales_add_up() -> None:
    scale = registry.get("last_round+ignore_empty_think+hermes")

    assert scale.rounds == "last"
    assert merged(scale.spans(EMPTY + HERMES, query="", is_last_round=True))[:2] == [
        ("<think>\n\n</think>\n\n", 0),
        ("anspre ", 1),
    ]
    assert registry.get("all+ignore_empty_think").context_weight == 1


@given(
    answer=st.lists(
        st.sampled_from(
            "Action: Observation: ✿ARGS✿: <tool_call> </tool_call> <think> </think> \n x é".split(
                " "
            )
        )
    ).map("".join),
    name=st.sampled_from(registry.names()),
    is_last_round=st.booleans(),
)
def test_spans_add_up_to_the_answer(answer: str, name: str, is_last_round: bool) -> None:
    spans = registry.get(name).spans(answer, query="", is_last_round=is_last_round)

    assert "".join(span.text for span in spans) == answer


def test_an_unknown_scale_is_named_with_close_matches() -> None:
    with pytest.raises(NotFound, match="'last_rond'") as caught:
        registry.get("default+last_rond")

    assert "last_round" in str(caught.value.hint)


def test_a_plugin_adds_its_own_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registries(monkeypatch)

    registry.register(LossScale(name="shout", patterns={"[A-Z]+": 0.5}))

    assert "shout" in registry.names()
    assert registry.get("shout").spans("aBC", query="", is_last_round=True) == [
        Span("a", 1),
        Span("BC", 0.5),
    ]
