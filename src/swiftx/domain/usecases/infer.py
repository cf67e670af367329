"""`swiftx infer`: a chat, or a data set to a file of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.args.paths import named_adapter
from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.datasets.pipeline import PreparedRows, prepare
from swiftx.domain.datasets.plan import data_plan
from swiftx.domain.datasets.report import summary as data_summary
from swiftx.domain.datasets.sampling import sampled
from swiftx.domain.inference.answering import Answer, Answering
from swiftx.domain.inference.asking import ServiceAsker, TemplateAsker
from swiftx.domain.inference.batching import batches
from swiftx.domain.inference.conversing import ChatLog, converse
from swiftx.domain.inference.metrics import evaluate
from swiftx.domain.inference.plan import generation_plan, service_generation_plan
from swiftx.domain.inference.results import ResultRow, question_of
from swiftx.domain.inference.support import answering_support
from swiftx.domain.models.loading import load_plan
from swiftx.domain.models.quantization import quantization_plan
from swiftx.domain.plans.engines import ServedModel, ServicePlan
from swiftx.domain.plans.facts import DeviceFacts, ModelFacts
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.ports.engine import InferenceEngine
from swiftx.domain.ports.rows import RowSink
from swiftx.domain.ports.system import Clock, Reporter
from swiftx.domain.ports.terminal import Terminal
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.usecases.merge_lora import MergePorts, Progress, merged_for_use
from swiftx.errors import ArgError, DataError, NotBuiltYet, SwiftxError, UsageError

_MOST_AT_ONCE = 256
"""Requests to a service, where the user sets no limit."""

MakeEngine = Callable[[ServedModel, Tokenizer], InferenceEngine]
"""Loads a model and makes the engine that answers with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferPorts:
    """What answering needs of the world.

    Attributes:
        service: Makes the engine that asks a service.
        merge: Makes the ports that merging needs.
    """

    data: DataPorts
    tokenizer: Callable[[LoadPlan], Tokenizer]
    engine: MakeEngine
    service: Callable[[ServicePlan], InferenceEngine]
    merge: Callable[[], MergePorts]
    results: RowSink
    terminal: Terminal
    clock: Clock
    reporter: Reporter
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class InferFacts:
    """What is known before a model is loaded.

    Attributes:
        model: None where a service answers.
        origin: By argument: where its value comes from (`cli`, `default`, `rule:…`).
        today: The date that some prompts state.
        random_response: Where a row has several responses, draw one as its label.
    """

    model: ModelFacts | None
    device: DeviceFacts
    origin: Mapping[str, str]
    today: date
    world_size: int = 1
    random_response: bool = True


@dataclass(slots=True)
class InferOutcome:
    """What was answered.

    Attributes:
        samples: Questions, those that failed included.
        metrics: Scores of the rows of this run that have a label.
    """

    result_path: str
    samples: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        """Return the outcome as the rows of a table."""
        seconds = max(self.seconds, 1e-9)
        failed = {"rows that failed": self.failed} if self.failed else {}
        return {
            "results": self.result_path,
            "num_samples": self.samples,
            **failed,
            "num_prompt_tokens": self.prompt_tokens,
            "num_generated_tokens": self.generated_tokens,
            "runtime (s)": round(self.seconds, 2),
            "samples/s": round(self.samples / seconds, 3),
            "tokens/s": round(self.generated_tokens / seconds, 2),
            **{name: round(value, 4) for name, value in self.metrics.items()},
        }


def infer(args: InferArgs, ports: InferPorts, facts: InferFacts) -> InferOutcome:
    """Answer; whatever can go wrong cheaply goes wrong before the weights are loaded.

    Args:
        args: Resolved arguments.
        ports: The world.
        facts: The model, the machine, and where the arguments come from.

    Returns:
        What was answered.

    Raises:
        NotBuiltYet: Something that was asked for does not exist yet.
        UsageError: Arguments that exclude each other.
        NotFound: A data set or an adapter is not there.
        DataError: No usable row, or not one that could be answered.
        StorageError: The results cannot be written.
        BackendError: A library failed.
    """
    support = answering_support(args.infer_backend, elsewhere=args.base_url is not None)
    support.refuse_unbuilt(args, facts.origin, doing="answering")
    _refuse(facts)
    _check_counts(args)
    idle = support.ineffective(args, facts.origin)
    if idle:
        names = ", ".join(f"--{name}" for name in idle)
        ports.reporter.warn(f"Without effect here: {names}.")
    if not args.dataset and not args.val_dataset:
        return _chat(args, ports, facts)
    rows = _rows(args, ports, facts)
    ports.results.open(_result_path(args))
    try:
        return _answer_rows(args, ports, facts, rows)
    finally:
        ports.results.close()


