"""Data sets that were tokenised before: which of them fit a run, and several as one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from tests.fakes.encoded import InMemoryEncodedStore
from tests.fakes.hub import InMemoryHub
from tests.fakes.rows import InMemoryRows, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage
from tests.fakes.system import RecordingReporter, TickingClock
from tests.fakes.tokenizer import CONTROL_TOKENS, ByteTokenizer
from tests.fakes.workers import InlineWorkers

from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.sequences import ANSWERS, Purpose, RowUse
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.cached_sets import JoinedRows, cached_sets, joined
from swiftx.domain.training.tokenized import TokenPorts, TokenSet, keep_tokens
from swiftx.errors import NotFound, UsageError

ROWS = [
    {**chat(f"question {number}", f"answer {number}"), "label": number % 3} for number in range(10)
]
CLASSES = RowUse(purpose=Purpose.CLASS, num_labels=3, problem_type="single_label_classification")
JINJA = {"name": "dummy", "template_backend": "jinja"}


def template(tokenizer: ByteTokenizer | None = None, **options: Any) -> ChatTemplate:
    plan = TemplatePlan(**{"name": "chatml", "today": date(2026, 1, 1), **options})
    return ChatTemplate(plan, tokenizer or ByteTokenizer())


def store(made_with: ChatTemplate, *, use: RowUse = ANSWERS, **plan: Any) -> InMemoryEncodedStore:
    """Return a store with a folder `made`."""
    kept = InMemoryEncodedStore()
    hub = InMemoryHub({})
    ports = TokenPorts(
        data=DataPorts(
            InMemoryRows({"a.jsonl": ROWS}),
            InMemoryStorage({"a.jsonl": ""}),
            SeededShuffler(),
            lambda _: hub,
        ),
        encoded=kept,
        workers=InlineWorkers(),
        clock=TickingClock(),
        reporter=RecordingReporter(),
    )
    keep_tokens(DataPlan(dataset=("a.jsonl",), **plan), made_with, ports, "made", use=use)
    return kept


def test_a_set_that_fits_is_used_with_both_its_parts() -> None:
    kept = store(template(max_length=200), split_dataset_ratio=0.3)

    first, second = cached_sets(["made", "made"], template(max_length=100), kept)

    assert first.train is not None
    assert first.validation is not None
    assert (len(first.train.rows), len(first.validation.rows)) == (7, 3)
    assert first.train.rows is second.train.rows if second.train else False


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"name": "phi3"}, "template 'chatml', this run has 'phi3'"),
        ({"system": "Be brief."}, "system None, this run has 'Be brief.'"),
        ({"loss_scale": "all"}, "loss_scale 'default', this run has 'all'"),
        ({"use_chat_template": False}, "use_chat_template True, this run has False"),
        ({"sanitize_control_tokens": True}, "sanitize_control_tokens False, this run has True"),
        ({"agent_template": "hermes"}, "agent_template None, this run has 'hermes'"),
        ({"max_length": 20}, "more than --max_length 20"),
        ({"tokenizer": ByteTokenizer((*CONTROL_TOKENS, "<|more|>"))}, "another tokenizer"),
    ],
)
def test_a_set_of_another_kind_is_refused_and_the_difference_named(
    other: dict[str, Any], said: str
) -> None:
    kept = store(template())

    with pytest.raises(UsageError) as caught:
        cached_sets(["made"], template(**other), kept)

    (error,) = caught.value.errors
    assert said in error.message
    assert "'made'" in error.message
    assert "swiftx export --to_cached_dataset true" in (error.hint or "")


@pytest.mark.parametrize(
    ("made", "wanted", "said", "hint"),
    [
        (CLASSES, ANSWERS, ("texts with a label", "needs rows of answers"), "--task_type"),
        (ANSWERS, CLASSES, ("has rows of answers", "needs rows of texts with"), "--task_type"),
        (ANSWERS, RowUse(purpose=Purpose.PAIR), ("rejected answer (dpo,",), "--dataset"),
        (
            CLASSES,
            replace(CLASSES, num_labels=5),
            ("with num_labels 3, this run has num_labels 5",),
            "--num_labels",
        ),
    ],
)
def test_rows_that_are_for_something_else_are_refused_and_both_uses_named(
    made: RowUse, wanted: RowUse, said: tuple[str, ...], hint: str
) -> None:
    kept = store(template(), use=made)

    with pytest.raises(UsageError) as caught:
        cached_sets(["made"], template(), kept, use=wanted)

    (error,) = caught.value.errors
    assert all(words in error.message for words in said)
    assert hint in (error.hint or "")
    assert len(cached_sets(["made"], template(), kept, use=made)) == 1


def test_every_difference_of_every_set_is_named_at_once() -> None:
    kept = store(template())

    with pytest.raises(UsageError) as caught:
        cached_sets(["made", "made"], template(loss_scale="all", system="x"), kept)

    assert len(caught.value.errors) == 2


def test_the_chat_template_of_the_tokenizer_counts_only_where_it_writes() -> None:
    own = [ByteTokenizer(chat_template=source) for source in ("one", "two")]

    cached_sets(["made"], template(own[1]), store(template(own[0])))
    with pytest.raises(UsageError, match="another chat template of the tokenizer"):
        cached_sets(["made"], template(own[1], **JINJA), store(template(own[0], **JINJA)))


def test_a_folder_without_rows_is_named() -> None:
    with pytest.raises(NotFound, match="'nowhere' holds no cached data set"):
        cached_sets(["nowhere"], template(), InMemoryEncodedStore())


def _set(*lengths: int) -> TokenSet:
    rows = [Encoded(input_ids=[each] * each, labels=[each] * each) for each in lengths]
    return TokenSet(rows=rows, table={"rows": str(len(rows))}, warnings=["w"], summary="s")


def test_several_sets_are_one_after_the_other() -> None:
    both = joined([_set(3, 1), _set(), _set(2)])

    assert [len(row) for row in both.rows] == [3, 1, 2]
    assert [len(both.rows[index]) for index in (-1, -3)] == [2, 3]
    assert [len(row) for row in both.rows[1:]] == [1, 2]
    assert isinstance(both.rows, JoinedRows)
    assert list(both.rows.lengths) == [3, 1, 2]
    assert both.table == {
        "rows": "3 of 3 sets",
        "rows, set 1": "2",
        "rows, set 2": "0",
        "rows, set 3": "1",
    }
    assert both.warnings == ["w", "w", "w"]
    for index in (3, -4):
        with pytest.raises(IndexError):
            both.rows[index]


def test_no_set_has_no_rows() -> None:
    assert len(joined([]).rows) == 0
