"""`swiftx sft` and `swiftx pt`: from arguments to checkpoints."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from swiftx.domain.args.groups.training import TrainingArgs
from swiftx.domain.chat.tool_calling import AgentTemplate
from swiftx.domain.datasets.pipeline import prepare
from swiftx.domain.datasets.plan import data_plan
from swiftx.domain.datasets.report import DropTally, describe
from swiftx.domain.datasets.report import summary as data_summary
from swiftx.domain.datasets.streaming import stream
from swiftx.domain.models.loading import load_plan
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.facts import DeviceFacts, ModelFacts
from swiftx.domain.plans.loading import LoadPlan, ModelHandle
from swiftx.domain.plans.tasks import TaskVariables
from swiftx.domain.plans.training import TrainOutcome
from swiftx.domain.plans.tuning import FullPlan, LoraPlan, PeftPlan, TunerPlan
from swiftx.domain.ports.model import ModelLoader
from swiftx.domain.ports.system import Reporter, Storage
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.ports.trainer import StepObserver, Trainer
from swiftx.domain.ports.tuner import Tuner
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.training.batches import batch_count
from swiftx.domain.training.cached_sets import cached_sets, joined
from swiftx.domain.training.encoding import LazyRows
from swiftx.domain.training.packing import lengths_of, packing
from swiftx.domain.training.plan import resumed_checkpoint, train_plan
from swiftx.domain.training.streamed import TokenStream
from swiftx.domain.training.summary import next_command, summary
from swiftx.domain.training.support import ineffective, refuse_unbuilt
from swiftx.domain.training.task import row_use, task_plan
from swiftx.domain.training.tokenized import (
    CachePlan,
    TokenPorts,
    TokenSet,
    json_line,
    tokenize,
)
from swiftx.domain.tuning.plan import tuner_plan
from swiftx.errors import ArgError, DataError, NotBuiltYet, UsageError

ARGS_FILE = "args.json"
VALIDATION_FILE = "val_dataset.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPorts:
    """What training needs of the world."""

    tokens: TokenPorts
    storage: Storage
    loader: ModelLoader
    tuner: Tuner
    trainer: Trainer
    observer: StepObserver
    reporter: Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFacts:
    """What is known before training.

    Attributes:
        origin: By argument: where its value comes from (`cli`, `default`, `rule:…`).
        args_json: What args.json is to hold.
        today: The date that some prompts state.
        rank: Number of this process; 0 talks and writes.
        agent: How tools are written; None refuses rows that use tools.
        random_response: Where a row has several responses, draw one.
        cache: Where tokens are cached; None with plugins.
        variables: What the environment says of the losses of embeddings and rerankers.
    """

    model: ModelFacts
    device: DeviceFacts
    origin: Mapping[str, str]
    args_json: Mapping[str, Any]
    today: date
    rank: int = 0
    world_size: int = 1
    agent: AgentTemplate | None = None
    random_response: bool = True
    cache: CachePlan | None = None
    variables: TaskVariables = field(default_factory=TaskVariables)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows ready for training, with what to say of them."""

    train: Sequence[Encoded] | TokenStream
    validation: Sequence[Encoded]
    packs: Sequence[Sequence[int]] | None = None
    statistics: Mapping[str, Any] = field(default_factory=dict)


def train(args: TrainingArgs, ports: TrainPorts, facts: TrainFacts) -> TrainOutcome:
    """Train and report; whatever can go wrong cheaply goes wrong before the weights are loaded.

    Args:
        args: Resolved arguments of `sft` or `pt`.
        ports: The world.
        facts: The model, the machine, and where the arguments come from.

    Returns:
        What the run came to; `interrupted` when the user stopped it after a checkpoint.

    Raises:
        NotBuiltYet: Something that was asked for does not exist yet.
        UsageError: Arguments that exclude each other, or that PEFT or the trainer refuses.
        NotFound: A data set, the checkpoint to resume from, or an adapter is not there.
        DataError: No usable row, or none of whose tokens would be trained.
        StorageError: The output folder cannot be written, or the disk is full.
        BackendError: A library failed, or the loss is not finite.
    """
    refuse_unbuilt(args, facts.origin)
    _refuse_model(facts.model)
    _refuse_even_use_of_experts(args, facts.model)
    tuning = tuner_plan(args)
    _refuse_untrained_head(args, tuning)
    if args.streaming and args.task_type != "causal_lm":
        raise NotBuiltYet(
            f"--streaming true with --task_type {args.task_type} is not built yet",
            hint="leave --streaming out",
        )
    resume_from = resumed_checkpoint(args.resume_from_checkpoint, ports.storage)
    _claim_folder(args, ports, facts)
    _say_what_changes_nothing(args, ports, facts)
    loading = load_plan(
        args,
        facts.model,
        facts.device,
        world_size=facts.world_size,
        trust_remote_code=args.trust_remote_code,
        new_head_seed=args.seed,
    )
    tokenizer = ports.loader.tokenizer(loading)
    task = task_plan(args, tokenizer, facts.variables)
    rows = _rows(args, tokenizer, ports, facts)
    plan = train_plan(
        args,
        device=facts.device.kind,
        args_json=facts.args_json,
        pad_token_id=_padding(tokenizer),
        resume_from=resume_from,
        has_validation=len(rows.validation) > 0,
        packs=rows.packs,
        task=task,
        statistics=rows.statistics,
    )
    ports.trainer.check(plan)
    model, tokenizer = _tuned(args, tuning, loading, ports, rows.train, resume_from=resume_from)
    outcome = ports.trainer.fit(
        model,
        tokenizer,
        plan,
        train=rows.train,
        validation=rows.validation,
        observer=ports.observer,
    )
    if isinstance(rows.train, TokenStream):
        _tell_dropped(rows.train.dropped, ports)
    _report(outcome, tuning, ports, facts, talks=task is None)
    return outcome


