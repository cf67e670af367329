"""Rows laid end to end in one sequence, and what the loop hands to the model."""

from __future__ import annotations

import dataclasses
import math
from array import array
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.contract.test_transformers_trainer import tiny_llama
from tests.contract.trainer_contract import ROWS, plan
from tests.fakes.observer import RecordingObserver
from tests.fakes.tokenizer import ByteTokenizer
from torch import Tensor
from transformers.modeling_flash_attention_utils import prepare_fa_kwargs_from_position_ids

from swiftx.adapters.trainers.flat_batch import FlatBatch
from swiftx.adapters.trainers.losses import hits, row_numbers
from swiftx.adapters.trainers.transformers import TransformersTrainer
from swiftx.domain.plans.encoded import Encoded
from swiftx.errors import BackendError

FIRST = Encoded(input_ids=array("i", [7, 8, 9]), labels=array("i", [-100, 8, 9]))
SECOND = Encoded(input_ids=[4, 5], labels=[4, 5], loss_weights=[2.0, 0.5])
EMPTY = Encoded(input_ids=[], labels=[])


def test_positions_start_again_and_no_row_predicts_the_next() -> None:
    batch = FlatBatch()([FIRST, SECOND, EMPTY, FIRST])

    assert batch["input_ids"].tolist() == [[7, 8, 9, 4, 5, 7, 8, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0, 1, 2]]
    assert batch["labels"].tolist() == [[-100, 8, 9, -100, 5, -100, 8, 9]]
    assert batch["loss_weights"].tolist() == [[0.0, 1.0, 1.0, 2.0, 0.5, 0.0, 1.0, 1.0]]


def test_a_batch_has_what_it_needs_and_no_mask() -> None:
    assert FlatBatch()([FIRST]).keys() == {"input_ids", "labels", "position_ids"}


def test_flash_attention_finds_the_rows_in_the_positions() -> None:
    """It is not here to run; this is what transformers gives it."""
    batch = FlatBatch()([FIRST, SECOND, FIRST])

    (queries, keys), (longest, _) = prepare_fa_kwargs_from_position_ids(batch["position_ids"])

    assert queries.tolist() == keys.tolist() == [0, 3, 5, 8]
    assert longest == 3


def test_whole_rows_are_counted_where_several_share_a_sequence() -> None:
    labels = torch.tensor([[1, 2, -100, 1, 0]])
    rows = torch.tensor([[0, 0, 1, 2, 2]])
    likely = torch.nn.functional.one_hot(torch.tensor([[1, 2, 0, 1, 2]]), 3).float()

    right, total = hits(likely.argmax(-1), labels, strategy="seq", rows_BK=rows)

    assert (int(right), int(total)) == (1, 2)


def test_rows_are_numbered_by_their_first_positions() -> None:
    assert row_numbers(torch.tensor([[0, 1, 0, 0, 1]])).tolist() == [[0, 0, 1, 2, 2]]


@pytest.mark.parametrize("packs", [None, [[0, 1, 2], [3, 4]]])
@pytest.mark.parametrize("strategy", ["token", "seq"])
def test_the_model_is_called_without_a_mask_and_without_a_cache(
    tmp_path: Path, packs: list[list[int]] | None, strategy: str
) -> None:
    model: Any = tiny_llama()
    calls: list[dict[str, Any]] = []
    model.register_forward_pre_hook(
        lambda _module, _args, options: calls.append(options), with_kwargs=True
    )
    evaluating = {"eval_strategy": "steps", "eval_steps": 2, "max_steps": 2}

    TransformersTrainer().fit(
        model,
        ByteTokenizer(),
        plan(tmp_path, arguments=evaluating, padding_free=True, packs=packs, acc_strategy=strategy),
        train=ROWS,
        validation=ROWS,
        observer=RecordingObserver(),
    )

    assert len(calls) > 4
    for options in calls:
        assert options["use_cache"] is False
        assert options.get("attention_mask") is None
        assert _is_one_sequence(options["input_ids"], options["position_ids"])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("strategy", ["token", "seq"])
def test_accuracy_is_that_of_padded_batches(tmp_path: Path, attention: str, strategy: str) -> None:
    wide = {"per_device_train_batch_size": 5, "gradient_accumulation_steps": 1, "max_steps": 40,
            "save_strategy": "no"}  # fmt: skip

    lines = []
    for flat in (False, True):
        model: Any = tiny_llama()
        model.set_attn_implementation(attention)
        heard = RecordingObserver()
        TransformersTrainer().fit(
            model,
            ByteTokenizer(),
            plan(tmp_path, arguments=wide, padding_free=flat, acc_strategy=strategy),
            train=ROWS,
            validation=(),
            observer=heard,
        )
        lines.append([line for _, line in heard.lines if "loss" in line])

    for name in ("loss", "grad_norm", f"{strategy}_acc"):
        padded, flat_ones = ([line[name] for line in run] for run in lines)
        assert flat_ones == pytest.approx(padded, abs=1e-4), name


def _is_one_sequence(input_ids: Tensor, position_ids: Tensor) -> bool:
    return input_ids.shape[0] == 1 and position_ids.shape == input_ids.shape


def test_weights_may_be_an_array_of_any_kind() -> None:
    row = Encoded(
        input_ids=array("i", [5, 6]),
        labels=array("i", [-100, 6]),
        loss_weights=array("d", [0.0, 2.0]),
    )

    assert FlatBatch()([row])["loss_weights"].tolist() == [[0.0, 2.0]]


@pytest.mark.parametrize(("flat", "together"), [(False, 2), (True, 3), (False, 1)])
def test_the_row_whose_loss_is_infinite_is_named(tmp_path: Path, flat: bool, together: int) -> None:
    rows = [*ROWS]
    spoilt = array("f", [math.inf] * len(rows[4]))
    rows[4] = dataclasses.replace(rows[4], loss_weights=spoilt, row=17)
    arguments = {"per_device_train_batch_size": together, "max_steps": 9}

    with pytest.raises(BackendError, match=r"in step \d.*It came from rows 17 of the data"):
        TransformersTrainer().fit(
            tiny_llama(),
            ByteTokenizer(),
            plan(tmp_path, arguments=arguments, padding_free=flat),
            train=rows,
            validation=(),
            observer=RecordingObserver(),
        )
