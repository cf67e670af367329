"""Optimisers of other libraries: whether they are here, and the modes that some have."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.training.optimisers import LIBRARIES
from swiftx.errors import MissingDependency


def require_optimiser(plan: TrainPlan) -> None:
    """Raise `MissingDependency` when the library of the plan's `optim` is absent."""
    values = plan.trainer_arguments
    name = "adafactor" if values.get("adafactor") else str(values.get("optim"))
    library = LIBRARIES.get(name)
    if library is not None and find_spec(library) is None:
        raise MissingDependency(
            library, extra="optimisers", reason=f"--optim {name} needs {library!r}."
        )


def optimiser_mode(optimizer: Any, mode: str) -> None:
    """Switch an optimiser that has modes (the schedule-free ones) before weights are looked at."""
    if hasattr(optimizer, mode):
        getattr(optimizer, mode)()
