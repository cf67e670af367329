"""Tuners that plugins registered, by name."""

from __future__ import annotations

from swiftx.domain.naming import Names
from swiftx.domain.plans.extending import TunerPlugin

TUNERS: Names[TunerPlugin] = Names("tuner", ())