def _refuse(facts: InferFacts) -> None:
    if facts.model is not None and facts.model.is_multimodal:
        raise NotBuiltYet(
            f"{facts.model.folder!r} is a multimodal model, and answering with those is not built yet.",
            hint="Name a text model.",
        )
    if facts.world_size > 1:
        raise NotBuiltYet(
            f"Answering with {facts.world_size} processes is not built yet.",
            hint="Unset NPROC_PER_NODE; --max_batch_size answers several rows at once.",
        )


def _check_counts(args: InferArgs) -> None:
    counts = {
        "max_batch_size": (args.max_batch_size, "It is 1 or more, or -1 for no limit."),
        "write_batch_size": (args.write_batch_size, "It is 1 or more, or -1 for no limit."),
        "val_dataset_sample": (args.val_dataset_sample, "It is 1 or more."),
    }
    errors = [
        ArgError(name, f"{name}: {count} is out of range.", hint)
        for name, (count, hint) in counts.items()
        if count is not None and count < 1 and not (count == -1 and "-1" in hint)
    ]
    if errors:
        raise UsageError(errors)


def _result_path(args: InferArgs) -> str:
    return args.result_path or "result/infer_result.jsonl"


def _prepared(args: InferArgs, ports: InferPorts, facts: InferFacts) -> Answering:
    """Load the model and return what answers with it."""
    model = facts.model
    if model is None:
        return _asking_a_service(args, ports, facts)
    adapters = tuple(named_adapter(text).place for text in args.adapters)
    if args.merge_lora:
        folder = merged_for_use(args, ports.merge(), model=model, origin=facts.origin)
        model, adapters = replace(model, folder=folder), ()
    loading = load_plan(
        args,
        model,
        facts.device,
        trust_remote_code=args.trust_remote_code,
        quantization=quantization_plan(args, model, facts.device),
    )
    tokenizer = ports.tokenizer(loading)
    template = ChatTemplate(template_plan(args, origin=facts.origin, today=facts.today), tokenizer)
    plan = generation_plan(
        args,
        model.generation_config,
        tokenizer,
        stop_ids=template.stops.ids,
        end_words=template.stops.words,
        seed=args.seed,
    )
    served = ServedModel(
        loading=loading,
        adapters=adapters,
        max_model_len=args.max_model_len or model.max_model_len,
        seed=args.seed,
    )
    return Answering(ports.engine(served, tokenizer), TemplateAsker(template, plan))


def _asking_a_service(args: InferArgs, ports: InferPorts, facts: InferFacts) -> Answering:
    """Return what answers with a service; the default of one row at a time is for engines of this process."""
    rows = args.max_batch_size
    plan = ServicePlan(
        base_url=str(args.base_url),
        api_key=args.api_key,
        model=args.model,
        at_once=_MOST_AT_ONCE if rows < 0 else rows if _given("max_batch_size", facts) else 32,
    )
    generation = service_generation_plan(args, seed=args.seed if _given("seed", facts) else None)
    return Answering(ports.service(plan), ServiceAsker(generation, args.system))


def _given(name: str, facts: InferFacts) -> bool:
    return facts.origin.get(name, "default") != "default"


def _chat(args: InferArgs, ports: InferPorts, facts: InferFacts) -> InferOutcome:
    answering = _prepared(args, ports, facts)
    started = ports.clock.now()
    path = _result_path(args)
    log = ChatLog(ports.results, path)
    try:
        converse(answering, ports.terminal, log, stream=args.stream is not False)
    finally:
        ports.results.close()
        answering.close()
    if log.answers:
        ports.reporter.say(f"The conversation is in {path}")
    return InferOutcome(
        path,
        samples=log.answers,
        seconds=(ports.clock.now() - started).total_seconds(),
    )


