"""`swiftx infer` with a model that answers with numbers: a classifier, an embedding, a reranker, a reward."""

from __future__ import annotations

from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.args.paths import named_adapter
from swiftx.domain.inference.judging import Judging, ask_and_judge
from swiftx.domain.inference.pooling import meaning_of, pooling_plan
from swiftx.domain.models.loading import load_plan
from swiftx.domain.models.quantization import quantization_plan
from swiftx.domain.plans.engines import ServedModel
from swiftx.domain.plans.pooling import PoolingTask
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.usecases.infer_ports import InferFacts, InferOutcome, InferPorts
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
    loading = load_plan(
        args,
        model,
        facts.device,
        world_size=facts.world_size,
        trust_remote_code=args.trust_remote_code,
        new_head_seed=args.seed if adapters else None,  # the adapters hold the head
        quantization=quantization_plan(args, model, facts.device),
    )
    tokenizer = ports.tokenizer(loading)
    template = ChatTemplate(template_plan(args, origin=facts.origin, today=facts.today), tokenizer)
    plan = pooling_plan(
        args, task, model=model, tokenizer=tokenizer, variables=facts.variables, origin=facts.origin
    )
    served = ServedModel(loading=loading, adapters=adapters, max_model_len=plan.max_model_len)
    return Judging(ports.pooling(served, plan), template, meaning_of(args, task, model))


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
