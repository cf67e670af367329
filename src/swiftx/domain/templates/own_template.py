"""Rows and prompts written by the chat template that a tokenizer brings."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from swiftx.domain.chat.messages import Conversation, Message
from swiftx.domain.loss_scales.base import LossScale
from swiftx.domain.plans.encoded import IGNORE, Encoded
from swiftx.domain.ports.tokenizer import LocatedTokens, Tokenizer
from swiftx.domain.templates import refusals
from swiftx.domain.templates.answers import Answer, AnswerFinder
from swiftx.domain.templates.control_tokens import Sanitizer
from swiftx.domain.templates.cut_tokens import Answered, CutIds, CutTokens
from swiftx.domain.templates.jinja import ChatMessage, chat
from swiftx.domain.templates.stable_tokens import Prompted, StableTokens
from swiftx.errors import DataError

_PROBES = (
    (("user", "A question."), ("assistant", "An answer.")),
    (("user", "A question."), ("assistant", "<think>\nA thought.\n</think>\n\nAn answer.")),
    (("system", "A rule."), ("user", "A question."), ("assistant", "An answer.")),
)


class _Weighted(NamedTuple):
    """A stretch of the rendering, in characters, and what its tokens weigh in the loss."""

    start: int
    end: int
    weight: float


class _Row(NamedTuple):
    number: int
    text: str
    answers: list[Answer]
    stretches: list[_Weighted]


class OwnTemplate:
    """The tokenizer's own chat template, with the mask of the answers found by rendering.

    Token ids are those of the whole rendering, unless an answer would change those of its prompt. An
    answer is trained from the end of the prompt that it is generated from through the token that ends it.

    Args:
        tokenizer: With a chat template.
        scale: Which answers are trained, and how much.
        system: For rows without a system text.
        response_prefix: What an answer to be generated begins with.
        sanitizer: Keeps forged control tokens text; None lets them become tokens.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        scale: LossScale,
        system: str | None = None,
        response_prefix: str | None = None,
        sanitizer: Sanitizer | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._scale = scale
        self._system = system
        self._response_prefix = response_prefix or ""
        self._sanitizer = sanitizer
        self._finder = AnswerFinder(tokenizer)
        self._tokens = StableTokens(tokenizer, sanitizer)
        self._cut_tokens = CutTokens(tokenizer)
        self._cuts = scale.is_binary and not scale.context_weight and sanitizer is None

    @property
    def end(self) -> str:
        """What ends an answer; empty when the template does not tell."""
        try:
            return next(iter(self._finder.ending.ends), "").strip()
        except DataError:
            return ""

    @cached_property
    def refusal(self) -> str | None:
        """Why no answer at all can be trained on; None when one could be."""
        probes = [
            Conversation(
                messages=tuple(Message(role, text, role == "assistant") for role, text in probe)
            )
            for probe in _PROBES
        ]
        outcomes = self.encode_rows(probes)
        if not all(isinstance(outcome, DataError) for outcome in outcomes):
            return None
        return next(outcome.reason for outcome in outcomes if isinstance(outcome, DataError))

    def encode_rows(self, conversations: Sequence[Conversation]) -> list[Encoded | DataError]:
        """Return what becomes of each row in training, in order, all tokenised in one batch.

        Raises:
            BackendError: The tokenizer does not tell where its tokens stand.
        """
        outcomes: dict[int, Encoded | DataError] = {}
        rows = []
        for i, conversation in enumerate(conversations):
            row = self._render(i, conversation)
            if isinstance(row, DataError):
                outcomes[i] = row
            else:
                rows.append(row)
        outcomes |= self._cut_rows(rows)
        left = [row for row in rows if row.number not in outcomes]
        outcomes |= self._located_rows(left)
        return [outcomes[i] for i in range(len(conversations))]

    def _cut_rows(self, rows: Sequence[_Row]) -> dict[int, Encoded]:
        """Return rows that are all trained or not, many times faster than those that must be located.

        The first of them is located as well: where the two differ, none is cut from then on.
        """
        wanted = [row for row in rows if all(each.weight == 1.0 for each in row.stretches)]
        if not self._cuts or not wanted:
            return {}
        answered = [
            Answered(row.text, [(each.start, each.end) for each in row.answers]) for row in wanted
        ]
        found = {
            row.number: _trained(tokens, row.number)
            for row, tokens in zip(wanted, self._cut_tokens.encode(answered), strict=True)
            if tokens is not None
        }
        checked = next((row for row in wanted if row.number in found), None)
        if checked is not None:
            located = self._located_rows([checked])[checked.number]
            self._cuts = _is_same(found[checked.number], located)
        return found if self._cuts else {}

    def _located_rows(self, rows: Sequence[_Row]) -> dict[int, Encoded | DataError]:
        outcomes: dict[int, Encoded | DataError] = {}
        prompted = [Prompted(row.text, [answer.start for answer in row.answers]) for row in rows]
        for row, tokens in zip(rows, self._tokens.locate(prompted), strict=True):
            try:
                outcomes[row.number] = self._labelled(row, tokens)
            except DataError as error:
                outcomes[row.number] = error
        return outcomes

    def encode_prompts(self, conversations: Sequence[Conversation]) -> list[Encoded | DataError]:
        """Return the prompts of several rows, in order, all tokenised in one batch.

        An assistant message at the end that has a content is what the answer begins with.
        """
        outcomes: dict[int, Encoded | DataError] = {}
        texts: dict[int, str] = {}
        for i, conversation in enumerate(conversations):
            try:
                texts[i] = self._prompt(conversation)
            except DataError as error:
                outcomes[i] = error
        for i, ids in zip(texts, self._tokens.encode(list(texts.values())), strict=True):
            outcomes[i] = Encoded(input_ids=ids, row=i)
        return [outcomes[i] for i in range(len(conversations))]

    def _prompt(self, conversation: Conversation) -> str:
        beginning = self._response_prefix
        messages = [message.content for message in self._chat(conversation)]
        if messages and messages[-1]["role"] == "assistant" and "tool_calls" not in messages[-1]:
            beginning = messages.pop()["content"]
        return self._written(messages, conversation, prompt=True) + beginning

    def _render(self, index: int, conversation: Conversation) -> _Row | DataError:
        try:
            messages = self._chat(conversation)
            contents = [message.content for message in messages]
            text = self._written(contents, conversation)
            trained = [
                i for i, message in enumerate(messages) if self._trains(i, message, messages)
            ]
            answers = self._finder.find(
                contents, tools=conversation.tools, text=text, wanted=trained
            )
        except DataError as error:
            return error
        stretches = [
            stretch for answer in answers for stretch in self._weighted(answer, messages, text)
        ]
        return _Row(index, text, answers, stretches)

    def _chat(self, conversation: Conversation) -> list[ChatMessage]:
        if self._sanitizer is not None:
            conversation = self._sanitizer.mark(conversation)
        messages = chat(conversation, system=self._system)
        if not messages:
            raise DataError("The conversation has no message to answer.", field="messages")
        return messages

    def _written(
        self,
        messages: Sequence[dict[str, Any]],
        conversation: Conversation,
        *,
        prompt: bool = False,
    ) -> str:
        return self._tokenizer.render_chat(
            messages, tools=conversation.tools, add_generation_prompt=prompt
        )

    def _trains(self, number: int, message: ChatMessage, messages: Sequence[ChatMessage]) -> bool:
        if message.content["role"] != "assistant":
            return False
        if message.loss is not None:
            return message.loss
        return self._scale.rounds == "every" or _is_last_round(number, messages)

    def _weighted(
        self, answer: Answer, messages: Sequence[ChatMessage], text: str
    ) -> Iterator[_Weighted]:
        if messages[answer.message].loss is not None:
            yield _Weighted(answer.start, answer.end, 1.0)
            return
        start = answer.start
        spans = self._scale.spans(
            text[answer.start : answer.stop],
            query=_query(answer.message, messages),
            is_last_round=_is_last_round(answer.message, messages),
        )
        for part, weight in spans:
            yield _Weighted(start, start + len(part), weight)
            start += len(part)
        yield _Weighted(answer.stop, answer.end, 1.0)

    def _labelled(self, row: _Row, tokens: LocatedTokens) -> Encoded:
        """A token weighs what its first character does."""
        ids, spans = tokens
        starts = [start for start, _ in spans]
        weights = [self._scale.context_weight] * len(ids)
        for start, end, weight in row.stretches:
            first, last = bisect_left(starts, start), bisect_left(starts, end)
            weights[first:last] = [weight] * (last - first)
        for answer in row.answers if not self._scale.context_weight else ():
            _refuse_straddling(row.text, answer.end, bisect_left(starts, answer.end) - 1, spans)
        if weights:
            weights[0] = 0.0  # nothing predicts the first token
        return Encoded(
            input_ids=ids,
            labels=[
                token if weight > 0 else IGNORE for token, weight in zip(ids, weights, strict=True)
            ],
            loss_weights=None if self._scale.is_binary else weights,
            row=row.number,
        )


