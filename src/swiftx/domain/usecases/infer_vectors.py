"""`swiftx infer` with a model that answers with numbers: a classifier, an embedding, a reranker, a reward."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.args.paths import named_adapter
from swiftx.domain.inference.judging import Judging, ask_and_judge
from swiftx.domain.plans.pooling import PoolingTask
from swiftx.domain.usecases.infer_ports import InferFacts, InferOutcome, InferPorts
from swiftx.domain.usecases.loaded_pooling import loaded_pooling
from swiftx.domain.usecases.merge_lora import merged_by_one
from swiftx.errors import ArgError, UsageError


def check_metric(args: InferArgs, task: PoolingTask) -> None:
    """Refuse a metric that says nothing of the task.

    Raises:
        UsageError: It is for texts, or for classes and there are none.
    """
    classes = task == "seq_cls" and args.problem_type != "regression"
    if args.metric is None or (args.metric == "acc" and classes):
        return
    message = f"metric: {args.metric} says nothing of --task_type {task}."
    hint = "Leave it out; classes can be scored with acc."
    raise UsageError([ArgError("metric", message, hint)])


def loaded_judging(
    args: InferArgs, ports: InferPorts, facts: InferFacts, task: PoolingTask
) -> Judging:
    """Load the model and return what judges rows with it.

    Raises:
        UsageError, NotFound, BackendError: As `infer`.
    """
    model = facts.model
    assert model is not None  # no service answers with numbers yet
    adapters = tuple(named_adapter(text).place for text in args.adapters)
    if args.merge_lora:
        folder = merged_by_one(args, ports.merge, ports.group, model=model, origin=facts.origin)
        model, adapters = replace(model, folder=folder), ()
    loaded = loaded_pooling(
        args,
        facts,
        task,
        model=model,
        adapters=adapters,
        tokenizer=ports.tokenizer,
        pooling=ports.pooling,
        world_size=facts.world_size,
    )
    return Judging(loaded.engine, loaded.template, loaded.meaning)


def judge_lines(
    args: InferArgs, ports: InferPorts, facts: InferFacts, task: PoolingTask
) -> InferOutcome:
    """Judge what is typed; nothing is kept."""
    judging = loaded_judging(args, ports, facts, task)
    started = ports.clock.now()
    pairs = task in ("reranker", "generative_reranker")
    count = ask_and_judge(judging, ports.terminal, pairs=pairs)
    seconds = (ports.clock.now() - started).total_seconds()
    return InferOutcome("", samples=count, seconds=seconds)
