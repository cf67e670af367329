from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.contract.model_loader_contract import ModelLoaderContract

from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.ports.model import ModelLoader
from swiftx.errors import BackendError, NotFound


@pytest.fixture
def plan(tiny_model: str) -> LoadPlan:
    return LoadPlan(folder=tiny_model, dtype="float32", device="cpu")


@pytest.fixture
def copied(plan: LoadPlan, tmp_path: Path) -> LoadPlan:
    """A plan for a copy of the model that a test may damage."""
    folder = tmp_path / "copied"
    shutil.copytree(plan.folder, folder)
    return replace(plan, folder=str(folder))


OFFLINE = """
import sys

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"{event} {args}")

sys.addaudithook(refuse)
from swiftx.adapters.hubs.chain import HubChain
from swiftx.adapters.hubs.huggingface import HuggingFaceHub
from swiftx.adapters.hubs.local import LocalFolders
from swiftx.adapters.hubs.packaged import PackagedModels
from swiftx.adapters.models.inspector import ConfigInspector
from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.domain.plans.loading import LoadPlan

remote = lambda: HuggingFaceHub(listings="unused")
folder = HubChain(LocalFolders(), PackagedModels("unused"), remote).snapshot(sys.argv[1])
ConfigInspector().facts(folder)
TransformersLoader().load(LoadPlan(folder=folder, dtype="float32", device="cpu"))
"""


class TestTransformersLoader(ModelLoaderContract):
    @pytest.fixture
    def loader(self) -> ModelLoader:
        return TransformersLoader()

    @pytest.fixture
    def plan(self, tiny_model: str) -> LoadPlan:
        return LoadPlan(folder=tiny_model, dtype="float32", device="cpu")


def load(plan: LoadPlan) -> Any:
    """The library's model object, which the domain only passes on."""
    return cast(Any, TransformersLoader().load(plan).model)


def rewrite(folder: str, **changes: Any) -> None:
    path = Path(folder) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_is_loaded_without_a_connection(tiny_model: str) -> None:
    command = [sys.executable, "-c", OFFLINE, tiny_model]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_weights_come_in_the_data_type_of_the_plan(plan: LoadPlan, dtype: str) -> None:
    model = load(replace(plan, dtype=dtype))

    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, dtype)}
    assert not model.training


def test_loading_twice_gives_the_same_weights(plan: LoadPlan) -> None:
    ids = torch.tensor([[1, 70, 71, 72]])

    assert torch.equal(load(plan)(ids).logits, load(plan)(ids).logits)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_the_attention_of_the_plan_is_used(plan: LoadPlan, attention: str) -> None:
    model = load(replace(plan, attn_impl=attention))

    assert model.config._attn_implementation == attention


def test_an_attention_that_is_not_there_is_named(plan: LoadPlan) -> None:
    with pytest.raises(BackendError, match="flash_attention_2") as caught:
        load(replace(plan, attn_impl="flash_attention_2"))

    assert "--attn_impl sdpa" in (caught.value.hint or "")


def test_a_given_length_replaces_that_of_the_configuration(plan: LoadPlan) -> None:
    assert load(replace(plan, max_model_len=4096)).config.max_position_embeddings == 4096


@pytest.mark.parametrize("key", ["type", "rope_type"])
def test_positions_are_scaled_and_the_base_frequency_stays(plan: LoadPlan, key: str) -> None:
    scaling = {key: "linear", "factor": 2.0}
    plain, scaled = load(plan), load(replace(plan, rope_scaling=scaling))

    rope = scaled.config.rope_parameters
    assert rope["rope_type"] == "linear"
    assert rope["factor"] == 2.0
    assert rope["rope_theta"] == plain.config.rope_parameters["rope_theta"]
    torch.testing.assert_close(
        scaled.model.rotary_emb.inv_freq * 2, plain.model.rotary_emb.inv_freq
    )


@pytest.mark.parametrize("scaling", [{"type": "linear"}, {"type": "spiral", "factor": 2.0}])
def test_a_scaling_that_the_library_refuses_is_named(
    plan: LoadPlan, scaling: dict[str, Any]
) -> None:
    with pytest.raises(BackendError, match="rope_scaling"):
        load(replace(plan, rope_scaling=scaling))


def test_new_control_tokens_widen_the_embeddings_to_a_multiple_of_128(plan: LoadPlan) -> None:
    loaded = TransformersLoader().load(replace(plan, new_special_tokens=("<a>", "<b>")))
    model = cast(Any, loaded.model)

    assert loaded.tokenizer.encode("<a><b>") == [259, 260]
    assert model.get_input_embeddings().weight.shape == (384, 32)
    assert model.get_output_embeddings().weight.shape == (384, 32)
    assert model.config.vocab_size == 384


