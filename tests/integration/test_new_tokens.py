"""New control tokens: their rows are trained, saved with the adapter, loaded, and merged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("peft")

import torch
from tests.contract.trainer_contract import plan
from tests.fakes.observer import RecordingObserver
from tests.integration.tuner_cases import lora, save_lively_model
from torch import Tensor
from transformers import AutoModelForCausalLM

from swiftx.adapters.exporters.merge import StreamingMerger
from swiftx.adapters.exporters.whole_model import WholeModelWriter
from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.adapters.trainers.transformers import TransformersTrainer
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.exporting import MergePlan
from swiftx.domain.plans.loading import LoadPlan

NEW = ("<think>", "</think>")
SAVED = {"tied": ("embed_tokens",), "untied": ("embed_tokens", "lm_head")}


@pytest.fixture(scope="module", params=SAVED)
def tying(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def base(tying: str, tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("base")
    if tying == "tied":
        return save_lively_model(tiny_model, folder)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, tie_word_embeddings=False)
    torch.manual_seed(0)
    torch.nn.init.normal_(model.lm_head.weight)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy2(Path(tiny_model) / name, folder / name)
    return str(folder)


def loaded(base: str, tokens: tuple[str, ...] = NEW) -> Any:
    return TransformersLoader().load(
        LoadPlan(folder=base, dtype="float32", device="cpu", new_special_tokens=tokens)
    )


def logits(model: object, ids: list[int]) -> Tensor:
    with torch.no_grad():
        found: Tensor = cast(Any, model).eval()(torch.tensor([ids])).logits
    return found


def test_new_rows_are_trained_saved_loaded_and_merged(
    base: str, tying: str, tmp_path: Path
) -> None:
    fresh = loaded(base)
    ids = fresh.tokenizer.encode("<think>abc</think>abc<think>")
    assert max(ids) >= 259
    rows = [Encoded(input_ids=tuple(ids), labels=tuple(ids))]
    before = cast(Any, fresh.model).get_input_embeddings().weight.detach().clone()
    model = make_tuner().attach(fresh.model, lora(modules_to_save=SAVED[tying]))
    heard = RecordingObserver()

    TransformersTrainer().fit(
        model,
        fresh.tokenizer,
        plan(
            tmp_path,
            arguments={"max_steps": 12, "save_steps": 12, "learning_rate": 0.02},
            args_json={"model": base, "new_special_tokens": NEW},
        ),
        train=rows,
        validation=(),
        observer=heard,
    )

    assert heard.losses[-1] < heard.losses[0] / 2
    after = cast(Any, model).get_input_embeddings().weight
    moved = (after - before).abs().amax(1) > 0
    assert moved[[259, 260]].all()
    checkpoint = heard.checkpoints[-1][1]
    again = make_tuner().load(loaded(base).model, [checkpoint])
    torch.testing.assert_close(logits(again, ids), logits(model, ids), rtol=1e-5, atol=1e-5)

    merged = str(tmp_path / "merged")
    StreamingMerger(WholeModelWriter(TransformersLoader(), make_tuner())).merge(
        MergePlan(
            base=base,
            adapters=(checkpoint,),
            output_dir=merged,
            max_shard_size=10**9,
            dtype="float32",
        ),
        progress=lambda _done, _total: None,
    )
    whole = loaded(merged, ())
    assert whole.tokenizer.encode("<think>abc</think>abc<think>") == ids
    assert json.loads((Path(merged) / "config.json").read_text())["vocab_size"] == 384
    torch.testing.assert_close(logits(whole.model, ids), logits(model, ids), rtol=1e-4, atol=1e-4)
