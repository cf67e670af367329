"""Adapters that are named by their id on a hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("peft")

import torch
from tests.e2e.program import Finished, swiftx
from tests.fakes.hub_server import Files, HubState, HuggingFaceHandler, serving
from tests.integration.tuner_cases import lora
from transformers import AutoModelForCausalLM

from swiftx.adapters.models.adapter_files import save_adapter
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.plans.loading import ModelHandle


def _files(tiny_model: str, folder: Path) -> Files:
    model = ModelHandle(AutoModelForCausalLM.from_pretrained(tiny_model))
    tuned = make_tuner().attach(model, lora(init_weights="false"))
    save_adapter(tuned, folder)
    (folder / "args.json").write_text(json.dumps({"model": tiny_model, "template": "chatml"}))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _merge(state: HubState, adapter: str, output: Path, *words: str) -> Finished:
    with serving(HuggingFaceHandler, state) as address:
        return swiftx(
            *("merge-lora", "--adapters", adapter, "--use_hf", "true", *words),
            *("--output_dir", str(output)),
            environ={
                "HF_ENDPOINT": address,
                "HF_HOME": str(output.parent / "home"),
                "SWIFTX_CACHE": str(output.parent / "cache"),
                "NO_PROXY": "127.0.0.1",
            },
        )


def test_an_adapter_is_fetched_and_its_arguments_are_read(tiny_model: str, tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    state = HubState(models={"me/tidy": _files(tiny_model, tmp_path / "adapter")}, datasets={})

    done = _merge(state, "me/tidy", tmp_path / "merged")

    assert done.code == 0, done.err
    merged, plain = (
        AutoModelForCausalLM.from_pretrained(folder) for folder in (tmp_path / "merged", tiny_model)
    )
    weights = [model.model.layers[0].self_attn.q_proj.weight for model in (merged, plain)]
    assert not torch.allclose(*weights)


def test_what_is_no_adapter_or_not_there_is_said(tiny_model: str, tmp_path: Path) -> None:
    state = HubState(models={"me/model": {"config.json": b"{}"}}, datasets={})

    other = _merge(state, "me/model", tmp_path / "a", "--model", tiny_model)
    absent = _merge(state, "me/nothing", tmp_path / "b", "--model", tiny_model)

    assert other.code == absent.code == 3
    assert "'me/model' holds no adapter" in other.err
    assert "me/nothing" in absent.err
