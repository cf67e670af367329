"""Rows that an engine gets one by one, as places come free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from swiftx.domain.chat.messages import Conversation
from swiftx.domain.inference.answering import Answering
from swiftx.domain.inference.results import Question
from swiftx.domain.plans.inference import Completion, Delta, GenerationPlan, Request
from swiftx.domain.ports.engine import InferenceEngine, Listener
from swiftx.errors import ArgError, SwiftxError, UsageError


class Numbered:
    """Makes requests of questions that are numbers."""

    takes_system = True
    prefix = ""

    def requests(self, conversations: Sequence[Conversation]) -> list[Request | SwiftxError]:
        plan = GenerationPlan(seed=100)
        numbers = [int(str(each.messages[-1].content)) for each in conversations]
        return [Request(prompt_ids=[number], generation=plan) for number in numbers]


class OneIsLong:
    """Answers at once, but the first question only when the fourth has come; refuses number 5.

    Attributes:
        submitted: Numbers of the questions, as they came.
        cancelled: Of those that were cancelled.
    """

    def __init__(self) -> None:
        self.submitted: list[int] = []
        self.seeds: list[int | None] = []
        self.cancelled: list[int] = []
        self._first: Listener | None = None

    def submit(self, request: Request, listener: Listener) -> Any:
        (number,) = request.prompt_ids
        if number == 5:
            raise UsageError([ArgError(None, "five")])
        self.submitted.append(number)
        self.seeds.append(request.generation.seed)
        if number == 0:
            self._first = listener
        else:
            listener(answer(number))
        if number == 3 and self._first is not None:
            self._first(answer(0))
        engine = self

        class Ticket:
            def cancel(self) -> None:
                engine.cancelled.append(number)

        return Ticket()


def answer(number: int) -> Delta:
    whole = Completion(text=f"a{number}", token_ids=(1,), prompt_tokens=1, finish_reason="stop")
    return Delta("", "stop", (), whole)


def questions(count: int) -> list[tuple[int, Question]]:
    rows: list[Any] = [
        {"messages": [{"role": "user", "content": str(number)}]} for number in range(count)
    ]
    return [(number, Question(row, None)) for number, row in enumerate(rows)]


def test_a_long_answer_keeps_no_other_question_from_the_engine() -> None:
    engine = OneIsLong()
    flow = Answering(cast(InferenceEngine, engine), Numbered()).flowing(questions(8), ahead=4)

    first = next(flow)

    assert engine.submitted == [0, 1, 2, 3]
    assert first[0] == 0
    answers = [first, *flow]
    assert [number for number, _ in answers] == list(range(8))
    found = [each.row["response"] for number, each in answers if number != 5]
    assert found == [f"a{number}" for number in (0, 1, 2, 3, 4, 6, 7)]
    assert answers[5][1].error is not None
    assert engine.seeds == [100 + number for number in (0, 1, 2, 3, 4, 6, 7)]


def test_what_is_under_way_is_cancelled_when_nobody_wants_the_rest() -> None:
    engine = OneIsLong()
    flow = Answering(cast(InferenceEngine, engine), Numbered()).flowing(questions(8), ahead=4)
    next(flow)

    flow.close()

    assert engine.cancelled == [1, 2, 3]
