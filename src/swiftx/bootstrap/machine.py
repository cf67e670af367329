"""What a run may know of this machine and of what is registered."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from swiftx.domain.ports.system import Devices
from swiftx.errors import StorageError

if TYPE_CHECKING:
    from swiftx.domain.plans.tasks import TaskVariables
    from swiftx.settings import Settings


def registered_names() -> Mapping[str, frozenset[str]]:
    """Return the names that arguments may have, by argument."""
    from swiftx.domain.agents import registry as agents
    from swiftx.domain.loss_scales import registry as loss_scales
    from swiftx.domain.models import registry as models
    from swiftx.domain.templates import registry as templates

    return {
        **_trained_by_name(),
        "model_type": frozenset(models.names()),
        "template": frozenset(templates.names()),
        "loss_scale": frozenset(loss_scales.names()),
        "agent_template": frozenset(agents.names()),
    }


def _trained_by_name() -> Mapping[str, frozenset[str]]:
    """Return the names of what trains, that of plugins included."""
    from swiftx.domain.plans.tuner_names import BUILT_IN_TUNERS
    from swiftx.domain.training.extensions import (
        BUILT_IN_OPTIMIZERS,
        LOSSES,
        METRICS,
        OPTIMIZERS,
    )
    from swiftx.domain.training.task import BUILT_IN_LOSSES, BUILT_IN_METRICS
    from swiftx.domain.tuning.registry import TUNERS

    return {
        "loss_type": BUILT_IN_LOSSES | set(LOSSES.names()),
        "metric": BUILT_IN_METRICS | set(METRICS.names()),
        "optimizer": BUILT_IN_OPTIMIZERS | set(OPTIMIZERS.names()),
        "train_type": BUILT_IN_TUNERS | set(TUNERS.names()),
    }


def task_variables() -> TaskVariables:
    """Return what the environment says of the losses of embeddings and rerankers."""
    from swiftx.domain.plans.tasks import TaskVariables
    from swiftx.settings import load_task_settings

    return TaskVariables(**load_task_settings().model_dump())


def default_systems() -> Mapping[str, str | None]:
    from swiftx.domain.templates import registry as templates

    return {name: templates.get(name).default_system for name in templates.names()}


def devices(explain_device: str | None) -> Devices:
    from swiftx.adapters.system.devices import DescribedDevices, LocalDevices

    return LocalDevices() if explain_device is None else DescribedDevices(explain_device)


def working_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise StorageError(
            "The current folder does not exist any more.", hint="Change to another folder."
        ) from error


def settings() -> Settings:
    from swiftx.settings import load_settings

    return load_settings()


def random_response() -> bool:
    """Return whether a row with several responses gets one by chance (a variable of the reference)."""
    return os.environ.get("RANDOM_DATASET_RESPONSE", "true").lower() not in {"0", "false", "no"}
