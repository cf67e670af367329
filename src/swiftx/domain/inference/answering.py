"""Questions to an engine and result rows back; a question that cannot be answered harms no other."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from queue import SimpleQueue
from typing import NamedTuple, Protocol

from swiftx.domain.chat.messages import Conversation
from swiftx.domain.chat.rows import StandardRow, conversation_of
from swiftx.domain.inference.asking import Asker
from swiftx.domain.inference.results import (
    Question,
    ResultRow,
    failed_row,
    question_of,
    result_row,
    streamed_row,
    told,
)
from swiftx.domain.plans.inference import Completion, Delta, Request
from swiftx.domain.ports.engine import InferenceEngine, Ticket
from swiftx.domain.ports.terminal import Terminal
from swiftx.errors import BackendError, DataError, SwiftxError


class Answer(NamedTuple):
    """What became of one question.

    Attributes:
        error: Why there is no response; None when there is one.
    """

    row: ResultRow
    prompt_tokens: int = 0
    generated_tokens: int = 0
    error: SwiftxError | None = None


class RowAnswering(Protocol):
    """Answers rows of data, with text or with numbers; see `Answering`."""

    def question(self, row: StandardRow) -> Question: ...
    def batch(self, questions: Sequence[Question], numbers: Sequence[int]) -> list[Answer]: ...
    def streamed(self, question: Question, terminal: Terminal, *, number: int) -> Answer: ...
    def close(self) -> None: ...


class Answering:
    """Answers questions with one model.

    Args:
        asker: Makes requests of conversations; each question gets its own seed from theirs.
    """

    def __init__(self, engine: InferenceEngine, asker: Asker) -> None:
        self._engine = engine
        self._asker = asker

    @property
    def takes_system(self) -> bool:
        return self._asker.takes_system

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

    def question(self, row: StandardRow) -> Question:
        """Return what is asked of the model, without the answer that the data has."""
        return question_of(row)

    def batch(self, questions: Sequence[Question], numbers: Sequence[int]) -> list[Answer]:
        """Answer several questions at once, in order.

        Args:
            numbers: Of the questions in the data; with the seed they decide what is sampled, so the size
                of the batches does not.
        """
        answers: dict[int, Answer] = {}
        requests: dict[int, Request] = {}
        for index, request in enumerate(self._requests(questions)):
            if isinstance(request, SwiftxError):
                answers[index] = _failed(questions[index], request)
            else:
                requests[index] = _seeded(request, numbers[index])
        answers |= self._generated(questions, requests)
        return [answers[index] for index in range(len(questions))]

    def flowing(
        self, questions: Iterable[tuple[int, Question]], *, ahead: int
    ) -> Generator[tuple[int, Answer], None, None]:
        """Yield the answers in order, while the engine has the next questions already.

        Each question is a request of its own, so that the place of an answer that is over goes to the next
        one at once. Closing the generator cancels what is under way.

        Args:
            questions: With their numbers in the data; see `batch`.
            ahead: Most questions that the engine has at once, those that wait for room included; -1 for all.
        """
        under_way: deque[tuple[int, Question, _Outcome]] = deque()
        try:
            for number, question in questions:
                under_way.append((number, question, self._submitted(question, number)))
                # What is there is handed on at once: nothing of it is lost when the run is stopped.
                while under_way and (under_way[0][2].is_there or len(under_way) == ahead):
                    yield self._next_of(under_way)
            while under_way:
                yield self._next_of(under_way)
        finally:
            for _, _, outcome in under_way:
                outcome.cancel()

    def streamed(self, question: Question, terminal: Terminal, *, number: int) -> Answer:
        """Answer one question on the terminal, as the text comes."""
        try:
            (request,) = self._requests([question])
            if isinstance(request, SwiftxError):
                raise request
            completion = self._written(_seeded(request, number), terminal)
        except SwiftxError as error:
            return _failed(question, error)
        row = streamed_row(question, completion)
        return Answer(row, completion.prompt_tokens, completion.generated_tokens)

    def request(self, conversation: Conversation, number: int) -> Request:
        """Return the request of a conversation whose question has this number.

        Raises:
            SwiftxError: There can be none.
        """
        (request,) = self._asker.requests([conversation])
        if isinstance(request, SwiftxError):
            raise request
        return _seeded(request, number)

    def pieces(self, request: Request, *, stream: bool) -> Generator[str, None, None]:
        """Yield the text of the answer as it comes, or at once; closing it cancels the generation."""
        yield from [self._asker.prefix] * bool(self._asker.prefix)
        if not stream:
            yield told(self._engine.generate([request])[0])
            return
        with closing(self._engine.stream(request)) as deltas:
            for delta in deltas:
                yield delta.text
                if delta.completion is not None and delta.completion.tool_calls:
                    yield told(delta.completion).removeprefix(delta.completion.text)

    def _submitted(self, question: Question, number: int) -> _Outcome:
        """Hand a question to the engine; what is wrong with it is its outcome."""
        outcome = _Outcome()
        (request,) = self._requests([question])
        try:
            if isinstance(request, SwiftxError):
                raise request
            outcome.ticket = self._engine.submit(_seeded(request, number), outcome.hear)
        except SwiftxError as error:
            outcome.hear(error)
        return outcome

    def _next_of(self, under_way: deque[tuple[int, Question, _Outcome]]) -> tuple[int, Answer]:
        """Wait for the first of the answers under way, and take it out."""
        number, question, outcome = under_way[0]
        completion = outcome.wait()
        under_way.popleft()
        if isinstance(completion, SwiftxError):
            return number, _failed(question, completion)
        return number, self._answered(question, completion)

    def _answered(self, question: Question, completion: Completion) -> Answer:
        row = result_row(question, self._whole(completion))
        return Answer(row, completion.prompt_tokens, completion.generated_tokens)

    def _written(self, request: Request, terminal: Terminal) -> Completion:
        completion: Completion | None = None
        terminal.write(self._asker.prefix)
        with closing(self._engine.stream(request)) as deltas:
            for delta in deltas:
                terminal.write(delta.text)
                completion = delta.completion
        terminal.write("\n")
        if completion is None:
            raise BackendError("The engine ended an answer without its last piece.")
        return self._whole(completion)

    def _requests(self, questions: Sequence[Question]) -> list[Request | SwiftxError]:
        requests: dict[int, Request | SwiftxError] = {}
        conversations = {}
        for index, question in enumerate(questions):
            try:
                conversations[index] = conversation_of(question.row)
            except DataError as error:
                requests[index] = error
        made = self._asker.requests(list(conversations.values()))
        requests |= dict(zip(conversations, made, strict=True))
        return [requests[index] for index in range(len(questions))]

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
            index: self._answered(questions[index], completion)
            for index, completion in zip(requests, completions, strict=True)
        }

    def _whole(self, completion: Completion) -> Completion:
        """Return the completion with what the template had begun the answer with."""
        return replace(completion, text=self._asker.prefix + completion.text)


class _Outcome:
    """What the engine tells of one request."""

    def __init__(self) -> None:
        self.ticket: Ticket | None = None
        self._heard: SimpleQueue[Completion | SwiftxError] = SimpleQueue()

    def hear(self, piece: Delta | SwiftxError) -> None:
        """Take a piece; only the last one, or an error, is kept."""
        if isinstance(piece, SwiftxError):
            self._heard.put(piece)
        elif piece.completion is not None:
            self._heard.put(piece.completion)

    @property
    def is_there(self) -> bool:
        return not self._heard.empty()

    def wait(self) -> Completion | SwiftxError:
        """Return the answer, or why there is none."""
        return self._heard.get()

    def cancel(self) -> None:
        if self.ticket is not None:
            self.ticket.cancel()


def _seeded(request: Request, number: int) -> Request:
    plan = request.generation
    seed = None if plan.seed is None else plan.seed + number
    return replace(request, generation=replace(plan, seed=seed))


def _failed(question: Question, error: SwiftxError) -> Answer:
    return Answer(failed_row(question, error), error=error)
