"""Registries of one test: what it registers is gone afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from swiftx.domain.agents import registry as agents
from swiftx.domain.datasets.registry import REGISTRY
from swiftx.domain.loss_scales import registry as loss_scales
from swiftx.domain.models import registry as models
from swiftx.domain.naming import Names
from swiftx.domain.templates import registry as templates
from swiftx.domain.training.extensions import CALLBACKS, LOSSES, METRICS, OPTIMIZERS
from swiftx.domain.tuning.registry import TUNERS


def keep_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that is registered until the end of the test go into copies."""
    known: tuple[Names[Any], ...] = (
        agents.TEMPLATES,
        loss_scales.SCALES,
        models.TYPES,
        templates.TEMPLATES,
        LOSSES,
        METRICS,
        OPTIMIZERS,
        CALLBACKS,
        TUNERS,
    )
    for owner, table in (*((names, "_things") for names in known), (REGISTRY, "_by_key")):
        monkeypatch.setattr(owner, table, dict(getattr(owner, table)))
