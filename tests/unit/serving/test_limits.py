from __future__ import annotations

import pytest

from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.refusals import Refused


def test_as_many_as_may_wait_do() -> None:
    gate = Gate(2, lambda: 0.0)
    gate.enter(1)
    gate.enter(1)

    with pytest.raises(Refused) as caught:
        gate.enter(1)

    assert caught.value.status == 429
    assert caught.value.headers == {"Retry-After": "1"}
    gate.begun()
    gate.enter(1)


def test_a_request_for_more_than_may_wait_can_go_alone() -> None:
    gate = Gate(2, lambda: 0.0)

    gate.enter(5)

    assert gate.waiting == 5


def test_without_a_limit_all_wait() -> None:
    gate = Gate(-1, lambda: 0.0)

    gate.enter(10_000)
    gate.enter(1)

    assert gate.waiting == 10_001


def test_the_time_to_come_back_follows_the_pace_of_late() -> None:
    now = 0.0
    gate = Gate(4, lambda: now)
    gate.enter(3)
    gate.begun()
    gate.enter(1)
    now = 10.0
    gate.begun()
    gate.enter(2)
    now = 20.0

    # Two answers began in the 20 s since the first did, so the four that wait need about 40 s.
    assert gate.waiting == 4 - 0
    assert gate.retry_after_s() == 40
    now = 2000.0
    assert gate.retry_after_s() == 60
