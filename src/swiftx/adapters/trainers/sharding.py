"""The training loop's side of weights that are spread over the processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import Trainer
from transformers.trainer import SCHEDULER_NAME

from swiftx.adapters.models.adapter_files import has_adapter, load_adapter
from swiftx.adapters.models.quantized import size_of
from swiftx.adapters.trainers import deepspeed, fsdp
from swiftx.adapters.trainers.objectives import Batch
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.training.deepspeed import zero_stage


class Turn(NamedTuple):
    """A batch, and whether it counts; one that does not keeps this process in step with the others."""

    batch: Batch
    counts: bool


class ShardedTrainer(Trainer):
    """What the base of the loop does otherwise where DeepSpeed or FSDP runs it."""

    _plan: TrainPlan

    @property
    def sharded(self) -> bool:
        """Whether a forward pass needs all processes, because each has a part of the weights only."""
        return spreads_weights(self._plan)

    @property
    def evaluated(self) -> nn.Module:
        """Return the model to evaluate: the bare one, unless its weights have to be gathered."""
        return self.model_wrapped if self.sharded else self.model

    def create_accelerator_and_postprocess(self) -> None:
        super().create_accelerator_and_postprocess()
        if self._plan.fsdp is not None:
            fsdp.enable(self.accelerator, self.args, self._plan.fsdp)
            self.is_fsdp_enabled = True

    def _prepare_for_training(
        self, max_steps: int, train_dataloader: Any, resume_from_checkpoint: str | None
    ) -> Any:
        if self._plan.deepspeed is not None and self._plan.resume_only_model:
            resume_from_checkpoint = None  # the model holds the weights already
        if self._plan.fsdp is not None:
            fsdp.check_layers(self.model, self._plan.fsdp)
        if self._plan.fsdp is not None and resume_from_checkpoint is not None:
            self._load_from_checkpoint(resume_from_checkpoint)  # while the model is whole
        if zero_stage(self._plan.deepspeed) == 3:
            settings = self.accelerator.state.deepspeed_plugin.hf_ds_config
            with deepspeed.translated():
                settings.trainer_config_finalize(self.args, self.model, max_steps)
            deepspeed.shard(self.model, settings.config, self.args.device)
        with deepspeed.translated():
            return super()._prepare_for_training(
                max_steps, train_dataloader, resume_from_checkpoint
            )

    def _load_best_model(self) -> None:
        if self.is_deepspeed_enabled:
            super()._load_best_model()
            return
        with self._writable_weights():
            load_weights(self.model, Path(self.state.best_model_checkpoint))

    @contextmanager
    def _writable_weights(self) -> Iterator[None]:
        """Have the model whole in every process, and spread again afterwards what changed."""
        if self._plan.fsdp is None:
            yield
            return
        adapter = has_adapter(self.model)
        with fsdp.whole(self.model, keep=True, only_trained=adapter, written_back=True):
            yield

    @contextmanager
    def whole_weights(self) -> Iterator[dict[str, Tensor] | None]:
        """Yield the state of the model in the first process; None where the model itself has it whole.

        Every process must enter.
        """
        if self._plan.fsdp is not None:
            adapter = has_adapter(self.model)
            with fsdp.whole(self.model, keep=self.args.should_save, only_trained=adapter):
                yield None
        elif not self.sharded:
            yield None
        else:
            yield self.accelerator.get_state_dict(self.model_wrapped)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if self._plan.fsdp is None:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        fsdp.save_optimizer(self.accelerator, self.optimizer, self.model, output_dir)
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER_NAME)

    def in_step(self, batches: Iterable[Batch]) -> Iterator[Turn]:
        """Yield this process's batches, and then others until every process has had as many."""
        if not self.sharded:
            yield from (Turn(batch, True) for batch in batches)
            return
        mine = list(batches)
        longest = torch.tensor([len(mine)], device=self.args.device)
        most = int(self.accelerator.gather(longest).max())
        spare = mine[:1] or [self._objective.collate_validation([self.eval_dataset[0]])]
        yield from (Turn(batch, True) for batch in mine)
        yield from (Turn(dict(spare[0]), False) for _ in range(most - len(mine)))


def spreads_weights(plan: TrainPlan) -> bool:
    """Return whether each process has a part of the weights only."""
    return plan.fsdp is not None or zero_stage(plan.deepspeed) == 3


def load_weights(model: nn.Module, folder: Path) -> None:
    """Put saved weights into a model of the same shape."""
    if has_adapter(model):
        load_adapter(model, folder)
        return
    saved = type(model).from_pretrained(str(folder), dtype=model.dtype, local_files_only=True)
    model.load_state_dict(saved.state_dict())


def parameter_sizes(model: nn.Module) -> list[tuple[int, bool]]:
    """Return the number of values of each parameter, and whether it is trained; wholes, not parts."""
    return [
        (getattr(weight, "ds_numel", None) or size_of(weight), weight.requires_grad)
        for weight in model.parameters()
    ]
