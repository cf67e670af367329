"""Ports: a training step without weights."""

from __future__ import annotations

from typing import Protocol

from swiftx.domain.plans.loading import LoadPlan, ModelHandle
from swiftx.domain.plans.memory import BatchShape, StepMemory
from swiftx.domain.plans.training import TrainPlan


class SkeletonLoader(Protocol):
    """Builds models of their configuration alone."""

    def skeleton(self, plan: LoadPlan) -> ModelHandle:
        """Return the model of the plan's folder, with shapes and types but without numbers.

        Raises:
            BackendError: The library refused; the message says which setting.
        """
        ...


class Rehearsal(Protocol):
    """Goes through the motions of training, and computes nothing."""

    def measure(self, model: ModelHandle, plan: TrainPlan, batch: BatchShape) -> StepMemory:
        """Return what a step of the plan holds at most.

        Args:
            model: A skeleton, with what is to be trained.
            plan: How it is trained.
            batch: What it is trained on.

        Raises:
            BackendError: The model cannot be run without numbers.
        """
        ...
