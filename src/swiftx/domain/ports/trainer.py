"""Port: the training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.training import TrainOutcome, TrainPlan
from swiftx.domain.ports.batch_stream import BatchStream
from swiftx.domain.ports.tokenizer import Tokenizer


class StepObserver(Protocol):
    """Hears what the loop does; must return fast and must not raise. Only the first process speaks."""

    def started(self, *, total_steps: int, resumed_at: int) -> None: ...
    def advanced(self, step: int) -> None: ...
    def logged(self, step: int, metrics: Mapping[str, Any]) -> None: ...
    def saved(self, step: int, checkpoint: str) -> None: ...
    def finished(self, outcome: TrainOutcome) -> None: ...
    def failed(self) -> None:
        """The run ends with an error, which the caller of the loop gets."""
        ...


class Trainer(Protocol):
    """Trains a model on encoded rows and saves checkpoints.

    A checkpoint appears under its final name only when it is whole. An interrupt (SIGINT, SIGTERM)
    ends the current step, saves a checkpoint and returns an outcome with `interrupted` set.
    Resuming equals not having stopped: same losses, same order of rows.
    """

    def check(self, plan: TrainPlan) -> None:
        """Raise what `fit` would raise for the plan alone; cheap, and before a model is loaded.

        Raises:
            NotFound: `resume_from` is not a checkpoint.
            UsageError: The training library refuses the trainer arguments.
            MissingDependency: A tracker is not installed.
        """
        ...

    def fit(
        self,
        model: ModelHandle,
        tokenizer: Tokenizer,
        plan: TrainPlan,
        *,
        train: Sequence[Encoded] | BatchStream,
        validation: Sequence[Encoded],
        observer: StepObserver,
    ) -> TrainOutcome:
        """Run the plan to its end.

        Args:
            model: What is trained.
            tokenizer: Saved with a whole model.
            plan: How.
            train: Rows that can be asked for by number, or a stream, which needs `max_steps`.
            validation: Rows to evaluate on; empty for none.
            observer: Hears of each step.

        Raises:
            NotFound: `resume_from` is not a checkpoint.
            UsageError: The training library refuses the trainer arguments.
            DataError: A row of a stream cannot be read.
            BackendError: The library failed, or the loss is not finite.
            StorageError: A checkpoint or log could not be written; no partial checkpoint is left.
        """
        ...
