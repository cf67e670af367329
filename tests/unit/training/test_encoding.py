from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from tests.fakes.encoded import InMemoryEncodedStore
from tests.fakes.rows import chat
from tests.fakes.tokenizer import ByteTokenizer
from tests.fakes.workers import InlineWorkers

from swiftx.domain.datasets.pipeline import PreparedRows
from swiftx.domain.datasets.sequences import Purpose, RowUse
from swiftx.domain.plans.data import RowOrigin
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.encoding import LazyRows, encode_rows
from swiftx.domain.training.row_parts import sequences_of
from swiftx.errors import DataError


def _rows(*rows: dict[str, Any]) -> PreparedRows:
    return PreparedRows(rows, [RowOrigin("d.jsonl", number) for number in range(len(rows))])


def _template(**changes: Any) -> ChatTemplate:
    plan = TemplatePlan(**{"name": "chatml", "today": date(2026, 1, 1), "system": "", **changes})
    return ChatTemplate(plan, ByteTokenizer())


def _text(ids: Sequence[int]) -> str:
    return ByteTokenizer().decode([token for token in ids if token >= 0])


SHORT, LONG = chat("hi", "you"), chat("hi", "y" * 200)


def test_rows_become_arrays_with_the_answer_trained() -> None:
    encoded = encode_rows(_rows(SHORT, chat("a", "b")), _template())

    first = encoded.rows[0]
    assert isinstance(first.input_ids, array)
    assert _text([label for label in first.labels if label != -100]).startswith("you<|im_end|>")
    assert [row.row for row in encoded.rows] == [0, 1]


def test_the_report_counts_tokens_and_what_is_trained_of_them() -> None:
    encoded = encode_rows(_rows(SHORT), _template())

    row, report = encoded.rows[0], encoded.report
    assert report.tokens == report.shortest == report.longest == len(row)
    assert report.trained == sum(label != -100 for label in row.labels[1:])
    assert report.table()["rows"] == "1"
    assert f"{report.trained / report.tokens:.1%} of them trained" in report.table()["tokens"]


def test_long_rows_are_left_out_and_counted_with_the_first_of_them() -> None:
    encoded = encode_rows(_rows(SHORT, LONG, LONG), _template(max_length=60))

    assert len(encoded.rows) == 1
    (dropped,) = encoded.report.dropped
    assert (dropped.count, dropped.first) == (2, RowOrigin("d.jsonl", 1))
    assert "more than --max_length 60" in dropped.detail


def test_strict_stops_at_the_first_row_that_is_left_out() -> None:
    with pytest.raises(DataError, match=r"d\.jsonl, row 1"):
        encode_rows(_rows(SHORT, LONG), _template(max_length=60), strict=True)


@pytest.mark.parametrize(
    ("rows", "changes", "words"),
    [
        ([LONG, LONG], {"max_length": 60}, r"d\.jsonl: not one of its 2 rows"),
        ([], {}, "there is no row"),
        (
            [{"messages": [{"role": "user", "content": "?", "loss": None}] * 2}],
            {},
            "not one of its 1|would be trained",
        ),
    ],
    ids=["too long", "none", "no answer"],
)
def test_nothing_to_train_on_is_an_error_that_names_file_and_reason(
    rows: list[dict[str, Any]], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        encode_rows(_rows(*rows), _template(**changes))


def test_rows_cut_before_their_answers_leave_nothing_to_train() -> None:
    cut = _template(max_length=10, truncation_strategy="right")

    with pytest.raises(DataError, match=r"d\.jsonl: none of the 10 tokens of its 1 rows"):
        encode_rows(_rows(SHORT), cut)


def _text_row(content: str) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "content": content, "loss": None}]}


@pytest.mark.parametrize("workers", [None, InlineWorkers()], ids=["alone", "shared"])
def test_long_texts_are_split_and_every_token_stays(workers: InlineWorkers | None) -> None:
    rows = _rows(_text_row("short"), _text_row("x" * 100))
    plain = {"use_chat_template": False, "loss_scale": "all"}
    whole = encode_rows(rows, _template(**plain)).rows

    split = encode_rows(
        rows,
        _template(**plain, truncation_strategy="split", max_length=30),
        workers=workers,
    )

    assert [row.row for row in split.rows] == [0, 1, 1, 1, 1]
    assert split.rows[0] == whole[0]
    assert [t for row in split.rows[1:] for t in row.input_ids] == list(whole[1].input_ids)
    assert all(len(row) <= 30 and row.labels[0] == -100 for row in split.rows)
    table = split.report.table()
    assert (table["rows"], table["rows split"]) == (
        "2",
        "1, first d.jsonl, row 1: into 4 sequences",
    )
    assert split.report.tokens == sum(map(len, split.rows))
    assert not list(split.report.findings())


