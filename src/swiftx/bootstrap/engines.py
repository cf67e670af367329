"""Which engine answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from swiftx.bootstrap.libraries import extra, quiet_libraries
from swiftx.bootstrap.sources import fetch_weights
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.inference.debugging import TellingEngine
from swiftx.domain.inference.scheduling import Limits
from swiftx.domain.plans.engines import ServedModel, ServicePlan
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.plans.pooling import PoolingPlan
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.errors import NotBuiltYet
from swiftx.settings import load_settings

if TYPE_CHECKING:
    from swiftx.domain.ports.engine import InferenceEngine
    from swiftx.domain.ports.pooling import PoolingEngine


def make_engine(
    args: Any,
    model: ServedModel,
    tokenizer: Tokenizer,
    *,
    slots: int = -1,
    debug: Callable[[str], None] | None = None,
) -> InferenceEngine:
    """Return the engine of `--infer_backend`, with the model loaded.

    Args:
        args: Resolved arguments of `infer`, or of a command that has them all.
        model: What answers.
        tokenizer: The model's own.
        slots: Answers that `pt` makes at once; -1 for any number.
        debug: Hears the tokens of prompts and answers when SWIFT_DEBUG is set.

    Raises:
        MissingDependency: The library of the engine is not installed.
        UsageError: The engine cannot do what is asked.
        NotFound, BackendError: The model cannot be loaded.
    """
    quiet_libraries()
    fetch_weights(args)
    engine = _engine(args, model, tokenizer, slots)
    if debug is not None and load_settings().debug:
        return TellingEngine(engine, tokenizer, debug)
    return engine


def make_pooling(args: Any, model: ServedModel, plan: PoolingPlan) -> PoolingEngine:
    """Return the engine of a model that answers with numbers, loaded.

    Raises:
        MissingDependency: The libraries of models are not installed.
        NotFound, BackendError: It cannot be loaded.
    """
    quiet_libraries()
    fetch_weights(args)
    with extra("train"):
        from swiftx.adapters.engines.pooling import TransformersPooling
        from swiftx.adapters.models.transformers import TransformersLoader

        loaded = TransformersLoader().load(model.loading)
        return TransformersPooling(make_tuner().load(loaded.model, model.adapters), plan)


def make_service(plan: ServicePlan) -> InferenceEngine:
    """Return the engine that asks a service.

    Raises:
        MissingDependency: The library that asks is not installed.
        UsageError: The service refuses the key, or does not have the model.
        BackendError: It cannot be reached.
    """
    with extra("openai"):
        from swiftx.adapters.engines import openai

    return openai.connect(plan)


def make_tokenizer(plan: LoadPlan) -> Tokenizer:
    """Return the tokenizer of a model.

    Raises:
        MissingDependency: The libraries of models are not installed.
        NotFound, BackendError: It cannot be loaded.
    """
    with extra("train"):
        from swiftx.adapters.models.transformers import TransformersLoader

    return TransformersLoader().tokenizer(plan)


def _engine(args: Any, model: ServedModel, tokenizer: Tokenizer, slots: int) -> InferenceEngine:
    match args.infer_backend:
        case "pt":
            return _transformers(model, tokenizer, slots)
        case "vllm":
            return _vllm(args, model, tokenizer)
        case other:
            raise NotBuiltYet(f"Answering with {other} is not built yet.")


def _transformers(model: ServedModel, tokenizer: Tokenizer, slots: int) -> InferenceEngine:
    with extra("train"):
        from swiftx.adapters.batching.named import refuse_unservable
        from swiftx.adapters.engines.transformers import TransformersEngine
        from swiftx.adapters.models.transformers import TransformersLoader

        refuse_unservable(model.named_adapters, model.adapters)
        loaded = TransformersLoader().load(model.loading)
        tuned = make_tuner().load(loaded.model, model.adapters)
        return TransformersEngine(
            tuned,
            tokenizer,
            max_model_len=model.max_model_len,
            adapters=model.named_adapters,
            limits=Limits(slots=slots),
        )


def _vllm(args: Any, model: ServedModel, tokenizer: Tokenizer) -> InferenceEngine:
    from swiftx.domain.inference.engine_options import vllm_plan

    with extra("vllm"):
        from swiftx.adapters.engines import vllm

    return vllm.start(vllm_plan(args, model), tokenizer)
