"""`swiftx infer`: a chat, or a data set to a file of results."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.args.paths import named_adapter
from swiftx.domain.inference.answering import Answering, RowAnswering
from swiftx.domain.inference.asking import ServiceAsker, TemplateAsker
from swiftx.domain.inference.conversing import ChatLog, converse
from swiftx.domain.inference.plan import generation_plan, service_generation_plan
from swiftx.domain.inference.support import answering_support, judging_support
from swiftx.domain.models.loading import load_plan
from swiftx.domain.models.quantization import quantization_plan
from swiftx.domain.plans.engines import ServedModel, ServicePlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.training.task import pooling_task
from swiftx.domain.usecases.infer_ports import InferFacts, InferOutcome, InferPorts
from swiftx.domain.usecases.infer_rows import answer_rows, rows_to_answer
from swiftx.domain.usecases.infer_vectors import check_metric, judge_lines, loaded_judging
from swiftx.domain.usecases.merge_lora import merged_by_one
from swiftx.errors import ArgError, NotBuiltYet, UsageError

_MOST_AT_ONCE = 256
"""Requests to a service, where the user sets no limit."""


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
    task = None if args.base_url is not None else pooling_task(args.task_type)
    support = (
        answering_support(args.infer_backend, elsewhere=args.base_url is not None)
        if task is None
        else judging_support()
    )
    support.refuse_unbuilt(args, facts.origin, doing="answering")
    _refuse(args, facts)
    _check_counts(args)
    if task is not None:
        check_metric(args, task)
    idle = support.ineffective(args, facts.origin)
    if idle:
        names = ", ".join(f"--{name}" for name in idle)
        ports.reporter.warn(f"Without effect here: {names}.")
    if not args.dataset and not args.val_dataset:
        return _chat(args, ports, facts) if task is None else judge_lines(args, ports, facts, task)
    rows = rows_to_answer(args, ports, facts)
    outcome = InferOutcome(_result_path(args))

    def load() -> RowAnswering:
        if task is not None:
            return loaded_judging(args, ports, facts, task)
        return _prepared(args, ports, facts)

    return answer_rows(args, ports, rows, outcome=outcome, load=load)


def _refuse(args: InferArgs, facts: InferFacts) -> None:
    if facts.model is not None and facts.model.is_multimodal:
        raise NotBuiltYet(
            f"{facts.model.folder!r} is a multimodal model, and answering with those is not built yet.",
            hint="Name a text model.",
        )
    if facts.world_size == 1:
        return
    what = {
        "with a service": args.base_url is not None,
        f"with {args.infer_backend}": args.infer_backend != "pt",
        "a chat": not (args.dataset or args.val_dataset),
    }
    refused = [name for name, asked in what.items() if asked]
    if refused:
        raise NotBuiltYet(
            f"{facts.world_size} processes answer data sets with pt only, not {', '.join(refused)}.",
            hint="Unset NPROC_PER_NODE; one process keeps these busy.",
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
        folder = merged_by_one(args, ports.merge, ports.group, model=model, origin=facts.origin)
        model, adapters = replace(model, folder=folder), ()
    loading = load_plan(
        args,
        model,
        facts.device,
        world_size=facts.world_size,
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