def _refuse_model(model: ModelFacts) -> None:
    if model.is_multimodal:
        raise NotBuiltYet(
            f"{model.folder!r} is a multimodal model, and training those is not built yet",
            hint="name a text model",
        )
    if model.quantization is not None:
        raise NotBuiltYet(
            f"{model.folder!r} is quantised ({model.quantization}); training such models is not built yet",
            hint="name the model that it was made from",
        )


def _refuse_even_use_of_experts(args: TrainingArgs, model: ModelFacts) -> None:
    if args.router_aux_loss_coef and not model.is_moe:
        raise UsageError(
            [
                ArgError(
                    "router_aux_loss_coef",
                    f"router_aux_loss_coef: {model.folder!r} is no mixture of experts.",
                    "Leave --router_aux_loss_coef out.",
                )
            ]
        )


def _refuse_untrained_head(args: TrainingArgs, plan: TunerPlan) -> None:
    """Refuse adapters of our own with a head: it would be neither trained nor saved."""
    if args.task_type in ("seq_cls", "reranker") and not isinstance(plan, FullPlan | PeftPlan):
        raise NotBuiltYet(
            f"--train_type {args.train_type} does not train the head of --task_type {args.task_type} yet",
            hint="use lora or full",
        )


def _claim_folder(args: TrainingArgs, ports: TrainPorts, facts: TrainFacts) -> None:
    """Write args.json, which also proves that the folder can be written."""
    if facts.rank == 0:
        text = json.dumps(facts.args_json, indent=2, ensure_ascii=False)
        ports.storage.write_text(f"{args.output_dir}/{ARGS_FILE}", f"{text}\n")


def _say_what_changes_nothing(args: TrainingArgs, ports: TrainPorts, facts: TrainFacts) -> None:
    idle = ineffective(args, facts.origin)
    if idle:
        ports.reporter.warn(
            f"without effect in this run: {', '.join(f'--{name}' for name in idle)}"
        )
    narrower = facts.model.dtype in {"bfloat16", "float16"} and args.torch_dtype == "float32"
    if facts.device.kind == "cpu" and narrower:
        ports.reporter.say(
            f"The weights are {facts.model.dtype}; this CPU trains in float32, which it computes faster."
        )


def _rows(args: TrainingArgs, tokenizer: Tokenizer, ports: TrainPorts, facts: TrainFacts) -> _Rows:
    plan = data_plan(args, use_hf=args.use_hf, random_response=facts.random_response)
    template = ChatTemplate(
        template_plan(args, origin=facts.origin, today=facts.today), tokenizer, agent=facts.agent
    )
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
) -> _Rows:
    """Return rows that are encoded when they are used."""
    data = prepare(plan, ports.tokens.data)
    ports.reporter.table("Data", data_summary(data.report))
    if not plan.val_dataset:
        _keep_held(args, map(json_line, data.validation), ports, facts)
    return _Rows(
        train=LazyRows(data.train, template, use=row_use(args), strict=args.strict),
        validation=LazyRows(data.validation, template, use=row_use(args), strict=args.strict),
        statistics={"train_dataset": f"{len(data.train)} rows, tokenized when needed"},
    )


