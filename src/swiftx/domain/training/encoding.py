"""Rows through the template: token ids to train on, and a report of what became of the rows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import NamedTuple, overload

from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.datasets.pipeline import PreparedRows
from swiftx.domain.datasets.report import describe
from swiftx.domain.datasets.row_encoding import TOO_LONG, UNUSABLE, said
from swiftx.domain.datasets.sequences import (
    ANSWERS,
    Purpose,
    RowConversations,
    RowUse,
    conversations_of,
    trains_tokens,
)
from swiftx.domain.datasets.statistics import Counts, RowStatistics
from swiftx.domain.datasets.survey import Survey
from swiftx.domain.plans.encoded import Encoded, EncodedBlock
from swiftx.domain.ports.encoded import RowWriter
from swiftx.domain.ports.workers import Workers
from swiftx.domain.templates.chat_template import ChatTemplate, Outcome
from swiftx.domain.templates.forms import plain_turns
from swiftx.domain.templates.truncation import TooLong
from swiftx.domain.training.row_parts import joined, sequences_of
from swiftx.errors import DataError

_AT_ONCE = 512
_TRIES = 10


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows ready for training."""

    rows: Sequence[Encoded]
    report: RowStatistics


def encode_rows(
    rows: PreparedRows,
    template: ChatTemplate,
    *,
    use: RowUse = ANSWERS,
    strict: bool = False,
    writer: RowWriter | None = None,
    workers: Workers | None = None,
) -> EncodedRows:
    """Return every row as token ids; those that cannot be used are left out and counted.

    A row that is split becomes several.

    Args:
        rows: What the data sets hold.
        template: Turns conversations into token ids.
        use: What the rows are for.
        strict: Raise at the first row that is left out.
        writer: Where encoded rows go; None keeps them in memory.
        workers: Share the work; None: this process does it.

    Raises:
        DataError: No row is left, no token of them would be trained, or (strict) a row is unusable.
        StorageError: The encoded rows cannot be written.
        BackendError: A worker was killed.
    """
    kept: list[Encoded] = []
    counts = Counts()
    encoder = RowEncoder(rows, template, use)
    for batch in _batches(encoder, strict=strict, workers=workers):
        if batch.refused is not None:
            origin = rows.origin(batch.refused.number)
            raise DataError(batch.refused.detail, source=origin.source, row=origin.row)
        counts.extend(batch.counts)
        if writer is None:
            kept += batch.rows
        else:
            writer.add(batch.rows)
    report = counts.statistics()
    _refuse_nothing(report, encoder)
    return EncodedRows(kept if writer is None else writer.finish(), report)


class _Refused(NamedTuple):
    """The first row that cannot be used, where every row must be."""

    number: int
    detail: str


class _Batch(NamedTuple):
    """What became of some rows."""

    rows: Sequence[Encoded]
    counts: Counts
    refused: _Refused | None = None


def _batches(encoder: RowEncoder, *, strict: bool, workers: Workers | None) -> Iterator[_Batch]:
    encode = partial(_batch, encoder, strict)
    count = len(encoder.rows)
    spans = [range(start, min(start + _AT_ONCE, count)) for start in range(0, count, _AT_ONCE)]
    if workers is None:
        yield from map(encode, spans)
        return
    # What a tokenizer decides at its first texts is decided here, once for all workers.
    yield from map(encode, spans[:1])
    yield from workers.map(encode, spans[1:])


def _batch(encoder: RowEncoder, strict: bool, span: range) -> _Batch:
    survey = Survey.of(encoder.template)
    origin = encoder.rows.origin
    read = encoder.read(span)
    if read.block is not None and survey.add_block(read.rows, read.block):
        return _Batch(read.block, survey.counts)
    rows: list[StandardRow] = []
    encoded: list[Sequence[Encoded]] = []
    for index, row, outcome in encoder.outcomes(read):
        if isinstance(outcome, Encoded):
            rows.append(row)
            encoded.append(encoder.template.pieces(outcome))
        elif strict:
            return _Batch([], survey.counts, _Refused(index, said(outcome)))
        else:
            reason = TOO_LONG if isinstance(outcome, TooLong) else UNUSABLE
            survey.drop(reason, origin(index), said(outcome))
    survey.add_all(rows, encoded, sequences=_sequences, origin=origin)
    return _Batch(list(chain.from_iterable(encoded)), survey.counts)


def _sequences(row: Encoded) -> Iterator[Encoded]:
    return (sequence for _, sequence in sequences_of(row))


