"""Losses, metrics, optimisers and callbacks that plugins registered, by name."""

from __future__ import annotations

from swiftx.domain.naming import Names
from swiftx.domain.plans.extending import (
    CallbackPlugin,
    LossPlugin,
    MetricPlugin,
    OptimizerPlugin,
)

LOSSES: Names[LossPlugin] = Names("loss", ())
METRICS: Names[MetricPlugin] = Names("metric", ())
OPTIMIZERS: Names[OptimizerPlugin] = Names("optimizer", ())
BUILT_IN_OPTIMIZERS = frozenset({"galore", "lorap", "muon", "multimodal"})
"""Names that `--optimizer` has of its own; rules choose them."""

CALLBACKS: Names[CallbackPlugin] = Names("callback", ())
