"""FSDP2 over gloo processes on a CPU: the losses, checkpoints and weights of one plain process."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.processes import measured, same_weights, sft_in_processes, short_run
from tests.integration.sft_run import sft
from torch.distributed.checkpoint import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from swiftx.adapters.trainers.fsdp import check_layers
from swiftx.domain.plans.sharding import FsdpPlan
from swiftx.errors import UsageError

SAME = ("loss", "eval_loss", "token_acc", "eval_token_acc", "grad_norm")
FULL = {"train_type": "full"}


@pytest.fixture
def arguments(tiny_model: str, tmp_path: Path) -> dict[str, str]:
    """Eight training and three validation rows: the processes have unequal shares of these."""
    return short_run(tiny_model, tmp_path, rows=11, held="0.3", longest=5)


@pytest.mark.parametrize(
    ("layout", "engine"),
    [
        ({}, {"fsdp": "full_shard", "load_best_model_at_end": "true"}),
        (
            {**FULL, "packing": "true", "packing_length": "200"},
            {
                "fsdp": "shard_grad_op,auto_wrap",
                "fsdp_config": '{"state_dict_type":"FULL_STATE_DICT","activation_checkpointing":true}',
                "gradient_checkpointing": "false",
            },
        ),
    ],
    ids=["lora", "full-packed"],
)
def test_two_processes_train_and_resume_as_one_does(
    arguments: dict[str, str], tmp_path: Path, layout: dict[str, str], engine: dict[str, str]
) -> None:
    arguments |= layout
    one, two, again = (tmp_path / name for name in ("one", "two", "again"))

    sft({**arguments, "output_dir": str(one), "gradient_accumulation_steps": "4"})
    shared = {**arguments, **engine, "gradient_accumulation_steps": "2"}
    sft_in_processes({**shared, "output_dir": str(two)})
    resumed = {"output_dir": str(again), "resume_from_checkpoint": str(two / "checkpoint-2")}
    sft_in_processes({**shared, **resumed})

    for name in SAME:
        assert measured(two, name) == pytest.approx(measured(one, name), abs=1e-4), name
    assert measured(again, "loss") == measured(two, "loss")[2:]
    same_weights(one / "checkpoint-4", two / "checkpoint-4", tolerance=1e-4)
    same_weights(two / "checkpoint-4", again / "checkpoint-4", tolerance=0.0)


def test_a_copy_a_group_of_processes_and_parts_inside_it(
    arguments: dict[str, str], tmp_path: Path
) -> None:
    arguments |= {**FULL, "load_best_model_at_end": "true"}
    one, four, two = (tmp_path / name for name in ("one", "four", "two"))
    groups = '{"dp_replicate_size":2,"dp_shard_size":2}'

    sft({**arguments, "output_dir": str(one), "gradient_accumulation_steps": "4"})
    shared = {**arguments, "fsdp": "full_shard"}
    spread = {"output_dir": str(four), "parallelism_config": groups}
    sft_in_processes({**shared, **spread, "gradient_accumulation_steps": "1"}, count=4)
    fewer = {"output_dir": str(two), "resume_from_checkpoint": str(four / "checkpoint-2")}
    sft_in_processes({**shared, **fewer, "gradient_accumulation_steps": "2"})

    for name in SAME:
        assert measured(four, name) == pytest.approx(measured(one, name), abs=1e-4), name
    assert measured(two, "loss") == pytest.approx(measured(one, "loss")[2:], abs=1e-4)
    same_weights(one / "checkpoint-4", four / "checkpoint-4", tolerance=1e-4)
    moments = _rows_of_parts(two / "checkpoint-4" / "optimizer_0", ending="exp_avg")
    assert [32, 32] in moments.values()  # a matrix of 64 rows
    assert all(len(rows) == 2 and rows[0] - rows[1] in (0, 1) for rows in moments.values())


def _rows_of_parts(folder: Path, *, ending: str) -> dict[str, list[int]]:
    """Return by saved tensor how many rows each part of it has."""
    saved = FileSystemReader(str(folder)).read_metadata().state_dict_metadata
    return {
        name: [part.sizes[0] for part in tensor.chunks]
        for name, tensor in saved.items()
        if name.endswith(ending) and isinstance(tensor, TensorStorageMetadata)
    }


def test_a_layer_that_the_model_does_not_have_is_told_with_those_it_has(tiny_model: str) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)

    with pytest.raises(UsageError) as caught:
        check_layers(model, FsdpPlan(layer_classes=("LlamaDecoderLayer", "GlmBlock")))

    (error,) = caught.value.errors
    assert "GlmBlock" in error.message
    assert error.hint == "its layers are LlamaDecoderLayer"