def _trained(tokens: CutIds, row: int) -> Encoded:
    """Return the row with its answers, and nothing else, as labels."""
    ids, answers = tokens
    labels = array("i", (IGNORE,)) * len(ids)
    for start, end in answers:
        labels[start:end] = ids[start:end]
    if labels:
        labels[0] = IGNORE  # nothing predicts the first token
    return Encoded(input_ids=ids, labels=labels, row=row)


def _is_same(cut: Encoded, located: Encoded | DataError) -> bool:
    return isinstance(located, Encoded) and (
        (list(cut.input_ids), list(cut.labels)) == (list(located.input_ids), list(located.labels))
    )


def _refuse_straddling(text: str, end: int, last: int, spans: Sequence[tuple[int, int]]) -> None:
    """The last token of an answer may take white space with it, but nothing of the next turn."""
    over = text[end : spans[last][1]] if last >= 0 else ""
    if over.strip():
        raise refusals.straddled(text[slice(*spans[last])])


def _is_last_round(number: int, messages: Sequence[ChatMessage]) -> bool:
    return all(message.content["role"] == "assistant" for message in messages[number:])


def _query(number: int, messages: Sequence[ChatMessage]) -> str:
    """What the answer is to; a tool's result is no question."""
    before = (message.content for message in reversed(messages[:number]))
    heard = next((message for message in before if message["role"] != "assistant"), None)
    return heard["content"] if heard is not None and heard["role"] == "user" else ""
