"""Streaming merge against PEFT: the merged folder answers as the model with its adapters does."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from tests.contract.merger_contract import unheard

from swiftx.adapters.exporters.merge import StreamingMerger
from swiftx.domain.plans.exporting import MergePlan
from swiftx.errors import BackendError, NotFound, StorageError

TOKENS = torch.tensor([[5, 9, 13, 2, 40, 7], [6, 6, 21, 33, 1, 0]])
GIB = 2**30


@pytest.fixture(autouse=True)
def _quiet_libraries() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # PEFT warns of tied weights, resized embeddings and the like
        yield


def llama(folder: Path, *, tied: bool, **changes: Any) -> Path:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=48,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=tied,
        **changes,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


HEADS: dict[str, Any] = {
    "seq_cls": transformers.AutoModelForSequenceClassification,
    "reranker": transformers.AutoModelForSequenceClassification,
    "embedding": transformers.AutoModel,
}


def load_for(task: str, folder: Path, labels: int | None) -> Any:
    """Load a model for a task; a head that the folder lacks is the same each time."""
    config = transformers.AutoConfig.from_pretrained(folder)
    if labels is not None:
        config.num_labels = labels
    torch.manual_seed(5)
    return HEADS[task].from_pretrained(folder, config=config, dtype=torch.float32).eval()


def adapter_for(task: str, base: Path, folder: Path, labels: int | None, **config: Any) -> Path:
    """Save an adapter of a model for a task, with its head, all of it away from its initial value."""
    torch.manual_seed(1)
    kind = "FEATURE_EXTRACTION" if task == "embedding" else "SEQ_CLS"
    wrapped = get_peft_model(load_for(task, base, labels), LoraConfig(task_type=kind, **config))
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    wrapped.save_pretrained(folder)
    return folder


def numbers(model: Any, batch: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        result = model(batch)
    return result.logits if hasattr(result, "logits") else result.last_hidden_state


def gpt2(folder: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=48, n_embd=16, n_layer=2, n_head=2, n_positions=32)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def adapter(base: Path, folder: Path, *, seed: int = 1, **config: Any) -> Path:
    """Save an adapter whose every trainable tensor was moved away from its initial value."""
    torch.manual_seed(seed)
    model = load(base)
    wrapped = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **config))
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    wrapped.save_pretrained(folder)
    return folder


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = model(TOKENS).logits
    return result


def with_adapters(base: Path, adapters: list[Path]) -> Any:
    """Return the model with the last adapter on it; those before it are folded into the weights."""
    model = load(base)
    for folder in adapters[:-1]:
        model = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    return PeftModel.from_pretrained(model, str(adapters[-1])).eval()


def merge(base: Path, adapters: list[Path], output: Path, **changes: Any) -> Path:
    plan = MergePlan(
        base=str(base),
        adapters=tuple(map(str, adapters)),
        output_dir=str(output),
        **({"max_shard_size": GIB} | changes),
    )
    StreamingMerger().merge(plan, progress=unheard)
    return output


LINEAR = ["q_proj", "v_proj", "down_proj"]
CASES: dict[str, dict[str, Any]] = {
    "plain": {"target_modules": LINEAR},
    "all-linear": {"target_modules": "all-linear", "r": 4, "lora_alpha": 32},
    "rslora": {"target_modules": LINEAR, "use_rslora": True, "r": 4, "lora_alpha": 8},
    "dora": {"target_modules": LINEAR, "use_dora": True},
    "patterns": {
        "target_modules": LINEAR,
        "r": 4,
        "lora_alpha": 8,
        "rank_pattern": {"v_proj": 2, "layers.1.mlp.down_proj": 6},
        "alpha_pattern": {"q_proj": 3},
    },
    "biases": {"target_modules": LINEAR, "bias": "all"},
    "biases of adapted layers": {"target_modules": LINEAR, "bias": "lora_only"},
    "adapter bias": {"target_modules": ["q_proj"], "lora_bias": True},
    "embedding": {"target_modules": ["embed_tokens", "q_proj"]},
    "embedding dora": {"target_modules": ["embed_tokens", "q_proj"], "use_dora": True},
    "head": {"target_modules": ["lm_head", "q_proj"]},
    "embedding and head": {"target_modules": ["embed_tokens", "lm_head"]},
    "saved head": {"target_modules": LINEAR, "modules_to_save": ["lm_head"]},
    "saved embedding": {"target_modules": LINEAR, "modules_to_save": ["embed_tokens"]},
    "saved both": {"target_modules": LINEAR, "modules_to_save": ["embed_tokens", "lm_head"]},
    "saved norm": {"target_modules": LINEAR, "modules_to_save": ["norm"]},
    "tied adapters": {
        "target_modules": ["embed_tokens", "q_proj"],
        "ensure_weight_tying": True,
    },
    "tied saved": {
        "target_modules": LINEAR,
        "modules_to_save": ["embed_tokens"],
        "ensure_weight_tying": True,
    },
    "tokens": {"target_modules": LINEAR, "trainable_token_indices": [3, 7]},
    "target parameter": {"target_modules": [], "target_parameters": ["v_proj.weight"]},
    "gaussian": {"target_modules": LINEAR, "init_lora_weights": "gaussian"},
    "pissa": {"target_modules": LINEAR, "init_lora_weights": "pissa", "r": 4},
    "olora": {"target_modules": LINEAR, "init_lora_weights": "olora", "r": 4},
    "lora-ga": {"target_modules": LINEAR, "init_lora_weights": "orthogonal", "r": 4},
}


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("case", CASES)
def test_merged_model_has_the_logits_of_the_adapter_model(
    case: str, tied: bool, tmp_path: Path
) -> None:
    base = llama(tmp_path / "base", tied=tied, attention_bias=True, mlp_bias=True)
    lora = adapter(base, tmp_path / "lora", **CASES[case])

    merged = merge(base, [lora], tmp_path / "merged")

    expected = logits(with_adapters(base, [lora]))
    assert not torch.allclose(expected, logits(load(base)), atol=1e-3)
    torch.testing.assert_close(logits(load(merged)), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize(
    ("task", "labels", "config"),
    [
        ("seq_cls", 3, {}),
        ("seq_cls", 1, {"use_dora": True}),
        ("reranker", 1, {"init_lora_weights": "pissa", "r": 4}),
        ("embedding", None, {}),
        ("seq_cls", 3, {"modules_to_save": ["score", "embed_tokens"]}),
    ],
)
def test_a_model_with_a_head_is_merged_with_its_head(
    task: str, labels: int | None, config: dict[str, Any], tied: bool, tmp_path: Path
) -> None:
    base = llama(tmp_path / "base", tied=tied, pad_token_id=0)
    lora = adapter_for(task, base, tmp_path / "lora", labels, target_modules=LINEAR, **config)
    problem = (
        None if labels is None else "regression" if labels == 1 else "single_label_classification"
    )

    merged = merge(
        base, [lora], tmp_path / "merged", task=task, num_labels=labels, problem_type=problem
    )

    wrapped = PeftModel.from_pretrained(load_for(task, base, labels), str(lora)).eval()
    expected = numbers(wrapped, TOKENS)
    model, loading = HEADS[task].from_pretrained(
        merged, dtype=torch.float32, output_loading_info=True
    )
    torch.testing.assert_close(numbers(model.eval(), TOKENS), expected, atol=1e-4, rtol=0)
    assert not torch.allclose(expected, numbers(load_for(task, base, labels), TOKENS), atol=1e-3)
    assert not loading["missing_keys"]
    if labels is not None:
        assert not loading["unexpected_keys"]
        assert (model.config.num_labels, model.config.problem_type) == (labels, problem)
        assert model.config.architectures == ["LlamaForSequenceClassification"]


def test_an_encoder_is_merged_with_its_head(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=48, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=32,
    )  # fmt: skip
    base = tmp_path / "base"
    transformers.BertForMaskedLM(config).save_pretrained(base)
    lora = adapter_for("seq_cls", base, tmp_path / "lora", 3, target_modules=["query", "value"])

    with pytest.raises(BackendError, match="has not"):  # an embedding has no such head
        merge(base, [lora], tmp_path / "unmerged", task="embedding")

    classifier = load_for("seq_cls", base, 3)
    classifier.save_pretrained(tmp_path / "classifier")
    merged = merge(
        tmp_path / "classifier", [lora], tmp_path / "merged", task="seq_cls", num_labels=3
    )
    wrapped = PeftModel.from_pretrained(classifier, str(lora)).eval()
    expected = numbers(wrapped, TOKENS)
    torch.testing.assert_close(
        numbers(load_for("seq_cls", merged, 3), TOKENS), expected, atol=1e-4, rtol=0
    )


def test_a_head_that_nobody_brings_is_said(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=True)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)

    with pytest.raises(BackendError, match="no head for classes"):
        merge(base, [lora], tmp_path / "merged", task="seq_cls", num_labels=2)
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize("changes", [{}, {"use_dora": True}, {"init_lora_weights": "pissa"}])
def test_several_adapters_are_merged_one_after_the_other(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    base = llama(tmp_path / "base", tied=False)
    modules = ["embed_tokens", "q_proj", "v_proj"]
    if "init_lora_weights" in changes:
        modules.remove("embed_tokens")
    first = adapter(base, tmp_path / "first", target_modules=LINEAR, use_dora=True)
    second = adapter(base, tmp_path / "second", seed=2, target_modules=modules, **changes)

    merged = merge(base, [first, second], tmp_path / "merged")

    expected = logits(with_adapters(base, [first, second]))
    torch.testing.assert_close(logits(load(merged)), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("dora", [False, True])
def test_weights_stored_transposed_are_merged(dora: bool, tmp_path: Path) -> None:
    base = gpt2(tmp_path / "base")
    lora = adapter(
        base, tmp_path / "lora", target_modules=["c_attn", "c_proj", "wte"], use_dora=dora
    )

    merged = merge(base, [lora], tmp_path / "merged")

    expected = logits(with_adapters(base, [lora]))
    torch.testing.assert_close(logits(load(merged)), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["mixtral", "qwen2_moe", "gpt_oss"])
def test_stacked_experts_are_merged_into_the_layout_on_disk(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(
        kind,
        vocab_size=48,
        hidden_size=16,
        intermediate_size=16,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        num_experts=4,
        num_local_experts=4,
        num_experts_per_tok=2,
    )
    base = tmp_path / "base"
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(base)
    lora = adapter(
        base,
        tmp_path / "lora",
        target_modules=["q_proj"],
        target_parameters=["experts.gate_up_proj", "experts.down_proj"],
        r=2,
    )

    merged = merge(base, [lora], tmp_path / "merged")

    expected = logits(with_adapters(base, [lora]))
    torch.testing.assert_close(logits(load(merged)), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("dora", [False, True])
def test_convolutions_are_merged(dora: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], num_channels=3, layer_type="basic"
    )
    base, pixels = tmp_path / "base", torch.randn(1, 3, 16, 16)
    transformers.ResNetModel(config).save_pretrained(base)
    wrapped = get_peft_model(
        transformers.ResNetModel.from_pretrained(base),
        LoraConfig(target_modules=["convolution"], use_dora=dora),
    )
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    wrapped.save_pretrained(tmp_path / "lora")

    merged = merge(base, [tmp_path / "lora"], tmp_path / "merged")

    model = transformers.ResNetModel.from_pretrained(merged).eval()
    expected = wrapped.eval()(pixels).last_hidden_state
    torch.testing.assert_close(model(pixels).last_hidden_state, expected, atol=1e-4, rtol=0)


def test_vocabulary_that_grew_in_training_grows_in_the_merged_model(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=True)
    model = load(base)
    model.resize_token_embeddings(52)
    wrapped = get_peft_model(
        model, LoraConfig(task_type="CAUSAL_LM", target_modules=LINEAR, init_lora_weights=False)
    )
    wrapped.save_pretrained(tmp_path / "lora")

    merged = merge(base, [tmp_path / "lora"], tmp_path / "merged")

    result = load(merged)
    assert result.config.vocab_size == 52
    assert result.config.tie_word_embeddings
    torch.testing.assert_close(logits(result), logits(wrapped.eval()), atol=1e-4, rtol=0)


def test_base_saved_without_its_head_is_found_under_its_shorter_names(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=True)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)
    expected = logits(with_adapters(base, [lora]))
    load(base).model.save_pretrained(tmp_path / "bare")
    assert "layers.0.mlp.down_proj.weight" in stored(tmp_path / "bare")

    merged = merge(tmp_path / "bare", [lora], tmp_path / "merged")

    torch.testing.assert_close(logits(load(merged)), expected, atol=1e-4, rtol=0)


def stored(folder: Path) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors


def test_tensors_keep_their_type_unless_another_is_asked_for(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=False, dtype=torch.bfloat16)
    load(base, torch.bfloat16).save_pretrained(base)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)

    kept = merge(base, [lora], tmp_path / "kept")
    widened = merge(base, [lora], tmp_path / "widened", dtype="float32")

    assert {tensor.dtype for tensor in stored(kept).values()} == {torch.bfloat16}
    assert {tensor.dtype for tensor in stored(widened).values()} == {torch.float32}
    assert json.loads((widened / "config.json").read_text())["dtype"] == "float32"
    expected = logits(with_adapters(base, [lora]))
    torch.testing.assert_close(logits(load(widened)), expected, atol=1e-4, rtol=0)
    narrowed = {name: tensor.bfloat16() for name, tensor in stored(widened).items()}
    assert all(torch.equal(narrowed[name], tensor) for name, tensor in stored(kept).items())


@pytest.mark.parametrize("safe", [True, False])
def test_shards_stay_below_the_limit_and_load(safe: bool, tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=False)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)

    merged = merge(base, [lora], tmp_path / "merged", max_shard_size=4096, safe_serialization=safe)

    suffix = "safetensors" if safe else "bin"
    shards = [path for path in merged.iterdir() if path.suffix == f".{suffix}"]
    assert len(shards) > 3
    assert all(path.stat().st_size < 4096 + (2048 if safe else 8192) for path in shards)
    expected = logits(with_adapters(base, [lora]))
    torch.testing.assert_close(logits(load(merged)), expected, atol=1e-4, rtol=0)
    again = merge(merged, [adapter(merged, tmp_path / "b", target_modules=LINEAR)], tmp_path / "c")
    assert stored(again).keys() == stored(base).keys()


def test_files_of_the_base_and_the_checkpoint_come_along(tiny_model: str, tmp_path: Path) -> None:
    base = Path(tiny_model)
    lora = adapter(base, tmp_path / "checkpoint-1", target_modules=LINEAR)
    args = {"template": "chatml", "system": "Be brief.", "adapters": ["x"], "quant_method": "bnb"}
    (lora / "args.json").write_text(json.dumps(args))
    (lora / "optimizer.pt").write_bytes(b"large")

    merged = merge(base, [lora], tmp_path / "checkpoint-1-merged")

    names = {path.name for path in merged.iterdir()}
    assert names >= {"config.json", "generation_config.json", "tokenizer.json", "args.json"}
    assert names >= {"tokenizer_config.json", "chat_template.jinja", "model.safetensors"}
    assert not names & {"adapter_config.json", "optimizer.pt", "adapter_model.safetensors"}
    written = json.loads((merged / "args.json").read_text())
    assert (written["template"], written["system"]) == ("chatml", "Be brief.")
    assert written["adapters"] == []
    assert written["quant_method"] is None
    assert json.loads((merged / "merged_from.json").read_text())["base"] == str(base)


def test_adapter_in_torch_s_own_format_is_merged(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=False)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR, use_dora=True)
    expected = stored(merge(base, [lora], tmp_path / "expected"))
    torch.save(stored(lora), lora / "adapter_model.bin")
    (lora / "adapter_model.safetensors").unlink()

    merged = stored(merge(base, [lora], tmp_path / "merged"))

    assert all(torch.equal(merged[name], tensor) for name, tensor in expected.items())


def test_merged_model_is_outdated_when_the_link_to_the_checkpoint_moves_on(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=False)
    first = adapter(base, tmp_path / "checkpoint-1", target_modules=LINEAR)
    second = adapter(base, tmp_path / "checkpoint-2", target_modules=LINEAR)
    last = tmp_path / "last"
    last.symlink_to(first.name)
    plan = MergePlan(
        base=str(base),
        adapters=(str(last),),
        output_dir=str(tmp_path / "last-merged"),
        max_shard_size=GIB,
    )
    StreamingMerger().merge(plan, progress=unheard)
    assert StreamingMerger().is_current(plan)

    last.unlink()
    last.symlink_to(second.name)

    assert not StreamingMerger().is_current(plan)


def test_progress_counts_every_tensor(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=False)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)
    heard: list[tuple[int, int]] = []
    plan = MergePlan(
        base=str(base),
        adapters=(str(lora),),
        output_dir=str(tmp_path / "merged"),
        max_shard_size=GIB,
    )

    StreamingMerger().merge(plan, progress=lambda done, total: heard.append((done, total)))

    total = len(stored(base))
    assert heard == [(done, total) for done in range(1, total + 1)]


def test_existing_output_is_refused_and_kept(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=False)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)
    output = tmp_path / "merged"
    output.mkdir()
    (output / "notes.txt").write_text("mine")

    with pytest.raises(StorageError, match="exists already"):
        merge(base, [lora], output)
    merge(base, [lora], output, exist_ok=True)

    assert (output / "notes.txt").read_text() == "mine"
    assert logits(load(output)).shape == logits(load(base)).shape
    assert [path.name for path in tmp_path.iterdir() if "incomplete" in path.name] == []


def test_overwriting_leaves_no_shard_of_the_earlier_model(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=False)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)
    output = merge(base, [lora], tmp_path / "merged", max_shard_size=4096)

    merge(base, [lora], output, exist_ok=True)

    assert [path.name for path in output.glob("model*")] == ["model.safetensors"]


Spoil = Callable[[Path, Path], None]


def _other_base(base: Path, _: Path) -> None:
    llama(base, tied=False)
    config = json.loads((base / "config.json").read_text()) | {"hidden_size": 32}
    (base / "config.json").write_text(json.dumps(config))
    transformers.LlamaForCausalLM(transformers.LlamaConfig(**config)).save_pretrained(base)


def _quantised_base(base: Path, _: Path) -> None:
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq"}
    (base / "config.json").write_text(json.dumps(config))


def _cut_weights(base: Path, _: Path) -> None:
    path = base / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _other_tuner(_: Path, lora: Path) -> None:
    path = lora / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"peft_type": "VERA"}))


def _no_adapter(_: Path, lora: Path) -> None:
    (lora / "adapter_config.json").unlink()


def _no_model(base: Path, _: Path) -> None:
    (base / "config.json").unlink()


def _no_weights(base: Path, _: Path) -> None:
    (base / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (_other_base, BackendError, "does not fit"),
        (_quantised_base, BackendError, "quantised .gptq."),
        (_cut_weights, StorageError, "ends in the middle of tensor"),
        (_other_tuner, BackendError, "'VERA' cannot be merged"),
        (_no_adapter, NotFound, "holds no adapter"),
        (_no_model, NotFound, "holds no model"),
        (_no_weights, NotFound, "holds no weights"),
    ],
)
def test_what_cannot_be_merged_is_said_and_leaves_nothing(
    spoil: Spoil, error: type[Exception], words: str, tmp_path: Path
) -> None:
    base = llama(tmp_path / "base", tied=False)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)
    spoil(base, lora)

    with pytest.raises(error, match=words):
        merge(base, [lora], tmp_path / "merged")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "lora"]


def test_adapter_of_another_architecture_is_said_by_name(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=False)
    lora = adapter(gpt2(tmp_path / "gpt2"), tmp_path / "lora", target_modules=["c_attn"])

    with pytest.raises(BackendError, match=r"transformer\.h\.0\.attn\.c_attn\.weight"):
        merge(base, [lora], tmp_path / "merged")


def test_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = llama(tmp_path / "base", tied=False)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)
    usage = os.statvfs_result((4096, 4096, 10, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: usage)

    with pytest.raises(StorageError, match="are free"):
        merge(base, [lora], tmp_path / "merged")


def slow(done: int, total: int) -> None:
    time.sleep(0.05)


def _merge_slowly(base: Path, lora: Path, output: Path) -> None:
    plan = MergePlan(
        base=str(base), adapters=(str(lora),), output_dir=str(output), max_shard_size=GIB
    )
    StreamingMerger().merge(plan, progress=slow)


def test_killed_merge_leaves_no_folder_and_the_next_one_works(tmp_path: Path) -> None:
    base = llama(tmp_path / "base", tied=False)
    lora = adapter(base, tmp_path / "lora", target_modules=LINEAR)
    output = tmp_path / "merged"
    process = multiprocessing.get_context("fork").Process(
        target=_merge_slowly, args=(base, lora, output)
    )

    process.start()
    while not list(tmp_path.glob(".merged.incomplete/*.safetensors")):
        time.sleep(0.01)
    process.kill()
    process.join()

    assert not output.exists()
    merge(base, [lora], output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "lora", "merged"]
