"""Questions to an engine and result rows back; a question that cannot be answered harms no other."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

from swiftx.domain.agents import registry as agents
from swiftx.domain.agents.base import observation_word
from swiftx.domain.chat.rows import conversation_of
from swiftx.domain.inference.results import (
    Question,
    ResultRow,
    failed_row,
    result_row,
    streamed_row,
)
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.inference import Completion, GenerationPlan, Request
from swiftx.domain.ports.engine import InferenceEngine
from swiftx.domain.ports.terminal import Terminal
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.truncation import TooLong
from swiftx.errors import DataError, SwiftxError


class Answer(NamedTuple):
    """What became of one question.

    Attributes:
        error: Why there is no response; None when there is one.
    """

    row: ResultRow
    prompt_tokens: int = 0
    generated_tokens: int = 0
    error: SwiftxError | None = None


class Answering:
    """Answers questions with one model.

    Args:
        plan: How answers are generated; each question gets its own seed from it. An `--agent_template`
            that is named counts as tools, which a chat at a terminal can only describe in its system text.

    Attributes:
        template: Makes prompts of conversations.
    """

    def __init__(
        self,
        engine: InferenceEngine,
        template: ChatTemplate,
        tokenizer: Tokenizer,
        plan: GenerationPlan,
    ) -> None:
        self.template = template
        self._engine = engine
        self._tokenizer = tokenizer
        self._plan = plan
        named = template.plan.agent_template
        self._result_word = observation_word(agents.get(named or template.spec.agent_template))
        self._always_calls = named is not None
        prefix = template.plan.response_prefix
        self._prefix = template.spec.response_prefix if prefix is None else prefix

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

    def batch(self, questions: Sequence[Question], *, first: int) -> list[Answer]:
        """Answer several questions at once, in order.

        Args:
            first: Number of the first question in the run; with the seed it decides what is sampled, so
                the size of the batches does not.
        """
        answers: dict[int, Answer] = {}
        requests: dict[int, Request] = {}
        for index, prompt in enumerate(self._prompts(questions)):
            if isinstance(prompt, SwiftxError):
                answers[index] = _failed(questions[index], prompt)
            else:
                calls = bool(questions[index].row.get("tools"))
                requests[index] = self.request(prompt, first + index, calls=calls)
        answers |= self._generated(questions, requests)
        return [answers[index] for index in range(len(questions))]

    def streamed(self, question: Question, terminal: Terminal, *, number: int) -> Answer:
        """Answer one question on the terminal, as the text comes."""
        try:
            (prompt,) = self._prompts([question])
            if isinstance(prompt, SwiftxError):
                raise prompt
            request = self.request(prompt, number, calls=bool(question.row.get("tools")))
            text = self._written(request, terminal)
        except SwiftxError as error:
            return _failed(question, error)
        generated = len(self._tokenizer.encode(text))
        return Answer(streamed_row(question, text), len(request.prompt_ids), generated)

    def _written(self, request: Request, terminal: Terminal) -> str:
        text = ""
        with closing(self.pieces(request, stream=True)) as pieces:
            for piece in pieces:
                terminal.write(piece)
                text += piece
        terminal.write("\n")
        return text

    def request(self, prompt: Encoded, number: int, *, calls: bool = False) -> Request:
        """Return the request of the question with this number.

        Args:
            calls: Whether tools may be called: the answer then ends where a tool's result would begin.
        """
        plan = self._plan
        if self._result_word is not None and (calls or self._always_calls):
            plan = replace(plan, end_words=(*plan.end_words, self._result_word))
        seed = None if plan.seed is None else plan.seed + number
        return Request(prompt_ids=prompt.input_ids, generation=replace(plan, seed=seed))

    def pieces(self, request: Request, *, stream: bool) -> Generator[str, None, None]:
        """Yield the text of the answer as it comes, or at once; closing it cancels the generation."""
        yield from [self._prefix] * bool(self._prefix)
        if not stream:
            yield self._engine.generate([request])[0].text
            return
        deltas = self._engine.stream(request)
        try:
            for delta in deltas:
                yield delta.text
        finally:
            deltas.close()

    def _prompts(self, questions: Sequence[Question]) -> list[Encoded | SwiftxError]:
        prompts: dict[int, Encoded | SwiftxError] = {}
        conversations = {}
        for index, question in enumerate(questions):
            try:
                conversations[index] = conversation_of(question.row)
            except DataError as error:
                prompts[index] = error
        outcomes = self.template.encode_prompts(list(conversations.values()))
        for index, outcome in zip(conversations, outcomes, strict=True):
            prompts[index] = _too_long(outcome) if isinstance(outcome, TooLong) else outcome
        return [prompts[index] for index in range(len(questions))]

    def _generated(
        self, questions: Sequence[Question], requests: dict[int, Request]
    ) -> dict[int, Answer]:
        """Answer the requests together; when that fails, one by one, to find which it was."""
        try:
            completions = self._engine.generate(list(requests.values()))
        except SwiftxError as error:
            if len(requests) == 1:
                return {index: _failed(questions[index], error) for index in requests}
            answers: dict[int, Answer] = {}
            for index, request in requests.items():
                answers |= self._generated(questions, {index: request})
            return answers
        return {
            index: Answer(
                result_row(questions[index], self._whole(completion)),
                completion.prompt_tokens,
                len(completion.token_ids),
            )
            for index, completion in zip(requests, completions, strict=True)
        }

    def _whole(self, completion: Completion) -> Completion:
        """Return the completion with what the template had begun the answer with."""
        return replace(completion, text=self._prefix + completion.text)


def _failed(question: Question, error: SwiftxError) -> Answer:
    return Answer(failed_row(question, error), error=error)


def _too_long(outcome: TooLong) -> DataError:
    return DataError(
        f"the prompt has {outcome.length} tokens, more than --max_length {outcome.max_length}",
        hint="raise --max_length, or cut long prompts with --truncation_strategy left",
    )
