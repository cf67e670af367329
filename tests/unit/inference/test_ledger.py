"""Runs that break off at any point, in one process and in several."""

from __future__ import annotations

import pytest
from tests.fakes.rows import InMemorySink
from tests.fakes.storage import InMemoryStorage

from swiftx.domain.inference.ledger import Counts, Kept, Ledger, run_digest
from swiftx.errors import UsageError

OUT = "/desk/out.jsonl"


class Seat:
    """One of several processes that a test runs one after the other."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    def wait(self) -> None: ...


class Desk:
    """Files that all attempts see."""

    def __init__(self) -> None:
        self.storage = InMemoryStorage()
        self.sink = InMemorySink(self.storage)
        self.counts = Counts()

    def ledger(self, rank: int = 0, size: int = 1) -> Ledger:
        sink = InMemorySink(self.storage)
        sink.files, sink.seen = self.sink.files, self.sink.seen
        return Ledger(OUT, results=sink, storage=self.storage, group=Seat(rank, size))

    @property
    def answers(self) -> list[int]:
        return [row["a"] for row in self.sink.files[OUT]]

    def attempt(
        self, size: int, *, run: str = "x", rows: int = 10, answered: int = 99, finish: bool = True
    ) -> list[list[int]]:
        """Answer up to `answered` rows in each process; return what each was to answer."""
        ledgers = [self.ledger(rank, size) for rank in range(size)]
        shares = [list(ledger.begin(run, rows)) for ledger in ledgers]
        for ledger, share in zip(ledgers, shares, strict=True):
            for number in share[:answered]:
                ledger.write([Kept(number, {"a": number}, 2, 3)])
        if finish:
            for ledger in reversed(ledgers):
                ledger.finish()
            self.counts = ledgers[0].counts
        return shares

    @property
    def names(self) -> list[str]:
        return list(self.storage.names("/desk"))


def test_one_process_answers_all_rows_in_order_and_leaves_only_results() -> None:
    desk = Desk()

    assert desk.attempt(1) == [list(range(10))]

    assert desk.answers == list(range(10))
    assert desk.names == ["out.jsonl"]


def test_several_processes_share_the_rows_and_their_results_are_in_order() -> None:
    desk = Desk()

    shares = desk.attempt(3)

    assert shares == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9]]
    assert desk.counts == Counts(10, 20, 30)
    assert desk.answers == list(range(10))
    assert desk.names == ["out.jsonl"]


@pytest.mark.parametrize("before", [1, 2, 3])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_run_that_broke_off_goes_on_with_any_number_of_processes(before: int, after: int) -> None:
    desk = Desk()

    first = desk.attempt(before, answered=2, finish=False)
    second = desk.attempt(after)

    done = {number for share in first for number in share[:2]}
    assert sorted(number for share in second for number in share) == sorted(set(range(10)) - done)
    assert desk.answers == list(range(10))
    assert desk.names == ["out.jsonl"]
    assert desk.counts.samples == 10 - len(done)


def test_run_that_breaks_off_again_and_again_answers_no_row_twice() -> None:
    desk = Desk()
    asked: list[int] = []
    for size in (2, 1, 3, 2):
        asked += [n for share in desk.attempt(size, answered=1, finish=False) for n in share[:1]]
    desk.attempt(2)

    assert len(asked) == len(set(asked)) == 8
    assert desk.answers == list(range(10))


def test_run_that_breaks_off_while_parts_are_put_together() -> None:
    desk = Desk()
    desk.attempt(2, finish=False)
    desk.sink.open(OUT)
    desk.sink.write([{"a": number} for number in range(4)])

    assert desk.attempt(2) == [[], []]

    assert desk.answers == list(range(10))
    assert desk.names == ["out.jsonl"]


def test_finished_run_is_no_run_to_go_on_with() -> None:
    desk = Desk()
    desk.attempt(1)

    assert desk.attempt(1) == [list(range(10))]

    assert desk.answers == [*range(10), *range(10)]


def test_only_the_rows_of_the_run_are_read_again() -> None:
    desk = Desk()
    desk.attempt(1, rows=3)
    desk.attempt(1, answered=1, rows=3, finish=False)
    ledger = desk.ledger()
    left = ledger.begin("x", 3)
    ledger.write([Kept(number, {"a": number}, 2, 3) for number in left])
    ledger.finish()

    assert ledger.resumed
    assert [row["a"] for row in ledger.rows()] == [0, 1, 2]


def test_another_run_is_appended() -> None:
    desk = Desk()
    desk.attempt(1, answered=4, finish=False)

    assert desk.attempt(1, run="y", rows=2) == [[0, 1]]

    assert desk.answers == [0, 1, 2, 3, 0, 1]


def test_parts_of_another_run_are_not_lost() -> None:
    desk = Desk()
    desk.attempt(2, answered=1, finish=False)

    with pytest.raises(UsageError, match=r"out\.jsonl\.part-0-0\.jsonl"):
        desk.attempt(1, run="y")

    desk.attempt(2)
    assert desk.answers == list(range(10))


def test_damaged_state_is_no_state() -> None:
    desk = Desk()
    desk.attempt(1, answered=4, finish=False)
    desk.storage.write_text(f"{OUT}.run.json", '{"run": ')

    assert desk.attempt(1, rows=2) == [[0, 1]]


def test_digest_tells_rows_their_order_and_settings_apart() -> None:
    rows = [{"q": "a"}, {"q": "b"}]
    others = [
        run_digest({"t": 0}, rows),
        run_digest({"t": 1}, rows),
        run_digest({"t": 0}, rows[::-1]),
        run_digest({"t": 0}, rows[:1]),
    ]

    assert len(set(others)) == 4
    assert run_digest({"t": 0}, list(rows)) == others[0]
