"""Weights & Biases as a tracker: transformers' callback, with the command line and its secrets kept here."""

from __future__ import annotations

import os
from typing import Any

from transformers.integrations import WandbCallback

from swiftx.errors import BackendError, MissingDependency

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # it sends reports to its makers otherwise
try:
    import wandb
except ImportError as error:
    raise MissingDependency("wandb", extra="wandb") from error


class Wandb(WandbCallback):
    """Begins the run before transformers would begin one, and ends it with the training."""

    def setup(self, args: Any, state: Any, model: Any, **options: Any) -> None:
        """Begin the run, then let transformers note the model's and the trainer's values."""
        if state.is_world_process_zero and wandb.run is None:
            _begin(args.run_name)
        super().setup(args, state, model, **options)

    def on_train_end(self, *given: Any, **options: Any) -> None:
        super().on_train_end(*given, **options)
        if wandb.run is not None:
            wandb.finish()


def _begin(name: str | None) -> None:
    # Its metadata would hold the command line, where a token may stand.
    settings = wandb.Settings(x_disable_meta=True)
    try:
        wandb.init(
            project=os.environ.get("WANDB_PROJECT", "huggingface"), name=name, settings=settings
        )
    except wandb.errors.Error as error:
        raise BackendError(
            f"Weights & Biases did not begin the run: {error}",
            hint="run `wandb login`, or keep it here with WANDB_MODE=offline",
        ) from error
