"""`swiftx deploy` of a model that answers with numbers: a classifier, an embedding, a reranker."""

from __future__ import annotations

from dataclasses import replace

from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.plans.pooling import PoolingTask
from swiftx.domain.serving.limits import Gate
from swiftx.domain.serving.pooled_model import PooledModel
from swiftx.domain.serving.vectors import VectorService
from swiftx.domain.usecases.deploy_ports import DeployFacts, DeployPorts
from swiftx.domain.usecases.loaded_pooling import loaded_pooling
from swiftx.domain.usecases.merge_lora import merged_for_use


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
    if args.merge_lora:
        folder = merged_for_use(args, ports.merge, model=model, origin=facts.origin)
        model, adapters = replace(model, folder=folder), ()
    loaded = loaded_pooling(
        args,
        facts,
        task,
        model=model,
        adapters=adapters,
        tokenizer=ports.tokenizer,
        pooling=ports.pooling,
    )
    engine = PooledModel(
        loaded.engine,
        max_model_len=loaded.max_model_len,
        max_batch_size=loaded.max_batch_size,
    )
    gate = Gate(facts.limits.queue, ports.outside.now)
    service = VectorService(engine, loaded.template, loaded.meaning, name=name, gate=gate)
    return service, gate
