from __future__ import annotations

import json
import pickle
from datetime import date
from itertools import islice
from typing import Any

import pytest
from tests.fakes.hub import InMemoryHub
from tests.fakes.rows import InMemoryRows, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.chat.rows import conversation_of
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.streaming import stream
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.ports.batch_stream import StreamedBatch
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.streamed import TokenStream
from swiftx.errors import DataError

# Every sixth row is unusable, every seventh too long.
ROWS = [
    {"foo": n} if n % 6 == 5 else chat(f"q{n}", "a" * (300 if n % 7 == 3 else 1 + n % 13))
    for n in range(200)
]
USABLE = sum(1 for n in range(200) if n % 6 != 5 and n % 7 != 3)
TEMPLATE = ChatTemplate(
    TemplatePlan(name="chatml", max_length=200, today=date(2026, 1, 1)), ByteTokenizer()
)


def _no_hub(use_hf: bool) -> InMemoryHub:
    raise AssertionError("no hub")


SPLITTING = ChatTemplate(
    TemplatePlan(
        name="chatml",
        max_length=23,
        truncation_strategy="split",
        use_chat_template=False,
        loss_scale="all",
        today=date(2026, 1, 1),
    ),
    ByteTokenizer(),
)


def _stream(
    *,
    capacity: int | None = None,
    rows: Any = ROWS,
    template: ChatTemplate = TEMPLATE,
    **options: Any,
) -> TokenStream:
    ports = DataPorts(
        InMemoryRows({"rows.jsonl": rows}),
        InMemoryStorage({"rows.jsonl": ""}),
        SeededShuffler(),
        _no_hub,
    )
    plan = DataPlan(dataset=("rows.jsonl",), shuffle_buffer_size=16, **options)
    data = stream(plan, ports)
    assert data.train is not None
    return TokenStream(data.train, template, capacity=capacity)


def _texts(batch: StreamedBatch) -> list[list[int]]:
    return [list(row.input_ids) for row in batch.rows]


def _epoch(tokens: TokenStream, size: int = 2, **options: Any) -> list[list[list[int]]]:
    """Return the batches of the epoch at the position."""
    batches = []
    for batch in tokens.batches(size, **options):
        batches.append(_texts(batch))
        if tokens.take(batch):
            break
    return batches


def test_an_epoch_has_every_usable_row_once_and_the_next_one_another_order() -> None:
    tokens = _stream()

    first, second = _epoch(tokens), _epoch(tokens)

    rows = [row for batch in first for row in batch]
    assert len(rows) == USABLE
    assert len({tuple(row) for row in rows}) == USABLE
    assert first != second
    assert sorted(rows) == sorted(row for batch in second for row in batch)
    assert tokens.epoch == 2


def test_what_is_left_out_is_counted() -> None:
    tokens = _stream(dataset_shuffle=False)

    _epoch(tokens)

    found = {entry.reason: (entry.count, entry.first.row) for entry in tokens.dropped.dropped()}
    assert sum(count for count, _ in found.values()) == 200 - USABLE
    assert found["too long"] == (29 - 5, 3)


@pytest.mark.parametrize("capacity", [None, 200], ids=["rows", "packed"])
def test_processes_share_the_batches_of_one(capacity: int | None) -> None:
    alone = _epoch(_stream(capacity=capacity), size=4)
    shares = [
        _epoch(_stream(capacity=capacity), size=2, rank=rank, world_size=2) for rank in (0, 1)
    ]

    together = [first + second for first, second in zip(*shares, strict=True)]
    assert together[:-1] == alone[: len(together) - 1]
    assert len(shares[0]) == len(shares[1])


def test_long_rows_of_a_stream_become_pieces_in_their_order() -> None:
    texts = [chat("", f"{n}" * (10 + 9 * n)) for n in range(9)]

    batches = _epoch(_stream(rows=texts, template=SPLITTING, dataset_shuffle=False), size=1)

    together = [token for batch in batches for row in batch for token in row]
    encoded = [SPLITTING.encode_rows([conversation_of(row)])[0] for row in texts]
    assert together == [token for row in encoded for token in _ids(row, 23)]
    assert max(len(row) for batch in batches for row in batch) == 23


def _ids(row: object, limit: int) -> list[int]:
    assert isinstance(row, Encoded)
    ids = list(row.input_ids)
    return ids[:-1] if len(ids) > limit and len(ids) % limit == 1 else ids


def test_packed_sequences_are_full_and_hold_every_row() -> None:
    packs = _epoch(_stream(capacity=200), size=1)

    assert sum(map(len, packs)) == USABLE
    filled = [sum(map(len, rows)) for rows in packs]
    assert max(filled) <= 200
    assert sum(filled) / (200 * len(filled)) > 0.9


@pytest.mark.parametrize(
    ("capacity", "template"),
    [(None, TEMPLATE), (200, TEMPLATE), (None, SPLITTING), (60, SPLITTING)],
    ids=["rows", "packed", "split rows", "split and packed"],
)
def test_a_stream_goes_on_at_any_batch(capacity: int | None, template: ChatTemplate) -> None:
    tokens = _stream(capacity=capacity, template=template)
    batches, positions = [], []
    for batch in islice(tokens.batches(3), 2 * USABLE // 3):
        batches.append(_texts(batch))
        tokens.take(pickle.loads(pickle.dumps(batch)))
        positions.append(json.loads(json.dumps(tokens.state())))

    for done in range(1, len(batches), 5):
        later = _stream(capacity=capacity, template=template)
        later.go_to(positions[done - 1])
        rest = []
        for batch in islice(later.batches(3), len(batches) - done):
            rest.append(_texts(batch))
            later.take(batch)
            assert later.state() == positions[done + len(rest) - 1]
        assert rest == batches[done:]


def test_a_last_batch_that_is_not_full_can_be_left_out() -> None:
    sizes = [len(batch) for batch in _epoch(_stream(), size=USABLE - 1, drop_last=True)]

    assert sizes == [USABLE - 1]


def test_too_few_rows_for_a_batch_are_an_error_and_not_an_endless_search() -> None:
    few = _stream(rows=[chat("q", "a"), chat("q", "a" * 300)])

    with pytest.raises(DataError, match=r"does not fill one batch of 2 in all\. too long: 1"):
        next(few.batches(1, world_size=2))


def test_a_strict_stream_stops_at_the_first_unusable_row() -> None:
    tokens = _stream(dataset_shuffle=False, strict=True)

    with pytest.raises(DataError, match=r"rows\.jsonl, row 5"):
        _epoch(tokens)
