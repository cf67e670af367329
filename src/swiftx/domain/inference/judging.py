"""Rows and lines through a model that answers with numbers: classes, scores, embeddings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from swiftx.domain.chat.messages import Conversation, Message
from swiftx.domain.chat.rows import conversation_of
from swiftx.domain.datasets.sequences import Purpose, conversations_of
from swiftx.domain.datasets.targets import MULTI
from swiftx.domain.inference.answering import Answer
from swiftx.domain.inference.results import Question, ResultRow, failed_row
from swiftx.domain.inference.scores import Meaning, sigmoid
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.ports.pooling import PoolingEngine
from swiftx.domain.ports.terminal import Terminal
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.truncation import TooLong
from swiftx.errors import DataError, SwiftxError

_LIKELY = 0.5
"""Probability from which one of several classes counts."""


class Judging:
    """Answers rows with what a model that was trained on whole rows says of them.

    A class is its number, several classes a list of numbers, a regression and a reward a number, an
    embedding a list. A row of a reranker that has documents gets a score each, by side; one that has none
    is a question whose last message is the document.

    Args:
        engine: Reads the vectors.
        template: Makes sequences of rows, as it did in training.
        meaning: What the vectors stand for.
    """

    def __init__(self, engine: PoolingEngine, template: ChatTemplate, meaning: Meaning) -> None:
        self._engine = engine
        self._template = template
        self._meaning = meaning

    def close(self) -> None:
        """Nothing runs beside the rows."""

    def question(self, row: Any) -> Question:
        """Return a row with its label; a message at its end is part of what is judged."""
        return Question(row, row.get("label"))

    def batch(self, questions: Sequence[Question], numbers: Sequence[int]) -> list[Answer]:
        """Judge several rows at once, in order; a row that cannot be judged harms no other."""
        try:
            return self._judged(questions)
        except SwiftxError as error:
            if len(questions) == 1:
                return [Answer(failed_row(questions[0], error), error=error)]
            half = len(questions) // 2
            parts = (questions[:half], questions[half:])
            return [answer for part in parts for answer in self.batch(part, numbers)]

    def streamed(self, question: Question, terminal: Terminal, *, number: int) -> Answer:
        """Judge one row, and write what comes out on the terminal."""
        (answer,) = self.batch([question], [number])
        terminal.write(json.dumps(answer.row["response"]) + "\n")
        return answer

    def of_text(self, text: str, document: str | None = None) -> Any:
        """Return what the model says of a text, or of a question and a document.

        Raises:
            SwiftxError: It cannot be judged.
        """
        asked = (Message("user", text),)
        answer = () if document is None else (Message("assistant", document),)
        ids = self._ids([Conversation(messages=(*asked, *answer))])
        return self._said(self._engine.pool(ids)[0])

    def _judged(self, questions: Sequence[Question]) -> list[Answer]:
        parts = [self._parts(question) for question in questions]
        ids = self._ids([each for part in parts for _, each in part])
        vectors = iter(zip(ids, self._engine.pool(ids), strict=True))
        answers: list[Answer] = []
        for question, part in zip(questions, parts, strict=True):
            tokens, said = 0, []
            for _ in part:
                prompt, vector = next(vectors)
                tokens += len(prompt)
                said.append(self._said(vector))
            sides = [side for side, _ in part]
            answers.append(Answer(_row(question, sides, said), tokens))
        return answers

    def _parts(self, question: Question) -> list[tuple[str, Conversation]]:
        """Return what of a row is judged, with its side."""
        ranks = self._meaning.task in ("reranker", "generative_reranker")
        if ranks and (
            question.row.get("positive_messages") or question.row.get("negative_messages")
        ):
            row = question.row
            if not row.get("positive_messages"):  # none is known yet
                row = {
                    **row,
                    "positive_messages": row["negative_messages"],
                    "negative_messages": None,
                }
                return [
                    ("negative", each) for _, each in conversations_of(row, Purpose.RANKING).sides
                ]
            return list(conversations_of(row, Purpose.RANKING).sides)
        return [("main", conversation_of(question.row))]

    def _ids(self, conversations: Sequence[Conversation]) -> list[Sequence[int]]:
        found: list[Sequence[int]] = []
        for outcome in self._template.encode_rows(conversations):
            if isinstance(outcome, DataError):
                raise outcome
            if isinstance(outcome, TooLong):
                raise DataError(
                    f"it has {outcome.length} tokens, more than the {outcome.max_length} of --max_length"
                )
            assert isinstance(outcome, Encoded)
            found.append(outcome.input_ids)
        return found

    def _said(self, vector: Sequence[float]) -> Any:
        meaning = self._meaning
        match meaning.task:
            case "embedding":
                return list(vector)
            case "reranker" | "generative_reranker":
                return meaning.score(vector[0], activation=None)
            case "seq_cls":
                if meaning.is_regression:
                    return vector[0] if len(vector) == 1 else list(vector)
                if meaning.problem_type == MULTI:
                    return [n for n, logit in enumerate(vector) if sigmoid(logit) >= _LIKELY]
                return max(range(len(vector)), key=lambda number: vector[number])


def _row(question: Question, sides: Sequence[str], said: Sequence[Any]) -> ResultRow:
    if list(sides) == ["main"]:
        response = said[0]
    else:
        response = {side: [] for side in dict.fromkeys(sides)}
        for side, each in zip(sides, said, strict=True):
            response[side].append(each)
    rest = {name: value for name, value in question.row.items() if value is not None}
    messages = [_message(message) for message in question.row["messages"]]
    return {
        "response": response,
        "labels": question.label,
        "logprobs": None,
        **rest,
        "messages": messages,
    }


def _message(message: Any) -> dict[str, Any]:
    return {name: value for name, value in message.items() if value is not None}


def ask_and_judge(judging: Judging, terminal: Terminal, *, pairs: bool) -> int:
    """Judge line after line, or question and document in turn, until there are no more; return how many.

    Raises:
        SwiftxError: A line from a pipe could not be judged.
    """
    if terminal.interactive:
        what = "a question, and then a document" if pairs else "a text"
        terminal.say(f"Enter {what}; `exit` or `quit` ends.")
    count = 0
    while (text := terminal.read("query> " if pairs else "text> ")) not in (None, "exit", "quit"):
        document = terminal.read("document> ") if pairs and text else None
        if not text or (pairs and not document):
            continue
        try:
            said = judging.of_text(text, document)
        except SwiftxError as error:
            if not terminal.interactive:
                raise
            terminal.say(f"{error.message} {error.hint or ''}".rstrip())
            continue
        terminal.write(json.dumps(said) + "\n")
        count += 1
    return count