def test_new_rows_are_the_same_in_every_run(plan: LoadPlan) -> None:
    models = [load(replace(plan, new_special_tokens=("<a>",))) for _ in range(2)]

    first, second = (model.get_input_embeddings().weight for model in models)
    assert torch.equal(first, second)


LACKING = ("model.layers.0.mlp.up_proj.weight", "model.layers.1.input_layernorm.weight")


@pytest.fixture
def lacking(copied: LoadPlan) -> LoadPlan:
    """A plan for files without two parameters: a matrix and a norm."""
    path = Path(copied.folder) / "model.safetensors"
    kept = {name: value for name, value in load_file(path).items() if name not in LACKING}
    save_file(kept, path, metadata={"format": "pt"})
    return copied


def test_parameters_that_the_files_lack_are_refused_without_a_strategy(lacking: LoadPlan) -> None:
    with pytest.raises(BackendError, match="2 parameters are missing"):
        load(lacking)


@pytest.mark.parametrize(
    ("strategy", "largest", "deviation"),
    [
        ("zero", 0.0, 0.0),
        ("uniform", 0.1, 0.1 / math.sqrt(3)),
        ("normal", 0.06, 0.01),
        ("xavier_uniform", 0.25, 0.25 / math.sqrt(3)),  # sqrt(6 / (32 + 64))
        ("xavier_normal", 0.9, math.sqrt(2 / 96)),
        ("kaiming_uniform", math.sqrt(6 / 64 / 1.01), math.sqrt(2 / 64 / 1.01)),
        ("kaiming_normal", 1.5, math.sqrt(2 / 32)),
        ("orthogonal", 1.0, math.sqrt(1 / 64)),
    ],
)
def test_a_strategy_fills_exactly_what_is_missing(
    lacking: LoadPlan, tiny_model: str, strategy: str, largest: float, deviation: float
) -> None:
    whole = load(replace(lacking, folder=tiny_model)).state_dict()

    filled = load(replace(lacking, init_strategy=strategy)).state_dict()

    matrix, norm = (filled[name] for name in LACKING)
    assert matrix.abs().max() <= largest + 1e-6
    assert float(matrix.std()) == pytest.approx(deviation, rel=0.1)
    assert norm.abs().max() <= 0.1
    same = {name for name, value in filled.items() if torch.equal(value, whole[name])}
    assert filled.keys() - same == set(LACKING)
    again = load(replace(lacking, init_strategy=strategy)).state_dict()
    assert all(torch.equal(again[name], filled[name]) for name in LACKING)


def test_known_control_tokens_leave_the_embeddings_alone(plan: LoadPlan) -> None:
    model = load(replace(plan, new_special_tokens=("<|im_end|>",)))

    assert model.get_input_embeddings().weight.shape == (259, 32)


def test_a_device_map_is_passed_on(plan: LoadPlan) -> None:
    model = load(replace(plan, device_map={"": "cpu"}))

    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}


def test_a_folder_without_weights_is_not_found(copied: LoadPlan) -> None:
    (Path(copied.folder) / "model.safetensors").unlink()

    with pytest.raises(NotFound, match="copied") as caught:
        load(copied)

    assert "weight" in (caught.value.hint or "")


def test_a_missing_shard_is_named(copied: LoadPlan) -> None:
    folder = Path(copied.folder)
    load(copied).save_pretrained(folder, max_shard_size="60kB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    shard = sorted(folder.glob("model-*.safetensors"))[-1]
    shard.unlink()

    with pytest.raises(NotFound, match=shard.name):
        load(copied)


def test_a_weight_file_cut_short_is_named(copied: LoadPlan) -> None:
    weights = Path(copied.folder) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    with pytest.raises(BackendError, match=r"model\.safetensors"):
        load(copied)


@pytest.mark.parametrize("change", [{"num_hidden_layers": 3}, {"intermediate_size": 48}])
def test_weights_that_do_not_fit_the_configuration_are_refused(
    copied: LoadPlan, change: dict[str, int]
) -> None:
    rewrite(copied.folder, **change)

    with pytest.raises(BackendError, match=r"do not fit its config\.json"):
        load(copied)


def test_a_model_with_its_own_code_needs_trust(copied: LoadPlan) -> None:
    rewrite(
        copied.folder,
        model_type="own",
        auto_map={"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"},
    )
    (Path(copied.folder) / "own.py").write_text("raise SystemExit('this code ran')\n")

    with pytest.raises(BackendError, match="own code") as caught:
        load(copied)

    assert "--trust_remote_code true" in (caught.value.hint or "")


def test_an_unknown_architecture_is_refused(copied: LoadPlan) -> None:
    rewrite(copied.folder, model_type="no_such_architecture")

    with pytest.raises(BackendError, match="no_such_architecture"):
        load(copied)


def test_the_library_s_own_settings_are_left_as_they_were(plan: LoadPlan) -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load(plan)

    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
