"""What `swiftx sft` and `swiftx pt` need of the world, and know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from swiftx.domain.chat.tool_calling import AgentTemplate
from swiftx.domain.plans.facts import DeviceFacts, ModelFacts
from swiftx.domain.plans.tasks import TaskVariables
from swiftx.domain.ports.model import ModelLoader
from swiftx.domain.ports.system import Reporter, Storage
from swiftx.domain.ports.trainer import StepObserver, Trainer
from swiftx.domain.ports.tuner import Tuner
from swiftx.domain.training.tokenized import (
    CachePlan,
    TokenPorts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPorts:
    """What training needs of the world."""

    tokens: TokenPorts
    storage: Storage
    loader: ModelLoader
    tuner: Tuner
    trainer: Trainer
    observer: StepObserver
    reporter: Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFacts:
    """What is known before training.

    Attributes:
        origin: By argument: where its value comes from (`cli`, `default`, `rule:…`).
        args_json: What args.json is to hold.
        today: The date that some prompts state.
        rank: Number of this process; 0 talks and writes.
        agent: How tools are written; None refuses rows that use tools.
        random_response: Where a row has several responses, draw one.
        cache: Where tokens are cached; None with plugins.
        variables: What the environment says of the losses of embeddings and rerankers.
    """

    model: ModelFacts
    device: DeviceFacts
    origin: Mapping[str, str]
    args_json: Mapping[str, Any]
    today: date
    rank: int = 0
    world_size: int = 1
    agent: AgentTemplate | None = None
    random_response: bool = True
    cache: CachePlan | None = None
    variables: TaskVariables = field(default_factory=TaskVariables)
