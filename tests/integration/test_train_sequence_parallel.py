"""Training in gloo processes that share rows: the losses and gradients of one process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.processes import measured, sft_in_processes
from tests.integration.sft_run import sft

FULL = {"train_type": "full", "learning_rate": "1e-3"}
LORA = {"train_type": "lora", "lora_dropout": "0", "learning_rate": "1e-2"}
LEFT = {
    "padding_side": "left",
    "loss_scale": "react",
    "per_device_train_batch_size": "2",
    "per_device_eval_batch_size": "2",
    "average_tokens_across_devices": "false",
}
PACKED = {"packing": "true", "packing_length": "200", "average_tokens_across_devices": "true"}
CHANNELS = {"enable_channel_loss": "true", "gradient_checkpointing": "true"}
STREAMED = {"streaming": "true", "shuffle_buffer_size": "4", "val_dataset": "ROWS"}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "messages": [
                        {"role": "user", "content": f"q{number}" * (number % 7 + 1)},
                        {"role": "assistant", "content": f"answer {number}"},
                    ],
                    "channel": "even" if number % 2 == 0 else "odd",
                }
            )
            + "\n"
            for number in range(40)
        ),
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("processes", "size", "layout"),
    [
        (2, 2, {**FULL, **LEFT}),
        (4, 4, {**FULL, **PACKED, **STREAMED}),  # of the four heads two are of keys
        (4, 2, {**LORA, **PACKED, **CHANNELS}),
    ],
    ids=["padded", "packed stream", "packed in two groups"],
)
def test_processes_that_share_rows_have_the_losses_and_gradients_of_one(
    tiny_model: str,
    tmp_path: Path,
    rows: Path,
    processes: int,
    size: int,
    layout: dict[str, str],
) -> None:
    arguments = {
        **{name: value.replace("ROWS", str(rows)) for name, value in layout.items()},
        "model": tiny_model,
        "template": "chatml",
        "dataset": str(rows),
        "add_version": "false",
        "split_dataset_ratio": "0.2",
        "max_steps": "3",
        "save_steps": "3",
        "logging_steps": "1",
        "dataloader_num_workers": "0",
        "report_to": "none",
    }
    groups = processes // size

    sft({**arguments, "output_dir": str(tmp_path / "one"), "gradient_accumulation_steps": "2"})
    sft_in_processes(
        {
            **arguments,
            "output_dir": str(tmp_path / "many"),
            "gradient_accumulation_steps": str(2 // groups),
            "sequence_parallel_size": str(size),
        },
        count=processes,
    )

    names = ["loss", "grad_norm", "token_acc", "eval_loss", "eval_token_acc"]
    if "enable_channel_loss" in layout:
        names += ["loss_even", "loss_odd", "eval_loss_even"]
    for name in names:
        alone, shared = measured(tmp_path / "one", name), measured(tmp_path / "many", name)
        assert alone, name
        assert shared == pytest.approx(alone, abs=1e-4), name
