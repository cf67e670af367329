"""What `infer` needs of the world and knows of it, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.plans.engines import ServedModel, ServicePlan
from swiftx.domain.plans.facts import DeviceFacts, ModelFacts
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.plans.pooling import PoolingPlan
from swiftx.domain.plans.tasks import TaskVariables
from swiftx.domain.ports.engine import InferenceEngine
from swiftx.domain.ports.group import ProcessGroup
from swiftx.domain.ports.pooling import PoolingEngine
from swiftx.domain.ports.rows import RowSink
from swiftx.domain.ports.system import Clock, Reporter
from swiftx.domain.ports.terminal import Terminal
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.usecases.merge_lora import MergePorts, Progress

MakeEngine = Callable[[ServedModel, Tokenizer], InferenceEngine]
"""Loads a model and makes the engine that answers with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferPorts:
    """What answering needs of the world.

    Attributes:
        pooling: Loads a model that answers with numbers.
        service: Makes the engine that asks a service.
        merge: Makes the ports that merging needs.
    """

    data: DataPorts
    group: ProcessGroup
    tokenizer: Callable[[LoadPlan], Tokenizer]
    engine: MakeEngine
    pooling: Callable[[ServedModel, PoolingPlan], PoolingEngine]
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
        variables: What a generative reranker answers with.
    """

    model: ModelFacts | None
    device: DeviceFacts
    origin: Mapping[str, str]
    today: date
    world_size: int = 1
    random_response: bool = True
    variables: TaskVariables = field(default_factory=TaskVariables)


@dataclass(slots=True)
class InferOutcome:
    """What was answered.

    Attributes:
        samples: Questions that this attempt answered, those that failed included.
        failed: Rows of the run that have no answer.
        metrics: Scores of the rows of the run that have a label.
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
