"""A model that answers with numbers, loaded: a classifier, an embedding, a reranker, a reward model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swiftx.domain.args.commands.deploy import DeployArgs
from swiftx.domain.args.commands.infer import InferArgs
from swiftx.domain.inference.pooling import meaning_of, pooling_plan
from swiftx.domain.inference.scores import Meaning
from swiftx.domain.models.loading import load_plan
from swiftx.domain.models.quantization import quantization_plan
from swiftx.domain.plans.engines import ServedModel
from swiftx.domain.plans.facts import ModelFacts
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.plans.pooling import PoolingPlan, PoolingTask
from swiftx.domain.ports.pooling import PoolingEngine
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.templates.plan import template_plan
from swiftx.domain.usecases.deploy_ports import DeployFacts
from swiftx.domain.usecases.infer_ports import InferFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPooling:
    """A loaded model, how it is asked, and what its numbers mean.

    Attributes:
        max_model_len: Most tokens that it takes; None is no limit.
        max_batch_size: Sequences at once; -1 is no limit.
    """

    engine: PoolingEngine
    template: ChatTemplate
    meaning: Meaning
    max_model_len: int | None
    max_batch_size: int


def loaded_pooling(
    args: InferArgs | DeployArgs,
    facts: InferFacts | DeployFacts,
    task: PoolingTask,
    *,
    model: ModelFacts,
    adapters: Sequence[str],
    tokenizer: Callable[[LoadPlan], Tokenizer],
    pooling: Callable[[ServedModel, PoolingPlan], PoolingEngine],
    world_size: int = 1,
) -> LoadedPooling:
    """Load a model that answers with numbers.

    Args:
        args: Resolved arguments.
        facts: The machine, and where the arguments come from.
        task: What the model was trained for.
        model: What its folder says; of the merged model where adapters were merged.
        adapters: Folders of those that were not.
        tokenizer: Loads the tokenizer.
        pooling: Loads the model.
        world_size: Processes of the run.

    Raises:
        UsageError: An answer of a generative reranker is not a token.
        NotFound, BackendError: The model or an adapter cannot be loaded.
    """
    loading = load_plan(
        args,
        model,
        facts.device,
        world_size=world_size,
        trust_remote_code=args.trust_remote_code,
        new_head_seed=args.seed if adapters else None,  # the adapters hold the head
        quantization=quantization_plan(args, model, facts.device),
    )
    words = tokenizer(loading)
    template = ChatTemplate(template_plan(args, origin=facts.origin, today=facts.today), words)
    plan = pooling_plan(
        args, task, model=model, tokenizer=words, variables=facts.variables, origin=facts.origin
    )
    served = ServedModel(
        loading=loading, adapters=tuple(adapters), max_model_len=plan.max_model_len
    )
    return LoadedPooling(
        engine=pooling(served, plan),
        template=template,
        meaning=meaning_of(args, task, model),
        max_model_len=plan.max_model_len,
        max_batch_size=plan.max_batch_size,
    )
