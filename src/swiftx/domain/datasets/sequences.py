"""Which conversations a row is made of, by what it is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from swiftx.domain.chat.messages import Conversation
from swiftx.domain.chat.rows import (
    StandardRow,
    conversation_of,
    documents_of,
    prompt_messages,
    rejected_conversation_of,
)
from swiftx.domain.datasets.targets import class_target, similarity_target
from swiftx.errors import DataError


class Purpose(StrEnum):
    """What rows are for."""

    ANSWER = "answer"  # sft, pt, gkd: the answers are learned
    PAIR = "pair"  # dpo, orpo, cpo, rm: two answers are compared
    FEEDBACK = "feedback"  # kto: an answer is good or bad
    PROMPT = "prompt"  # ppo, grpo, inference: the answer is generated
    CLASS = "class"  # seq_cls: the label is learned
    DOCUMENTS = "documents"  # embedding: texts are compared
    RANKING = "ranking"  # reranker: a question with each document


_OF_ALGORITHM = {
    "dpo": Purpose.PAIR,
    "orpo": Purpose.PAIR,
    "cpo": Purpose.PAIR,
    "simpo": Purpose.PAIR,
    "rm": Purpose.PAIR,
    "kto": Purpose.FEEDBACK,
    "ppo": Purpose.PROMPT,
    "grpo": Purpose.PROMPT,
    "gkd": Purpose.ANSWER,
}
_OF_TASK = {
    "causal_lm": Purpose.ANSWER,
    "seq_cls": Purpose.CLASS,
    "embedding": Purpose.DOCUMENTS,
    "reranker": Purpose.RANKING,
    "generative_reranker": Purpose.RANKING,
}
TASK_PURPOSES = frozenset(_OF_TASK.values())
"""What the rows of a task may be for; the others are those of algorithms."""

_TRAINS_TOKENS = frozenset({Purpose.ANSWER, Purpose.PAIR, Purpose.FEEDBACK})


def purpose_of(*, rlhf_type: str | None, task_type: str) -> Purpose:
    """Return what the rows of a training are for; an algorithm says more than its task."""
    return _OF_TASK[task_type] if rlhf_type is None else _OF_ALGORITHM[rlhf_type]


def trains_tokens(purpose: Purpose) -> bool:
    """Return whether tokens are learned, so that rows have labels."""
    return purpose in _TRAINS_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class RowUse:
    """What rows are for, and what their labels mean.

    Attributes:
        num_labels, problem_type: Of `Purpose.CLASS`; None leaves labels unread.
    """

    purpose: Purpose = Purpose.ANSWER
    num_labels: int | None = None
    problem_type: str | None = None

    def target(self, row: StandardRow) -> tuple[float, ...] | None:
        """Return what a row as a whole is trained towards; None where its tokens or their order are.

        Raises:
            DataError: The label does not fit.
        """
        label = row.get("label")
        if self.purpose is Purpose.DOCUMENTS:
            return similarity_target(label)
        if self.purpose is not Purpose.CLASS or self.num_labels is None:
            return None
        return class_target(label, num_labels=self.num_labels, problem_type=self.problem_type)


ANSWERS = RowUse()
"""Rows whose answers are learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowConversations:
    """The conversations of one row.

    Attributes:
        main: The (chosen) conversation, question or text itself.
        sides: What it is compared with, by `rejected`, `positive` or `negative`; a row may have
            several positive and negative ones.
        extras: Columns that are learned from beside the text (`label`, `margin`).
    """

    main: Conversation
    sides: tuple[tuple[str, Conversation], ...] = ()
    extras: tuple[tuple[str, Any], ...] = ()

    @property
    def all(self) -> tuple[Conversation, ...]:
        """The main conversation, then the sides."""
        return (self.main, *(conversation for _, conversation in self.sides))


def conversations_of(row: StandardRow, purpose: Purpose) -> RowConversations:
    """Return what a row is made of.

    Raises:
        DataError: The row lacks what its purpose needs.
    """
    match purpose:
        case Purpose.ANSWER:
            return RowConversations(main=conversation_of(row))
        case Purpose.PROMPT:
            asked = {**row, "messages": prompt_messages(row.get("messages") or ())}
            return RowConversations(main=conversation_of(asked))
        case Purpose.PAIR:
            return _pair(row)
        case Purpose.FEEDBACK:
            label = _needed(row, "label", "true (a good answer) or false (a bad one)")
            return RowConversations(main=conversation_of(row), extras=(("label", bool(label)),))
        case Purpose.CLASS:
            label = _needed(row, "label", "a class")
            return RowConversations(main=conversation_of(row), extras=(("label", label),))
        case Purpose.DOCUMENTS | Purpose.RANKING:
            return _documents(row, joined=purpose is Purpose.RANKING)


def _pair(row: StandardRow) -> RowConversations:
    chosen = conversation_of(row)
    rejected = rejected_conversation_of(row)
    if rejected is None:
        raise DataError(
            "there is no rejected answer to compare with; rejected_response or rejected_messages"
            " was expected",
            field="rejected_response",
        )
    margin = row.get("margin")
    return RowConversations(
        main=chosen,
        sides=(("rejected", rejected),),
        extras=() if margin is None else (("margin", margin),),
    )


def _documents(row: StandardRow, *, joined: bool) -> RowConversations:
    main = conversation_of(row)
    sides = [
        (side, document)
        for side in ("positive", "negative")
        for document in documents_of(row, side)
    ]
    if not any(side == "positive" for side, _ in sides):
        raise DataError("there is no positive document", field="positive_messages")
    if joined:
        sides = [
            (side, replace(main, messages=(*main.messages, *document.messages)))
            for side, document in sides
        ]
    label = row.get("label")
    return RowConversations(
        main=main, sides=tuple(sides), extras=() if label is None else (("label", label),)
    )


def _needed(row: StandardRow, column: str, expected: str) -> Any:
    value = row.get(column)
    if value is None:
        raise DataError(f"there is no {column}; {expected} was expected", field=column)
    return value
