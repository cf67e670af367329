"""Rows to token ids, whatever they are for, with every row's fate in its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from swiftx.domain.chat.messages import Conversation
from swiftx.domain.datasets.reading import SeenRow
from swiftx.domain.datasets.sequences import (
    Purpose,
    RowConversations,
    conversations_of,
    trains_tokens,
)
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.templates.chat_template import ChatTemplate, Outcome
from swiftx.domain.templates.truncation import TooLong
from swiftx.errors import DataError

TOO_LONG = "too long"
UNUSABLE = "unusable"
_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A row that was read, and what the template made of it.

    Attributes:
        conversations: None when the row cannot be used.
        sequences: Parallel to `conversations.all`, or the pieces of the only conversation where it was
            split; empty when the row cannot be used.
        reason, detail: Why it cannot: what it is counted as, and what is wrong with this one.
    """

    seen: SeenRow
    conversations: RowConversations | None = None
    sequences: tuple[Encoded, ...] = ()
    reason: str = ""
    detail: str = ""


def encode_in_order(
    rows: Iterable[SeenRow], template: ChatTemplate, purpose: Purpose
) -> Iterator[EncodedRow]:
    """Yield what becomes of each row; a few hundred go through the tokenizer at once."""
    waiting = iter(rows)
    while batch := list(islice(waiting, _AT_ONCE)):
        yield from _encode(batch, template, purpose)


def _encode(
    batch: Sequence[SeenRow], template: ChatTemplate, purpose: Purpose
) -> Iterator[EncodedRow]:
    read = [_read(seen, purpose) for seen in batch]
    conversations = [
        conversation
        for row in read
        if row.conversations is not None
        for conversation in row.conversations.all
    ]
    outcomes = iter(_outcomes(conversations, template, purpose))
    for row in read:
        if row.conversations is None:
            yield row
        else:
            yield _with(row, list(islice(outcomes, len(row.conversations.all))), template)


def _read(seen: SeenRow, purpose: Purpose) -> EncodedRow:
    if seen.row is None:
        return EncodedRow(seen, reason=seen.reason, detail=seen.detail)
    try:
        return EncodedRow(seen, conversations_of(seen.row, purpose))
    except DataError as error:
        return EncodedRow(seen, reason=UNUSABLE, detail=said(error))


def _outcomes(
    conversations: Sequence[Conversation], template: ChatTemplate, purpose: Purpose
) -> list[Outcome]:
    if purpose is Purpose.PROMPT:
        return template.encode_prompts(conversations)
    outcomes = template.encode_rows(conversations)
    if trains_tokens(purpose):
        return outcomes
    return [
        replace(outcome, labels=(), loss_weights=None) if isinstance(outcome, Encoded) else outcome
        for outcome in outcomes
    ]


def _with(row: EncodedRow, outcomes: Sequence[Outcome], template: ChatTemplate) -> EncodedRow:
    """A row is used when all of its sequences can be."""
    sequences: list[Encoded] = []
    for outcome in outcomes:
        if not isinstance(outcome, Encoded):
            reason = TOO_LONG if isinstance(outcome, TooLong) else UNUSABLE
            return EncodedRow(row.seen, reason=reason, detail=said(outcome))
        sequences += template.pieces(replace(outcome, row=row.seen.index))
    return replace(row, sequences=tuple(sequences))


def said(outcome: TooLong | DataError) -> str:
    """Return what is wrong with a row, without where it is."""
    if isinstance(outcome, TooLong):
        return f"it has {outcome.length} tokens, more than --max_length {outcome.max_length}"
    return outcome.reason if outcome.field is None else f"{outcome.field}: {outcome.reason}"
