"""Requests of several clients at one model that answers with numbers."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence

import pytest
from tests.fakes.pooling import HeldPooling
from tests.fakes.service import vector_service

from swiftx.domain.inference.scores import Meaning
from swiftx.domain.ports.server import Exchange
from swiftx.domain.serving.pooled_model import PooledModel, Vectors
from swiftx.errors import BackendError, SwiftxError

WAIT_S = 10


class Waiting:
    """Who waits for vectors."""

    def __init__(self) -> None:
        self._heard: queue.Queue[Vectors | SwiftxError] = queue.Queue()

    def __call__(self, outcome: Vectors | SwiftxError) -> None:
        self._heard.put(outcome)

    @property
    def outcome(self) -> Vectors | SwiftxError:
        return self._heard.get(timeout=WAIT_S)

    @property
    def heard(self) -> bool:
        return not self._heard.empty()


@pytest.fixture
def held() -> HeldPooling:
    return HeldPooling()


@pytest.fixture
def model(held: HeldPooling) -> Iterator[PooledModel]:
    made = PooledModel(held, max_model_len=None, max_batch_size=4)
    yield made
    held.may_go_on.set()
    made.close()


def busy(model: PooledModel, held: HeldPooling) -> Waiting:
    """Keep the model busy with one sequence; what comes now waits."""
    first = Waiting()
    model.submit([[0]], first)
    assert held.begun.wait(WAIT_S)
    return first


def test_what_waits_is_computed_together(model: PooledModel, held: HeldPooling) -> None:
    first, others = busy(model, held), [Waiting() for _ in range(3)]
    for number, other in enumerate(others):
        model.submit([[number + 1] * (number + 1)], other)
    assert model.stats().waiting == 3

    held.may_go_on.set()

    assert first.outcome == [(1.0,)]
    assert [other.outcome for other in others] == [[(1.0,)], [(2.0,)], [(3.0,)]]
    assert held.batches == [[0], [1, 2, 3]]
    assert model.stats().prompt_tokens == 1 + 1 + 2 + 3
    assert model.stats().requests == 4


def test_who_asks_for_many_takes_turns_with_the_others(
    model: PooledModel, held: HeldPooling
) -> None:
    busy(model, held)
    many, one = Waiting(), Waiting()
    model.submit([[n] * (10 - n) for n in range(1, 10)], many)
    model.submit([[90]], one)

    held.may_go_on.set()

    assert many.outcome == [(float(10 - n),) for n in range(1, 10)]
    assert one.outcome == [(1.0,)]
    assert held.batches == [[0], [1, 2, 3, 4], [90, 5, 6, 7], [8, 9]]


def test_a_request_that_fails_harms_no_other(model: PooledModel, held: HeldPooling) -> None:
    busy(model, held)
    held.fails = (2,)
    good, bad = Waiting(), Waiting()
    model.submit([[1]], good)
    model.submit([[2], [3]], bad)

    held.may_go_on.set()

    assert good.outcome == [(1.0,)]
    assert isinstance(bad.outcome, BackendError)
    assert held.batches == [[0], [1, 2, 3], [1], [2, 3]]


def test_who_left_is_not_computed_and_hears_nothing(model: PooledModel, held: HeldPooling) -> None:
    first = busy(model, held)
    gone, stays = Waiting(), Waiting()
    ticket = model.submit([[1]], gone)
    model.submit([[2]], stays)

    ticket.cancel()
    ticket.cancel()
    held.may_go_on.set()

    assert first.outcome
    assert stays.outcome == [(1.0,)]
    assert not gone.heard
    assert held.batches == [[0], [2]]


def test_a_bug_is_heard_of_and_the_next_request_is_computed() -> None:
    class Broken(HeldPooling):
        def pool(self, prompts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
            if prompts[0][0] == 1:
                raise ZeroDivisionError
            return [(1.0,) for _ in prompts]

    model = PooledModel(Broken(), max_model_len=None, max_batch_size=-1)
    bad, good = Waiting(), Waiting()

    model.submit([[1]], bad)
    outcome = bad.outcome
    model.submit([[2]], good)

    assert isinstance(outcome, BackendError)
    assert good.outcome == [(1.0,)]
    model.close()


def test_who_waits_when_the_service_stops_hears_so(held: HeldPooling) -> None:
    model = PooledModel(held, max_model_len=None, max_batch_size=1)
    first, late = busy(model, held), Waiting()
    model.submit([[1]], late)
    held.may_go_on.set()

    model.close()

    assert first.outcome == [(1.0,)]
    assert late.outcome is not None  # it was computed just before, or told
    with pytest.raises(BackendError, match="stopping"):
        model.submit([[1]], late)


def test_an_answer_that_takes_too_long_or_that_nobody_waits_for_is_given_up() -> None:
    held = HeldPooling()
    service = vector_service(Meaning(task="embedding"), held)
    first, second = (service.api.post("/v1/embeddings", b'{"input": [[1, 2]]}') for _ in range(2))
    assert isinstance(first, Exchange)
    assert isinstance(second, Exchange)
    assert first.start(lambda *_: None) is None
    assert second.start(lambda *_: None) is None

    first.time_out(3)
    first.end(200)
    second.end(499)

    assert (first.finished, first.failed, first.reply().status) == (True, True, 504)
    assert service.gate.waiting == 0
    held.may_go_on.set()
    stats = service.api.get("/stats").body
    assert b'"504":1' in stats
    assert b'"499":1' in stats
