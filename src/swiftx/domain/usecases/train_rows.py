"""The rows of a training run: all encoded, from a cache, when they are used, or as a stream."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.datasets.pipeline import prepare
from swiftx.domain.datasets.plan import data_plan
from swiftx.domain.datasets.report import DropTally, describe
from swiftx.domain.datasets.report import summary as data_summary
from swiftx.domain.datasets.streaming import stream
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.training.batches import batch_count
from swiftx.domain.training.cached_sets import cached_sets, joined
from swiftx.domain.training.encoding import LazyRows
from swiftx.domain.training.packing import lengths_of, packing
from swiftx.domain.training.streamed import TokenStream
from swiftx.domain.training.task import row_use
from swiftx.domain.training.tokenized import (
    CachePlan,
    TokenizedData,
    TokenPorts,
    TokenSet,
    json_line,
    tokenize,
)
from swiftx.domain.usecases.train_ports import TrainFacts, TrainPorts
from swiftx.errors import DataError, NotBuiltYet

VALIDATION_FILE = "val_dataset.jsonl"


@dataclass(frozen=True, slots=True)
class TrainRows:
    """Rows ready for training, with what to say of them.

    Attributes:
        questions: The validation rows before they became tokens, where the model is to answer them.
    """

    train: Sequence[Encoded] | TokenStream
    validation: Sequence[Encoded]
    packs: Sequence[Sequence[int]] | None = None
    statistics: Mapping[str, Any] = field(default_factory=dict)
    questions: Sequence[StandardRow] = ()


def template_of_run(args: TrainingArgs, tokenizer: Tokenizer, facts: TrainFacts) -> ChatTemplate:
    """Return what makes tokens of the rows."""
    plan = template_plan(args, origin=facts.origin, today=facts.today)
    return ChatTemplate(plan, tokenizer, agent=facts.agent)


def rows_of_run(
    args: TrainingArgs, template: ChatTemplate, ports: TrainPorts, facts: TrainFacts
) -> TrainRows:
    """Return the rows of a run, and say what became of them.

    Raises:
        DataError: No usable row, or none of whose tokens would be trained.
        NotFound, UsageError, StorageError: From the data sets.
    """
    plan = data_plan(args, use_hf=args.use_hf, random_response=facts.random_response)
    _refuse_tokens_as_questions(args)
    if args.streaming:
        return _streamed(args, plan, template, ports)
    rows = (_lazy if args.lazy_tokenize else _tokenized)(args, plan, template, ports, facts)
    assert not isinstance(rows.train, TokenStream)
    _refuse_too_few(len(rows.train) if rows.packs is None else len(rows.packs), args, facts)
    return rows


def _lazy(
    args: TrainingArgs,
    plan: DataPlan,
    template: ChatTemplate,
    ports: TrainPorts,
    facts: TrainFacts,
) -> TrainRows:
    """Return rows that are encoded when they are used."""
    data = prepare(plan, ports.tokens.data)
    ports.reporter.table("Data", data_summary(data.report))
    if not plan.val_dataset:
        _keep_held(args, map(json_line, data.validation), ports, facts)
    return TrainRows(
        train=LazyRows(data.train, template, use=row_use(args), strict=args.strict),
        validation=LazyRows(data.validation, template, use=row_use(args), strict=args.strict),
        statistics={"train_dataset": f"{len(data.train)} rows, tokenized when needed"},
        questions=data.validation if args.predict_with_generate else (),
    )


def _streamed(
    args: TrainingArgs, plan: DataPlan, template: ChatTemplate, ports: TrainPorts
) -> TrainRows:
    """Return training rows that are read, encoded and packed while they are used; the others as ever."""
    train = stream(plan, ports.tokens.data).train
    if train is None:
        raise DataError("there is no training data to stream", hint="see --dataset")
    validation = None
    if plan.val_dataset:
        held = _validation_only(plan)
        validation = tokenize(held, template, ports.tokens, cache=None).validation
    statistics = {"train_dataset": "a stream, tokenized when needed"}
    if validation is not None:
        _tell("val", validation.table, validation, ports)
        statistics["val_dataset"] = validation.summary
    return TrainRows(
        train=TokenStream(
            train,
            template,
            strict=args.strict,
            capacity=args.packing_length if args.packing else None,
        ),
        validation=() if validation is None else validation.rows,
        statistics=statistics,
        questions=_questions(args, plan, ports),
    )


def _tokenized(
    args: TrainingArgs,
    plan: DataPlan,
    template: ChatTemplate,
    ports: TrainPorts,
    facts: TrainFacts,
) -> TrainRows:
    """Return all rows encoded; with --packing, training rows in sequences of so many tokens."""
    sets, data = token_sets(args, plan, template, ports.tokens, _cache(args, ports, facts))
    questions: Sequence[StandardRow] = ()
    if data is not None:
        _keep_held(args, data.held(), ports, facts)
        questions = _questions(args, plan, ports, held=data.held)
    train = joined([each.train for each in sets if each.train is not None])
    validation = joined([each.validation for each in sets if each.validation is not None])
    table, text = dict(train.table), train.summary
    packed = None
    if args.packing and args.packing_length is not None:
        packed = packing(lengths_of(train.rows), args.packing_length)
        table |= packed.table()
        text += f", in {len(packed.bins)} packs, {packed.fill:.2%} full"
    statistics = {"train_dataset": text}
    _tell("train", table, train, ports)
    if len(validation.rows):
        _tell("val", validation.table, validation, ports)
        statistics["val_dataset"] = validation.summary
    return TrainRows(
        train=train.rows,
        validation=validation.rows,
        packs=None if packed is None else packed.bins,
        statistics=statistics,
        questions=questions,
    )


def _questions(
    args: TrainingArgs,
    plan: DataPlan,
    ports: TrainPorts,
    *,
    held: Callable[[], Iterator[str]] = lambda: iter(()),
) -> Sequence[StandardRow]:
    """Return the validation rows as they are, where the model is to answer them.

    Args:
        held: Yields the rows that were split off, as JSON.
    """
    if not args.predict_with_generate:
        return ()
    if plan.val_dataset:
        return prepare(_validation_only(plan), ports.tokens.data).validation
    return [json.loads(line) for line in held()]


def _validation_only(plan: DataPlan) -> DataPlan:
    return replace(plan, dataset=(), interleave_prob=None)


def _refuse_tokens_as_questions(args: TrainingArgs) -> None:
    if args.predict_with_generate and args.cached_dataset:
        raise NotBuiltYet(
            "--predict_with_generate with --cached_dataset is not built yet: these data sets hold tokens, "
            "and no text to compare answers with",
            hint="name the data with --dataset; its tokens are cached as well",
        )


def token_sets(
    args: TrainingArgs,
    plan: DataPlan,
    template: ChatTemplate,
    ports: TokenPorts,
    cache: CachePlan | None,
) -> tuple[list[TokenizedData], TokenizedData | None]:
    """Return the cached data sets and those of the plan as tokens; and the latter once more, if any."""
    sets = cached_sets(args.cached_dataset, template, ports.encoded, use=row_use(args))
    for path, cached in zip(args.cached_dataset, sets, strict=True):
        ports.reporter.table(f"Data ({path})", cached.table)
    if not (plan.dataset or plan.val_dataset):
        return sets, None
    data = tokenize(plan, template, ports, cache=cache, use=row_use(args))
    return [*sets, data], data


def _cache(args: TrainingArgs, ports: TrainPorts, facts: TrainFacts) -> CachePlan | None:
    if args.load_from_cache_file and facts.cache is None:
        ports.reporter.say(
            "prepared data are not cached: plugins take part, and a change of them would go unnoticed"
        )
    return facts.cache if args.load_from_cache_file else None


def _keep_held(
    args: TrainingArgs, lines: Iterator[str], ports: TrainPorts, facts: TrainFacts
) -> None:
    """Write the rows that were split off for validation beside the run; no file when there are none."""
    first = next(lines, None)
    if first is not None and facts.rank == 0:
        path = f"{args.output_dir}/{VALIDATION_FILE}"
        ports.storage.write_lines(path, itertools.chain([first], lines))


def tell_dropped(tally: DropTally, ports: TrainPorts) -> None:
    """Say which rows of the stream were left out, each time that they came."""
    for dropped in tally.dropped():
        ports.reporter.warn(
            f"the stream left rows out, in every epoch again: {dropped.reason}: {describe(dropped)}"
        )


def _tell(name: str, table: Mapping[str, str], tokens: TokenSet, ports: TrainPorts) -> None:
    ports.reporter.table(f"Tokens ({name})", table)
    for warning in tokens.warnings:
        ports.reporter.warn(warning)


def _refuse_too_few(rows: int, args: TrainingArgs, facts: TrainFacts) -> None:
    """Refuse data that make no batch."""
    size = args.per_device_train_batch_size
    shares = facts.world_size // args.sequence_parallel_size
    if batch_count(rows, size, world_size=shares, drop_last=args.dataloader_drop_last):
        return
    full = " full" if args.dataloader_drop_last else ""
    packed = "packs of rows" if args.packing else "rows"
    raise DataError(
        f"{rows} {packed} make no{full} batch of {size} for each of {shares} "
        f"{'groups of processes' if args.sequence_parallel_size > 1 else 'processes'}",
        source=", ".join((*args.cached_dataset, *args.dataset)),
        hint="give more rows, start fewer processes, or lower --per_device_train_batch_size"
        + (" or --packing_length" if args.packing else ""),
    )
