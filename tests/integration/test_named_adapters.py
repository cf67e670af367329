"""Adapters that requests ask for by name, in one batch, beside an adapter that always works."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import IA3Config, LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from tests.contract.engine_contract import greedy

from swiftx.adapters.batching.named import refuse_unservable
from swiftx.adapters.engines.transformers import TransformersEngine
from swiftx.adapters.tokenizers.huggingface import HuggingFaceTokenizer
from swiftx.domain.plans.inference import Request
from swiftx.domain.plans.loading import ModelHandle
from swiftx.errors import BackendError, UsageError

LORA: dict[str, Any] = {
    "target_modules": "all-linear",
    "init_lora_weights": False,
    "lora_alpha": 32,
}
CONFIGS: dict[str, Any] = {
    "always": LoraConfig(**LORA),
    "first.one": LoraConfig(**LORA),
    "with rank 4, DoRA and a norm": LoraConfig(
        **LORA, r=4, use_dora=True, modules_to_save=["norm"]
    ),
}


@pytest.fixture(scope="module")
def folders(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("adapters")
    return {
        name: saved(tiny_model, place / str(seed), config, seed=seed)
        for seed, (name, config) in enumerate(CONFIGS.items())
    }


def saved(model: str, target: Path, config: Any, *, seed: int = 0) -> str:
    torch.manual_seed(seed)
    tuned = get_peft_model(loaded(model), config)
    for name, parameter in tuned.named_parameters():
        if "modules_to_save" in name:
            parameter.data += torch.randn_like(parameter)
    tuned.save_pretrained(target)
    return str(target)


def loaded(folder: str) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


def engine_on(model: Any, folder: str, **settings: Any) -> TransformersEngine:
    tokenizer = HuggingFaceTokenizer(transformers.AutoTokenizer.from_pretrained(folder))
    return TransformersEngine(ModelHandle(model), tokenizer, **settings)


PROMPTS = [[70, 71, 72], [80] * 30, [90, 100, 110, 120, 130]]


def asked(names: Sequence[str | None]) -> list[Request]:
    return [replace(greedy(prompt), adapter=name) for prompt in PROMPTS for name in names]


@pytest.mark.parametrize("always", [False, True])
def test_each_answers_as_it_does_alone(
    tiny_model: str, folders: dict[str, str], always: bool
) -> None:
    named = {name: folder for name, folder in folders.items() if name != "always"}
    names = [None, *named]
    model = loaded(tiny_model)
    if always:
        model = PeftModel.from_pretrained(model, folders["always"]).eval()
    engine = engine_on(model, tiny_model, adapters=named)

    answers = engine.generate(asked(names))

    assert engine.facts.adapters == tuple(named)
    unnamed = folders["always"] if always else None
    for index, folder in enumerate([unnamed, *named.values()]):
        alone = loaded(tiny_model)
        if folder is not None:
            alone = PeftModel.from_pretrained(alone, folder).eval()
        expected = engine_on(alone, tiny_model).generate(asked([None]))
        assert answers[index :: len(names)] == expected
    assert len({answer.token_ids for answer in answers[: len(names)]}) == len(names)


def test_beginnings_are_known_by_adapter(tiny_model: str, folders: dict[str, str]) -> None:
    named = {"one": folders["first.one"], "two": folders["always"]}
    engine = engine_on(loaded(tiny_model), tiny_model, adapters=named)
    prompt = [70 + number % 90 for number in range(100)]

    answers = [
        engine.generate([replace(greedy(prompt), adapter=name)])[0]
        for name in ("one", "two", "one", None)
    ]

    assert [answer.cached_tokens for answer in answers] == [0, 0, 96, 0]
    assert answers[2] == answers[0] != answers[1]


def test_adapter_of_another_model_is_refused(
    tiny_model: str, folders: dict[str, str], tmp_path: Path
) -> None:
    from tests.fakes.tiny_model import save_tiny_model

    other = save_tiny_model(tmp_path / "other", head_dim=16)

    with pytest.raises(BackendError, match="does not fit the model"):
        engine_on(loaded(other), other, adapters={"one": folders["first.one"]})


def test_what_cannot_stand_side_by_side_is_refused_at_once(
    tiny_model: str, folders: dict[str, str], tmp_path: Path
) -> None:
    prompt = saved(
        tiny_model,
        tmp_path / "prompt",
        PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
    )
    (tmp_path / "reft").mkdir()
    settings = {"swiftx_tuner": "reft", "settings": {}, "modules": []}
    (tmp_path / "reft" / "adapter_config.json").write_text(json.dumps(settings))
    named = {"a": prompt, "b": str(tmp_path / "reft"), "c": "nowhere", "d": folders["first.one"]}

    with pytest.raises(UsageError) as refusal:
        refuse_unservable(named, [])

    said = str(refusal.value)
    for words in ("'a'", "changes the prompt", "'b'", "is of reft", "'c' (nowhere) holds no"):
        assert words in said
    assert "'d'" not in said


def test_methods_are_not_mixed(tiny_model: str, folders: dict[str, str], tmp_path: Path) -> None:
    scaling = IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"])
    other = saved(tiny_model, tmp_path / "ia3", scaling)
    lora = folders["first.one"]

    with pytest.raises(UsageError, match="different methods cannot be served together: IA3, LORA"):
        refuse_unservable({"one": other}, [lora])
    refuse_unservable({"one": lora}, [other, lora])  # the first of two is folded into the weights
    refuse_unservable({}, [other])
