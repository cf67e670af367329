"""Models for tasks other than predicting tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.domain.plans.loading import LoadPlan
from swiftx.errors import BackendError


@pytest.fixture
def plan(tiny_model: str) -> LoadPlan:
    return LoadPlan(folder=tiny_model, dtype="float32", device="cpu", task="seq_cls", num_labels=3)


def load(plan: LoadPlan) -> Any:
    return cast(Any, TransformersLoader().load(plan).model)


def test_a_language_model_gets_a_new_head_that_its_seed_decides(plan: LoadPlan) -> None:
    first, again, other = (load(replace(plan, new_head_seed=seed)) for seed in (1, 1, 2))

    assert first.score.weight.shape == (3, 32)
    assert torch.equal(first.score.weight, again.score.weight)
    assert not torch.equal(first.score.weight, other.score.weight)
    assert torch.equal(first.model.norm.weight, other.model.norm.weight)


def test_a_missing_head_is_refused_where_it_is_needed(plan: LoadPlan) -> None:
    with pytest.raises(BackendError, match=r"no head for seq_cls \(score.weight\)"):
        load(plan)


def test_a_saved_head_is_loaded_again(plan: LoadPlan, tmp_path: Path) -> None:
    trained = load(replace(plan, new_head_seed=1, problem_type="multi_label_classification"))
    folder = str(tmp_path / "saved")
    trained.save_pretrained(folder)
    TransformersLoader().tokenizer(plan).raw.save_pretrained(folder)

    loaded = load(replace(plan, folder=folder, num_labels=None))

    assert torch.equal(loaded.score.weight, trained.score.weight)
    assert loaded.config.num_labels == 3
    assert loaded.config.problem_type == "multi_label_classification"
    assert loaded.config.pad_token_id == 0
    with pytest.raises(BackendError, match="no head for seq_cls"):
        load(replace(plan, folder=folder, num_labels=5))
    assert load(replace(plan, folder=folder, num_labels=5, new_head_seed=1)).score.out_features == 5


def test_embeddings_need_no_head(plan: LoadPlan) -> None:
    model = load(replace(plan, task="embedding", num_labels=None))

    output = model(input_ids=torch.tensor([[5, 6, 7]]))

    assert output.last_hidden_state.shape == (1, 3, 32)
    assert not hasattr(model, "lm_head")