def _streamed(
    args: TrainingArgs, plan: DataPlan, template: ChatTemplate, ports: TrainPorts
) -> _Rows:
    """Return training rows that are read, encoded and packed while they are used; the others as ever."""
    train = stream(plan, ports.tokens.data).train
    if train is None:
        raise DataError("there is no training data to stream", hint="see --dataset")
    validation = None
    if plan.val_dataset:
        held = replace(plan, dataset=(), interleave_prob=None)
        validation = tokenize(held, template, ports.tokens, cache=None).validation
    statistics = {"train_dataset": "a stream, tokenized when needed"}
    if validation is not None:
        _tell("val", validation.table, validation, ports)
        statistics["val_dataset"] = validation.summary
    return _Rows(
        train=TokenStream(
            train,
            template,
            strict=args.strict,
            capacity=args.packing_length if args.packing else None,
        ),
        validation=() if validation is None else validation.rows,
        statistics=statistics,
    )


def _tokenized(
    args: TrainingArgs,
    plan: DataPlan,
    template: ChatTemplate,
    ports: TrainPorts,
    facts: TrainFacts,
) -> _Rows:
    """Return all rows encoded; with --packing, training rows in sequences of so many tokens."""
    sets = cached_sets(args.cached_dataset, template, ports.tokens.encoded, use=row_use(args))
    for path, cached in zip(args.cached_dataset, sets, strict=True):
        ports.reporter.table(f"Data ({path})", cached.table)
    if plan.dataset or plan.val_dataset:
        data = tokenize(
            plan,
            template,
            ports.tokens,
            cache=_cache(args, ports, facts),
            use=row_use(args),
        )
        _keep_held(args, data.held(), ports, facts)
        sets.append(data)
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
    return _Rows(
        train=train.rows,
        validation=validation.rows,
        packs=None if packed is None else packed.bins,
        statistics=statistics,
    )


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


def _tell_dropped(tally: DropTally, ports: TrainPorts) -> None:
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
    if batch_count(rows, size, world_size=facts.world_size, drop_last=args.dataloader_drop_last):
        return
    full = " full" if args.dataloader_drop_last else ""
    packed = "packs of rows" if args.packing else "rows"
    raise DataError(
        f"{rows} {packed} make no{full} batch of {size} for each of {facts.world_size} processes",
        source=", ".join((*args.cached_dataset, *args.dataset)),
        hint="give more rows, start fewer processes, or lower --per_device_train_batch_size"
        + (" or --packing_length" if args.packing else ""),
    )


def _tuned(
    args: TrainingArgs,
    plan: TunerPlan,
    loading: LoadPlan,
    ports: TrainPorts,
    rows: Sequence[Encoded] | TokenStream,
    *,
    resume_from: str | None,
) -> tuple[ModelHandle, Tokenizer]:
    """Return the model with what is to be trained, and its tokenizer.

    `--adapters` are where training starts; with `--resume_only_model` the resumed adapter is. The weights
    of a run that is resumed whole are the trainer's business.
    """
    only_model = args.resume_only_model and resume_from is not None
    adapters = (str(resume_from),) if only_model else args.adapters
    model, tokenizer = ports.loader.load(loading)
    if adapters and not isinstance(plan, FullPlan):
        return ports.tuner.load(model, adapters, trainable=True), tokenizer
    return ports.tuner.attach(model, plan, _samples(plan, rows)), tokenizer


def _samples(plan: TunerPlan, rows: Sequence[Encoded] | TokenStream) -> list[Encoded]:
    """Return the rows that the initialisation looks at: the first ones, which are in random order."""
    sampled = plan.sampled if isinstance(plan, LoraPlan) else None
    count = 0 if sampled is None else sampled.batch_size * sampled.batches
    if isinstance(rows, TokenStream):  # they are trained on as well: the stream stays where it is
        streamed = (row for batch in rows.batches(1) for row in batch.rows)
        return list(itertools.islice(streamed, count))
    return [rows[index] for index in range(min(count, len(rows)))]


def _report(
    outcome: TrainOutcome, plan: TunerPlan, ports: TrainPorts, facts: TrainFacts, *, talks: bool
) -> None:
    if facts.rank != 0:
        return
    ports.reporter.table("Stopped" if outcome.interrupted else "Trained", summary(outcome))
    if outcome.interrupted:
        ports.reporter.say(
            f"Go on with the same command and\n  --resume_from_checkpoint {outcome.last_checkpoint}"
        )
        return
    command = next_command(outcome, is_adapter=not isinstance(plan, FullPlan), talks=talks)
    if command is not None:
        ports.reporter.say(f"{'Talk to it' if talks else 'Use it'}:\n  {command}")


def _padding(tokenizer: Tokenizer) -> int:
    """Return what fills up short rows; any token will do, for it is masked."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return token
    return 0
