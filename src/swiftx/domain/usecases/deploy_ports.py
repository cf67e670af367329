"""What `deploy` needs of the world, and knows before a model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from swiftx.domain.plans.engines import ServedModel
from swiftx.domain.plans.facts import DeviceFacts, ModelFacts
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.plans.pooling import PoolingPlan
from swiftx.domain.plans.tasks import TaskVariables
from swiftx.domain.ports.engine import InferenceEngine
from swiftx.domain.ports.pooling import PoolingEngine
from swiftx.domain.ports.rows import RowSink
from swiftx.domain.ports.server import MakeServer
from swiftx.domain.ports.system import Reporter
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.serving.api import Outside
from swiftx.domain.usecases.merge_lora import MergePorts


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployPorts:
    """What serving needs of the world.

    Attributes:
        pooling: Loads a model that answers with numbers.
    """

    tokenizer: Callable[[LoadPlan], Tokenizer]
    engine: Callable[[ServedModel, Tokenizer], InferenceEngine]
    pooling: Callable[[ServedModel, PoolingPlan], PoolingEngine]
    merge: MergePorts
    server: MakeServer
    results: RowSink
    outside: Outside
    reporter: Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLimits:
    """What the service puts up with.

    Attributes:
        queue: Most answers that may wait to be begun; -1 for no limit.
        body_mb: Largest request.
        answer_s: Seconds after which an answer is given up.
        drain_s: Seconds that answers have to end when the service stops.
    """

    queue: int = 256
    body_mb: int = 16
    answer_s: float = 600.0
    drain_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployFacts:
    """What is known before a model is loaded.

    Attributes:
        origin: By argument: where its value comes from.
        today: The date that some prompts state.
        variables: What a generative reranker answers with.
    """

    model: ModelFacts
    device: DeviceFacts
    origin: Mapping[str, str]
    today: date
    limits: ServiceLimits = ServiceLimits()  # frozen
    variables: TaskVariables = field(default_factory=TaskVariables)
