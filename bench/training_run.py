"""One training run of `bench.training`, in a process of its own: `python -m bench.training_run <run.json>`.

`plain` is transformers' Trainer with PEFT; `ours` is this project's loop. Both get the same rows in the same
order, and the same values.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

import torch
from torch import nn

from swiftx.adapters.system.allocation import keep_freed_memory

_LORA = {"r": 8, "lora_alpha": 32, "lora_dropout": 0.05}
_SIDE = 2048
_PRODUCTS = 6


class Clock:
    """The time and the loss at the end of each optimiser step; an observer of our loop."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.losses: list[float] = []

    def started(self, **_: Any) -> None: ...
    def advanced(self, _: int) -> None:
        self.at.append(time.perf_counter())

    def logged(self, _: int, metrics: Any) -> None:
        if "loss" in metrics:
            self.losses.append(metrics["loss"])

    def saved(self, *_: Any) -> None: ...
    def finished(self, _: Any) -> None: ...
    def failed(self) -> None: ...


def main() -> None:
    run = json.loads(Path(sys.argv[1]).read_text())
    clock = Clock()
    if run["who"] == "ours":
        keep_freed_memory()  # as the commands do
    with tempfile.TemporaryDirectory() as work:
        (_plain if run["who"] == "plain" else _ours)(run, clock, work)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = [end - start for start, end in zip(clock.at, clock.at[1:], strict=False)]
    found = {"seconds": seconds, "losses": clock.losses, "peak": peak * 1024, "rate": _rate()}
    print(json.dumps(found))


def _rate() -> float:
    """Return the operations a second of the fastest of some large matrix products."""
    left, right = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)
    out = left @ right
    seconds = []
    for _ in range(_PRODUCTS):
        started = time.perf_counter()
        torch.mm(left, right, out=out)
        seconds.append(time.perf_counter() - started)
    return 2 * _SIDE**3 / min(seconds)


def _arguments(run: dict[str, Any]) -> dict[str, Any]:
    return {
        "per_device_train_batch_size": run["batch"],
        "gradient_accumulation_steps": run["accumulation"],
        "learning_rate": 1e-4 if run["lora"] else 1e-5,
        "weight_decay": 0.1,
        "adam_beta1": 0.9,
        "adam_beta2": 0.95,
        "lr_scheduler_type": "cosine",
        "gradient_checkpointing": run["checkpointing"],
        "max_steps": run["steps"],
        "num_train_epochs": 1.0,
        "logging_steps": 1,
        "save_strategy": "no",
        "eval_strategy": "no",
        "seed": 42,
        "dataloader_num_workers": 0,
    }


def _plain(run: dict[str, Any], clock: Clock, work: str) -> None:
    from peft import LoraConfig, get_peft_model
    from torch.utils.data import Dataset, SequentialSampler
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorForSeq2Seq,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    class Rows(Dataset[Any]):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(run["rows"])

        def __getitem__(self, index: int) -> dict[str, Any]:
            row: dict[str, Any] = run["rows"][index]
            return row | {"attention_mask": [1] * len(row["input_ids"])}

    class InOrder(Trainer):  # type: ignore[misc]
        def _get_train_sampler(self, dataset: Any = None) -> Any:
            return SequentialSampler(dataset or self.train_dataset)

    class Times(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.advanced(0)

        def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
            clock.logged(0, logs)

    model: nn.Module = AutoModelForCausalLM.from_pretrained(run["model"], dtype=torch.float32)
    if run["lora"]:
        config = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", **_LORA)
        model = get_peft_model(model, config)
        model.enable_input_require_grads()
    arguments = TrainingArguments(
        output_dir=work,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        remove_unused_columns=False,
        **_arguments(run),
    )
    InOrder(
        model=model,
        args=arguments,
        train_dataset=Rows(),
        data_collator=DataCollatorForSeq2Seq(AutoTokenizer.from_pretrained(run["model"])),
        callbacks=[Times()],
    ).train()


def _ours(run: dict[str, Any], clock: Clock, work: str) -> None:
    from swiftx.adapters.models.transformers import TransformersLoader
    from swiftx.adapters.trainers.transformers import TransformersTrainer
    from swiftx.adapters.tuners.full import FullTuner
    from swiftx.adapters.tuners.peft import PeftTuner
    from swiftx.domain.plans.encoded import Encoded
    from swiftx.domain.plans.loading import LoadPlan
    from swiftx.domain.plans.training import TrainPlan
    from swiftx.domain.plans.tuning import FullPlan, LoraPlan

    rows = [
        Encoded(input_ids=array("i", row["input_ids"]), labels=array("i", row["labels"]))
        for row in run["rows"]
    ]
    loading = LoadPlan(folder=run["model"], dtype="float32", device="cpu")
    model, tokenizer = TransformersLoader().load(loading)
    if run["lora"]:
        lora = LoraPlan(rank=8, alpha=32, dropout=0.05, bias="none", targets=("all-linear",))
        model = PeftTuner().attach(model, lora)
    else:
        model = FullTuner().attach(model, FullPlan())
    plan = TrainPlan(
        output_dir=work,
        device="cpu",
        trainer_arguments=_arguments(run) | {"report_to": ("none",), "data_seed": 42},
        args_json={},
        pad_token_id=0,
        padding_free=run["padding_free"] or run["packs"] is not None,
        packs=run["packs"],
        train_dataloader_shuffle=False,
        plots=False,
    )
    TransformersTrainer().fit(model, tokenizer, plan, train=rows, validation=(), observer=clock)


if __name__ == "__main__":
    main()
