"""Tokens of data sets: made, cached, and found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.fakes.encoded import InMemoryEncodedStore
from tests.fakes.hub import InMemoryHub
from tests.fakes.rows import InMemoryRows, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage
from tests.fakes.system import RecordingReporter, TickingClock
from tests.fakes.tokenizer import ByteTokenizer
from tests.fakes.workers import InlineWorkers

from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.tokenized import (
    CachePlan,
    TokenizedData,
    TokenPorts,
    TokenSet,
    tokenize,
)
from swiftx.errors import DataError

ROWS = [chat(f"question {number}", f"answer {number}") for number in range(20)]
PLAN = DataPlan(dataset=("a.jsonl",), split_dataset_ratio=0.2)
CACHE = CachePlan(folder="/cache", code="1")


class World:
    def __init__(self, rows: Sequence[dict[str, Any]] = ROWS) -> None:
        self.files: dict[str, Sequence[dict[str, Any]]] = {"a.jsonl": rows}
        self.reporter = RecordingReporter()
        self.store = InMemoryEncodedStore()
        hub = InMemoryHub({})
        self.ports = TokenPorts(
            data=DataPorts(
                InMemoryRows(self.files),
                InMemoryStorage({"a.jsonl": ""}),
                SeededShuffler(),
                lambda _: hub,
            ),
            encoded=self.store,
            workers=InlineWorkers(),
            clock=TickingClock(),
            reporter=self.reporter,
        )

    def tokens(
        self, plan: DataPlan = PLAN, *, cache: CachePlan | None = CACHE, **template: Any
    ) -> tuple[TokenizedData, ByteTokenizer]:
        tokenizer = ByteTokenizer()
        options = TemplatePlan(**{"name": "chatml", "today": date(2026, 1, 1), **template})
        made = ChatTemplate(options, tokenizer)
        return tokenize(plan, made, self.ports, cache=cache), tokenizer


def train_of(data: TokenizedData) -> TokenSet:
    assert data.train is not None
    return data.train


def plain(data: TokenizedData) -> tuple[object, ...]:
    return (
        list(train_of(data).rows),
        None if data.validation is None else list(data.validation.rows),
        data.table,
        train_of(data).note(),
        None if data.validation is None else data.validation.note(),
        list(data.held()),
    )


def test_without_a_cache_nothing_is_kept() -> None:
    world = World()

    data, _ = world.tokens(cache=None)

    assert (len(train_of(data).rows), len(list(data.held()))) == (16, 4)
    assert data.validation is not None
    assert len(data.validation.rows) == 4
    assert world.store.folders == {}
    assert world.reporter.tables["Data"]["training rows"] == "16"


def test_what_was_made_once_is_found_again_and_says_what_that_saved() -> None:
    world = World()
    made, _ = world.tokens()
    assert world.reporter.said == []

    found, tokenizer = world.tokens()

    assert plain(found) == plain(made)
    assert not any("question" in text for text in tokenizer.encoded_texts)
    (said,) = world.reporter.said
    assert said == "prepared data from the cache: 20 rows, 1.00 s instead of 1.0 s"
    assert world.reporter.tables["Data"]["training rows"] == "16"


@pytest.mark.parametrize(
    ("plan", "template"),
    [(replace(PLAN, data_seed=1), {}), (PLAN, {"system": "Be brief."}), (PLAN, {"max_length": 90})],
    ids=["data", "system", "length"],
)
def test_other_options_do_not_find_it(plan: DataPlan, template: dict[str, Any]) -> None:
    world = World()
    world.tokens()

    world.tokens(plan, **template)

    assert len(world.store.folders) == 2
    assert world.reporter.said == []


def test_changed_data_do_not_find_it() -> None:
    world = World()
    world.tokens()
    world.files["a.jsonl"] = ROWS[:-1]

    data, _ = world.tokens()

    assert len(train_of(data).rows) == 16
    assert len(list(data.held())) == 3
    assert len(world.store.folders) == 2


def test_a_damaged_entry_is_made_again_with_one_line() -> None:
    world = World()
    made, _ = world.tokens()
    (path,) = world.store.folders
    world.store.broken[path] = DataError("it has 3 bytes, not 9", source=path)

    again, _ = world.tokens()
    found, _ = world.tokens()

    assert plain(again) == plain(made) == plain(found)
    (warned,) = world.reporter.warned
    assert "damaged" in warned
    assert "3 bytes, not 9" in warned
    assert len(world.reporter.said) == 1


def test_rows_that_cannot_be_used_leave_no_entry() -> None:
    world = World()

    with pytest.raises(DataError, match="max_length"):
        world.tokens(max_length=10)

    assert world.store.folders == {}


def test_what_cannot_be_named_is_not_cached_and_says_so() -> None:
    class Unknown(ByteTokenizer):
        @property
        def fingerprint(self) -> str | None:
            return None

    world = World()
    template = ChatTemplate(TemplatePlan(name="chatml", today=date(2026, 1, 1)), Unknown())

    tokenize(PLAN, template, world.ports, cache=CACHE)

    assert world.store.folders == {}
    (said,) = world.reporter.said
    assert "not cached" in said


def test_warnings_are_repeated_when_data_are_found_again() -> None:
    world = World([*ROWS, {"messages": [{"role": "user", "content": "no answer"}]}])
    plan = DataPlan(dataset=("a.jsonl",))

    made, _ = world.tokens(plan)
    found, _ = world.tokens(plan)

    assert train_of(made).warnings
    assert list(train_of(found).warnings) == list(train_of(made).warnings)
    assert found.validation is None