def test_lazy_rows_equal_eager_ones() -> None:
    rows = _rows(SHORT, chat("a", "b"), chat("c", "d"))

    lazy = LazyRows(rows, _template())

    assert len(lazy) == 3
    assert list(lazy) == list(encode_rows(rows, _template()).rows)
    assert list(lazy[1:]) == [lazy[1], lazy[2]]


def test_a_lazy_row_that_is_too_long_is_replaced_always_by_the_same() -> None:
    rows = _rows(SHORT, LONG, SHORT, SHORT)
    lazy = LazyRows(rows, _template(max_length=60))

    assert list(lazy[1].input_ids) == list(lazy[0].input_ids)
    assert lazy[1].row == LazyRows(rows, _template(max_length=60))[1].row


def test_a_lazy_row_without_any_replacement_names_its_origin() -> None:
    lazy = LazyRows(_rows(LONG, LONG), _template(max_length=60))

    with pytest.raises(DataError, match=r"d\.jsonl, row 1: .* 9 others"):
        lazy[1]


MANY = [chat(str(number), "y" * (number % 97)) for number in range(1100)]


def test_shared_work_on_disk_gives_what_one_process_in_memory_does() -> None:
    template = _template(max_length=120)
    writer = InMemoryEncodedStore().draft().writer("train")
    workers = InlineWorkers()

    alone = encode_rows(_rows(*MANY), template)
    shared = encode_rows(_rows(*MANY), template, writer=writer, workers=workers)

    assert list(shared.rows) == list(alone.rows)
    assert shared.report == alone.report
    assert 0 < alone.report.kept < len(MANY)
    assert workers.items == 2


def test_a_bad_row_of_a_worker_is_named() -> None:
    rows = [*MANY[:900], LONG, *MANY[900:]]

    with pytest.raises(DataError, match=r"d\.jsonl, row 900: it has"):
        encode_rows(_rows(*rows), _template(max_length=150), strict=True, workers=InlineWorkers())


def test_few_rows_need_no_workers() -> None:
    workers = InlineWorkers()

    encode_rows(_rows(SHORT), _template(), workers=workers)

    assert workers.items == 0


def _document(text: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text, "loss": None}]


def _question(**columns: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hi", "loss": None}], **columns}


RANKED = _question(positive_messages=[_document("yes")], negative_messages=[_document("no")] * 2)


def test_a_row_with_documents_is_several_sequences_without_labels() -> None:
    use = RowUse(purpose=Purpose.RANKING)

    encoded = encode_rows(_rows(RANKED), _template(), use=use)

    (row,) = encoded.rows
    assert [part.side for part in row.parts] == ["main", "positive", "negative", "negative"]
    assert (list(row.labels), row.target) == ([], None)
    texts = [_text(part.input_ids) for _, part in sequences_of(row)]
    assert "hi" in texts[1]
    assert "yes" in texts[1]
    assert texts[2] == texts[3] != texts[1]
    assert encoded.report.table()["tokens"] == f"{len(row):,}"
    assert len(encoded.report.lengths) == 4


def test_a_row_with_a_class_has_it_as_target_and_one_that_does_not_fit_is_left_out() -> None:
    use = RowUse(purpose=Purpose.CLASS, num_labels=2)
    rows = _rows(_question(label=1), _question(label=2), _question())

    encoded = encode_rows(rows, _template(), use=use)

    assert [row.target for row in encoded.rows] == [(1.0,)]
    assert encoded.report.dropped[0].count == 2
    with pytest.raises(DataError, match="there is no class 2"):
        encode_rows(rows, _template(), use=use, strict=True)
    assert LazyRows(rows, _template(), use=use)[0].target == (1.0,)


def test_one_document_that_is_too_long_leaves_the_row_out() -> None:
    long = {**RANKED, "negative_messages": [_document("n" * 100)]}
    use = RowUse(purpose=Purpose.RANKING)

    encoded = encode_rows(_rows(RANKED, long), _template(max_length=90), use=use)

    assert [row.row for row in encoded.rows] == [0]


def test_the_channel_of_a_row_is_kept() -> None:
    encoded = encode_rows(_rows({**SHORT, "channel": "math"}, SHORT), _template())

    assert [row.channel for row in encoded.rows] == ["math", None]