def _rows(args: InferArgs, ports: InferPorts, facts: InferFacts) -> PreparedRows:
    """Return the rows to answer: the validation rows, or those of `dataset` when nothing is split off."""
    plan = data_plan(args, use_hf=args.use_hf, random_response=facts.random_response)
    data = prepare(plan, ports.data)
    ports.reporter.table("Data", data_summary(data.report))
    rows = data.validation if len(data.validation) else data.train
    if args.val_dataset_sample is None:
        return rows
    draws = ports.data.shuffler.draws(args.data_seed) if args.dataset_shuffle else None
    return rows.select(sampled(len(rows), args.val_dataset_sample, draws=draws))


def _answer_rows(
    args: InferArgs, ports: InferPorts, facts: InferFacts, rows: PreparedRows
) -> InferOutcome:
    answering = _prepared(args, ports, facts)
    run = _Run(args, ports, InferOutcome(_result_path(args)))
    started = ports.clock.now()
    try:
        for answer in _answers(args, ports, answering, rows):
            run.take(answer)
            if not args.stream:  # the answers themselves show how far it is
                ports.progress(run.outcome.samples, len(rows))
    finally:
        run.flush()
        run.outcome.seconds = (ports.clock.now() - started).total_seconds()
        answering.close()
    run.score()
    ports.reporter.table("Answered", run.outcome.table())
    if run.first_error is not None and run.outcome.failed == run.outcome.samples:
        raise DataError(
            f"Not one of {run.outcome.samples} rows could be answered; the first: {run.first_error}",
            hint=run.first_error.hint,
        ) from run.first_error
    return run.outcome


def _answers(
    args: InferArgs, ports: InferPorts, answering: Answering, rows: Iterable[StandardRow]
) -> Iterator[Answer]:
    """Yield the answers in order, streamed one by one or in batches."""
    questions = map(question_of, rows)
    if args.stream:
        for number, question in enumerate(questions):
            yield answering.streamed(question, ports.terminal, number=number)
        return
    number = 0
    # The other engines make batches of their own, of all that they are given.
    here = args.infer_backend == "pt" and args.base_url is None
    for batch in batches(questions, args.max_batch_size if here else args.write_batch_size):
        yield from answering.batch(batch, range(number, number + len(batch)))
        number += len(batch)


class _Run:
    """Collects answers: writes their rows, counts, and remembers what is scored."""

    def __init__(self, args: InferArgs, ports: InferPorts, outcome: InferOutcome) -> None:
        self.outcome = outcome
        self.first_error: SwiftxError | None = None
        self._args = args
        self._ports = ports
        self._pending: list[ResultRow] = []
        self._pairs: list[tuple[str, str]] = []

    def take(self, answer: Answer) -> None:
        """Count an answer and write it, perhaps with later ones.

        Raises:
            SwiftxError: The row failed, and the run is strict.
        """
        self.outcome.samples += 1
        self.outcome.prompt_tokens += answer.prompt_tokens
        self.outcome.generated_tokens += answer.generated_tokens
        self._pending.append(answer.row)
        if answer.error is not None:
            self._fail(answer.error)
        elif self._args.metric and answer.row["labels"] is not None:
            self._pairs.append((answer.row["response"], str(answer.row["labels"])))
        if 0 < self._args.write_batch_size <= len(self._pending):
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        rows, self._pending = self._pending, []
        if rows:
            self._ports.results.write(rows)

    def score(self) -> None:
        metric = self._args.metric
        if metric is None:
            return
        if self._pairs:
            self.outcome.metrics = evaluate(metric, self._pairs)
        else:
            self._ports.reporter.warn(f"No row has a label, so there is no {metric}.")

    def _fail(self, error: SwiftxError) -> None:
        if self._args.strict:
            raise error
        if self.first_error is None:
            self.first_error = error
            self._ports.reporter.warn(
                f"Row {self.outcome.samples - 1} failed and is recorded with its error: {error.message}"
            )
        self.outcome.failed += 1