class RowEncoder:
    """Rows of data sets with what makes tokens of them.

    Args:
        rows: What the data sets hold.
        template: Turns conversations into token ids.
        use: What the rows are for.
    """

    def __init__(self, rows: PreparedRows, template: ChatTemplate, use: RowUse) -> None:
        self.rows = rows
        self.template = template
        self.use = use

    def read(self, span: range) -> ReadRows:
        """Return rows with what became of the plain ones; these go through the tokenizer at once."""
        rows = list(map(self.rows.__getitem__, span))
        is_plain = self.use.purpose is Purpose.ANSWER
        plain = list(map(plain_turns, rows)) if is_plain else [None] * len(rows)
        return ReadRows(span, rows, self.template.encode_turns(plain, span))

    def outcomes(self, read: ReadRows) -> Iterator[tuple[int, StandardRow, Outcome]]:
        """Yield what becomes of each row; those that are left go through the tokenizer at once."""
        span, rows, quick = read
        left = [index for index, outcome in zip(span, quick, strict=True) if outcome is None]
        rendered = self._rendered(left, [rows[index - span.start] for index in left])
        for index, row, outcome in zip(span, rows, quick, strict=True):
            yield index, row, next(rendered) if outcome is None else outcome

    def _rendered(self, indices: Sequence[int], rows: Sequence[StandardRow]) -> Iterator[Outcome]:
        read = [self._read(row) for row in rows]
        encoded = iter(
            self.template.encode_arrays(
                [
                    conversation
                    for each in read
                    if not isinstance(each, DataError)
                    for conversation in each.conversations.all
                ]
            )
        )
        for index, row, each in zip(indices, rows, read, strict=True):
            if isinstance(each, DataError):
                yield each
            else:
                parts = list(islice(encoded, len(each.conversations.all)))
                yield self._whole(index, row, each, parts)

    def _read(self, row: StandardRow) -> _Read | DataError:
        try:
            return _Read(conversations_of(row, self.use.purpose), self.use.target(row))
        except DataError as error:
            return error

    def _whole(
        self, index: int, row: StandardRow, read: _Read, parts: Sequence[Outcome]
    ) -> Outcome:
        """Return the row; it can be used when all of its sequences can be."""
        usable: list[Encoded] = []
        for part in parts:
            if not isinstance(part, Encoded):
                return part
            usable.append(part)
        whole = usable[0]
        if read.conversations.sides:
            sides = ("main", *(side for side, _ in read.conversations.sides))
            whole = joined(list(zip(sides, usable, strict=True)))
        trained = trains_tokens(self.use.purpose)
        channel = row.get("channel")
        return Encoded(
            input_ids=whole.input_ids,
            labels=whole.labels if trained else (),
            loss_weights=whole.loss_weights if trained else None,
            row=index,
            channel=None if channel is None else str(channel),
            cut=whole.cut,
            parts=whole.parts,
            target=read.target,
        )


class ReadRows(NamedTuple):
    """Rows, and what became of them already; None for one that is left."""

    span: range
    rows: list[StandardRow]
    quick: EncodedBlock | list[Encoded | TooLong | None]

    @property
    def block(self) -> EncodedBlock | None:
        """All rows at once, where none needs more than that."""
        return self.quick if isinstance(self.quick, EncodedBlock) else None


class _Read(NamedTuple):
    """A row before it becomes tokens."""

    conversations: RowConversations
    target: tuple[float, ...] | None


class LazyRows(Sequence[Encoded]):
    """Rows that are encoded when they are asked for.

    A row that cannot be used is replaced by another one; which one depends on its index only.

    Args:
        rows: What the data sets hold.
        template: Turns conversations into token ids.
        use: What the rows are for.
        strict: Raise instead of replacing.
    """

    def __init__(
        self,
        rows: PreparedRows,
        template: ChatTemplate,
        *,
        use: RowUse = ANSWERS,
        strict: bool = False,
    ) -> None:
        self._rows = rows
        self._encoder = RowEncoder(rows, template, use)
        self._strict = strict

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Encoded: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Encoded]: ...
    def __getitem__(self, index: int | slice) -> Encoded | Sequence[Encoded]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index < 0 or index >= len(self):
            raise IndexError(index)
        return self._encoded(index)

    def _encoded(self, index: int) -> Encoded:
        first = ""
        draws = random.Random(index)
        chosen = index
        for _ in range(1 if self._strict else _TRIES):
            ((_, _, outcome),) = self._encoder.outcomes(
                self._encoder.read(range(chosen, chosen + 1))
            )
            if isinstance(outcome, Encoded):
                return outcome
            first = first or said(outcome)
            chosen = draws.randrange(len(self))
        origin = self._rows.origin(index)
        raise DataError(
            f"{first}{'' if self._strict else f', and so were {_TRIES - 1} others tried instead'}",
            source=origin.source,
            row=origin.row,
        )


def _refuse_nothing(report: RowStatistics, encoder: RowEncoder) -> None:
    rows = encoder.rows
    if report.kept and (report.trained or not trains_tokens(encoder.use.purpose)):
        return
    sources = ", ".join(dict.fromkeys(rows.origin(index).source for index in range(len(rows))))
    if report.kept:
        raise DataError(
            f"none of the {report.tokens:,} tokens of its {report.kept:,} rows would be trained",
            source=sources,
            hint="rows need an answer of the assistant; see --loss_scale, and `swiftx preview`",
        )
    if not report.dropped:
        raise DataError("there is no row", source=sources or None, hint="see --dataset")
    reasons = "; ".join(f"{entry.reason}: {describe(entry)}" for entry in report.dropped)
    raise DataError(
        f"not one of its {len(rows):,} rows can be used. {reasons}",
        source=sources,
        hint="raise --max_length, or cut long rows with --truncation_strategy right"
        if all(entry.reason == TOO_LONG for entry in report.dropped)
        else "`swiftx preview` shows what becomes of each row",
    )
