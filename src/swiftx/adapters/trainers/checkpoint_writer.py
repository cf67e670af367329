"""Everything that goes into one checkpoint, and what follows when it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerState, TrainingArguments
from transformers.utils import logging

from swiftx.adapters.models.adapter_files import has_adapter, save_adapter
from swiftx.adapters.tokenizers.huggingface import HuggingFaceTokenizer
from swiftx.adapters.trainers.checkpoints import CheckpointFolder, translated, write_json
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.ports.trainer import StepObserver
from swiftx.domain.training.checkpoints import STATE_FILE


class CheckpointWriter:
    """Writes the checkpoints of a run.

    Args:
        plan: Says what else goes into a checkpoint, and which ones stay.
        tokenizer: Saved with a whole model, so that the checkpoint is one that can be loaded, and with
            an adapter when it has new tokens, so that a merged model has them.
        leads: Whether this process is the one that writes.
        observer: Hears of each checkpoint.
    """

    def __init__(
        self, plan: TrainPlan, tokenizer: Tokenizer, *, leads: bool, observer: StepObserver
    ) -> None:
        self._plan = plan
        self._tokenizer = tokenizer
        self._leads = leads
        self._observer = observer
        self._folder = CheckpointFolder(plan.output_dir)
        self._best: Path | None = None
        self.saved_step: int | None = None
        self.last_checkpoint: str | None = None

    def recover(self) -> None:
        """Clear away what a killed run left."""
        if self._leads:
            self._folder.recover()

    @contextmanager
    def writing(self, step: int, *, barrier: Callable[[], None]) -> Iterator[str]:
        """Yield the folder to write into; at the end the checkpoint gets its name.

        Args:
            step: Optimiser steps done.
            barrier: Waits for the other processes, which write into the same folder.

        Raises:
            StorageError: Something could not be written; nothing of the checkpoint is left.
        """
        staging = self._folder.open(step) if self._leads else self._folder.staging(step)
        barrier()
        try:
            with translated(self._folder.path(step)):
                yield str(staging)
            barrier()
            if self._leads:
                self._publish(step)
        except BaseException:
            if self._leads:
                self._folder.abandon(step)
            raise
        barrier()
        self.saved_step = step

    def write(
        self,
        model: nn.Module,
        arguments: TrainingArguments,
        state: TrainerState,
        staging: str,
        weights: dict[str, Tensor] | None = None,
    ) -> None:
        """Write weights (the model's own where none are given), arguments and state into the folder.

        A process that does not write only learns which checkpoint is the best: all load it together.
        """
        self._note_best(state)
        if not self._leads:
            return
        folder = Path(staging)
        if has_adapter(model):
            save_adapter(model, folder)
        else:
            with _without_bar():
                model.save_pretrained(staging, state_dict=weights)
        wanted = not has_adapter(model) or bool(self._plan.args_json.get("new_special_tokens"))
        if wanted and isinstance(self._tokenizer, HuggingFaceTokenizer):
            self._tokenizer.raw.save_pretrained(staging)
        torch.save(arguments, folder / "training_args.bin")
        write_json(folder / "args.json", self._plan.args_json)
        write_json(folder / "additional_config.json", self._plan.additional_config)
        state.save_to_json(str(folder / STATE_FILE))

    def _note_best(self, state: TrainerState) -> None:
        self._best = self._best_of(state)
        if self._best is not None:
            state.best_model_checkpoint = str(self._best)

    def _best_of(self, state: TrainerState) -> Path | None:
        """Return the best checkpoint so far: this one, or an earlier one that is still there."""
        if state.best_global_step:
            path = self._folder.path(state.best_global_step)
            if state.best_global_step == state.global_step or path.is_dir():
                return path
        known = state.best_model_checkpoint
        return Path(known) if known else None

    def _publish(self, step: int) -> None:
        final = self._folder.commit(step)
        ours = self._best if self._best is not None and self._best.parent == final.parent else None
        if self._plan.create_checkpoint_symlink:
            self._folder.link("last", final)
            if ours is not None:
                self._folder.link("best", ours)
        self._folder.rotate(self._limit(), keep=[] if ours is None else [ours])
        self.last_checkpoint = str(final)
        self._observer.saved(step, str(final))

    def _limit(self) -> int | None:
        limit: Any = self._plan.trainer_arguments.get("save_total_limit")
        return None if limit is None else int(limit)


@contextmanager
def _without_bar() -> Iterator[None]:
    """Keep transformers from drawing a progress bar of its own into ours."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
