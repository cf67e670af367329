"""Rows of the results file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from swiftx.domain.chat.rows import StandardRow, prompt_messages
from swiftx.domain.chat.tools import call_content
from swiftx.domain.plans.inference import Completion, TokenLogprob
from swiftx.errors import SwiftxError

ResultRow = dict[str, Any]


class Question(NamedTuple):
    """A row of data as a question to a model.

    Attributes:
        row: The row without the answer at its end.
        label: That answer, or the row's `label`; None when it has neither.
    """

    row: StandardRow
    label: Any


def question_of(row: StandardRow) -> Question:
    """Return what is asked of the model, and what the data would have answered."""
    messages = row.get("messages") or []
    kept = prompt_messages(messages)
    removed = [message["content"] for message in messages[len(kept) :]]
    texts = [text for text in removed if text is not None]
    label = "\n".join(texts) if texts else row.get("label")
    return Question({**row, "messages": kept}, label)


def result_row(question: Question, completion: Completion) -> ResultRow:
    """Return the row of an answer: response, labels, log-probabilities, then the question's columns."""
    return {
        "response": told(completion),
        "labels": question.label,
        "logprobs": _openai_logprobs(completion.logprobs),
        **_columns(question, completion),
    }


def streamed_row(question: Question, completion: Completion) -> ResultRow:
    """Return the row of an answer that was streamed; log-probabilities only where they were asked for."""
    row = result_row(question, completion)
    return {name: value for name, value in row.items() if name != "logprobs" or value is not None}


def told(completion: Completion) -> str:
    """Return all that was answered as text, calls that the engine has read included."""
    calls = [call_content(call.name, call.arguments) for call in completion.tool_calls]
    return "\n".join([*[completion.text] * bool(completion.text or not calls), *calls])


def failed_row(question: Question, error: SwiftxError) -> ResultRow:
    """Return the row of a question that could not be answered."""
    return {
        "response": None,
        "labels": question.label,
        "error": error.message,
        **_columns(question, None),
    }


def _columns(question: Question, completion: Completion | None) -> ResultRow:
    messages = [_message(message) for message in question.row["messages"]]
    if completion is not None:
        calls = [call_content(call.name, call.arguments) for call in completion.tool_calls]
        if completion.text or not calls:
            messages.append({"role": "assistant", "content": completion.text})
        messages += [{"role": "tool_call", "content": call} for call in calls]
    rest = {name: value for name, value in question.row.items() if value is not None}
    return {**rest, "messages": messages}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if value is not None}


def _openai_logprobs(entries: Sequence[TokenLogprob] | None) -> dict[str, Any] | None:
    """Return log-probabilities in the form of OpenAI's chat completions."""
    if entries is None:
        return None
    return {
        "content": [
            _openai_token(entry.token, entry.logprob)
            | {"top_logprobs": [_openai_token(token, value) for token, value in entry.top]}
            for entry in entries
        ]
    }


def _openai_token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8"))}
