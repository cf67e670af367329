"""`swiftx deploy` of a model that answers with numbers: a classifier, an embedding, a reranker."""

from __future__ import annotations

from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.inference.pooling import meaning_of, pooling_plan
from swiftx.domain.models.loading import load_plan
from swiftx.domain.models.quantization import quantization_plan
from swiftx.domain.plans.engines import ServedModel
from swiftx.domain.plans.pooling import PoolingTask
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.vector_work import PooledModel
from swiftx.domain.serving.vectors import VectorService
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.usecases.deploy_ports import DeployFacts, DeployPorts


def loaded_vectors(
    args: DeployArgs, ports: DeployPorts, facts: DeployFacts, *, task: PoolingTask, name: str
) -> tuple[VectorService, Gate]:
    """Load the model and return what answers with it.

    Args:
        args: Resolved arguments, whose adapters have no names.
        ports: The world.
        facts: The model and the machine.
        task: What the model was trained for.
        name: Of the model, for clients.

    Raises:
        UsageError, NotFound, BackendError: As `deploy`.
    """
    model, adapters = facts.model, tuple(args.adapters)
    loading = load_plan(
        args,
        model,
        facts.device,
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
    engine = PooledModel(ports.pooling(served, plan), max_model_len=plan.max_model_len)
    gate = Gate(facts.limits.queue, ports.outside.now)
    meaning = meaning_of(args, task, model)
    return VectorService(engine, template, meaning, name=name, gate=gate), gate
