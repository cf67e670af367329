from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from swiftx.domain.chat.tool_calling import ToolCall
from swiftx.domain.inference.results import failed_row, question_of, result_row, streamed_row
from swiftx.domain.plans.inference import Completion, TokenLogprob
from swiftx.errors import DataError


def message(role: str, content: str | None) -> dict[str, Any]:
    return {"role": role, "content": content, "loss": None}


USER = message("user", "Who?")


@pytest.mark.parametrize(
    ("row", "roles", "label"),
    [
        ({"messages": [USER, message("assistant", "Me.")]}, ["user"], "Me."),
        ({"messages": [USER]}, ["user"], None),
        ({"messages": [USER], "label": 3}, ["user"], 3),
        ({"messages": [USER, message("assistant", "Me.")], "label": 3}, ["user"], "Me."),
        ({"messages": [USER, message("assistant", None)]}, ["user"], None),
        (
            {"messages": [USER, message("assistant", "a"), USER, message("assistant", "b")]},
            ["user", "assistant", "user"],
            "b",
        ),
        (
            {"messages": [USER, message("tool_call", "x"), message("tool_call", "y")]},
            ["user"],
            "x\ny",
        ),
    ],
)
def test_answer_at_the_end_becomes_the_label(
    row: dict[str, Any], roles: list[str], label: object
) -> None:
    before = [dict(entry) for entry in row["messages"]]

    question = question_of(row)

    assert [entry["role"] for entry in question.row["messages"]] == roles
    assert question.label == label
    assert row["messages"] == before


def completion(*logprobs: TokenLogprob) -> Completion:
    return Completion(
        text="You.",
        token_ids=(7,),
        prompt_tokens=2,
        finish_reason="stop",
        logprobs=logprobs or None,
    )


def test_row_has_response_labels_logprobs_and_the_columns() -> None:
    question = question_of(
        {
            "messages": [USER, message("assistant", "Me.")],
            "images": ["a.png"],
            "solution": "42",
            "tools": None,
        }
    )

    row = result_row(question, completion())

    assert row == {
        "response": "You.",
        "labels": "Me.",
        "logprobs": None,
        "messages": [
            {"role": "user", "content": "Who?"},
            {"role": "assistant", "content": "You."},
        ],
        "images": ["a.png"],
        "solution": "42",
    }
    assert list(row)[:3] == ["response", "labels", "logprobs"]


def test_log_probabilities_have_the_form_of_openai() -> None:
    entry = TokenLogprob(7, "é", -0.25, (("é", -0.25), ("x", -1.5)))

    row = result_row(question_of({"messages": [USER]}), completion(entry))

    assert row["logprobs"] == {
        "content": [
            {
                "token": "é",
                "logprob": -0.25,
                "bytes": [195, 169],
                "top_logprobs": [
                    {"token": "é", "logprob": -0.25, "bytes": [195, 169]},
                    {"token": "x", "logprob": -1.5, "bytes": [120]},
                ],
            }
        ]
    }


def test_streamed_row_has_log_probabilities_only_where_they_were_asked_for() -> None:
    question = question_of({"messages": [USER]})

    row = streamed_row(question, completion())
    asked = streamed_row(question, completion(TokenLogprob(7, "é", -0.25)))

    assert "logprobs" not in row
    assert row["messages"][-1] == {"role": "assistant", "content": "You."}
    assert asked["logprobs"]["content"][0]["logprob"] == -0.25


def test_calls_that_the_engine_has_read_become_messages() -> None:
    called = replace(completion(), text="", tool_calls=(ToolCall("add", '{"a": 1}'),))

    row = result_row(question_of({"messages": [USER]}), called)

    call = '{"name": "add", "arguments": {"a": 1}}'
    assert row["response"] == call
    assert row["messages"][1:] == [{"role": "tool_call", "content": call}]


def test_failed_row_says_why_and_keeps_the_question() -> None:
    row = failed_row(question_of({"messages": [USER], "id": 5}), DataError("too long"))

    assert row == {
        "response": None,
        "labels": None,
        "error": "too long",
        "messages": [{"role": "user", "content": "Who?"}],
        "id": 5,
    }
