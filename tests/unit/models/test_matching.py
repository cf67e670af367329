"""Which model type a model is of."""

from __future__ import annotations

import re

import pytest
from tests.fakes.registries import keep_registries

from swiftx.domain.models import registry
from swiftx.domain.models.matching import match
from swiftx.domain.models.model_type import ModelType
from swiftx.domain.templates import registry as templates
from swiftx.errors import NotFound


@pytest.mark.parametrize(
    ("name", "model_type"),
    [
        ("smollm2-135m-instruct", "smollm2"),
        ("SmolLM2-1.7B-Instruct", "smollm2"),
        ("Qwen2.5-7B-Instruct", "qwen2_5"),
        ("Qwen2.5-Coder-0.5B", "qwen2_5"),
        ("Qwen2.5-Math-1.5B-Instruct", "qwen2_5_math"),
        ("Qwen3-8B", "qwen3"),
        ("Qwen3-30B-A3B-Thinking-2507", "qwen3_moe_thinking"),
        ("QwQ-32B", "qwq"),
        ("Llama-3.2-1B-Instruct", "llama3_2"),
        ("Meta-Llama-3.1-8B-Instruct", "llama3_1"),
        ("Llama-2-7b-chat-hf", "llama"),
        ("DeepSeek-R1-Distill-Qwen-7B", "deepseek_r1_distill"),
        ("DeepSeek-V3", "deepseek_v2_5"),
        ("gemma-3-1b-it", "gemma3_text"),
        ("Phi-4", "phi4"),
        ("glm-4-9b-chat", "glm4"),
        ("gpt-oss-20b", "gpt_oss"),
        ("Mistral-7B-Instruct-v0.3", "mistral"),
    ],
)
def test_a_well_known_model_is_known_by_its_name(name: str, model_type: str) -> None:
    assert match(name, ()) == (model_type,)


def test_the_name_decides_before_the_architecture() -> None:
    assert match("Qwen2.5-7B-Instruct", ("LlamaForCausalLM",)) == ("qwen2_5",)


def test_an_architecture_of_one_family_decides() -> None:
    assert match("my-finetune", ("SeedOssForCausalLM",)) == ("seed_oss",)


def test_an_architecture_of_many_families_leaves_the_choice_to_the_user() -> None:
    candidates = match("my-finetune", ("LlamaForCausalLM",))

    assert {"llama", "llama3", "yi", "deepseek"} <= set(candidates)


@pytest.mark.parametrize(("name", "architectures"), [("", ()), ("nothing-like-it", ("NoSuchLM",))])
def test_nothing_matches_what_nobody_knows(name: str, architectures: tuple[str, ...]) -> None:
    assert match(name, architectures) == ()


def test_no_two_model_types_claim_the_name_of_a_known_model() -> None:
    plain = {
        pattern.replace("\\.", "."): each.name
        for each in registry.all_types()
        for pattern in each.ids
        if re.fullmatch(r"[\w.\\-]+", pattern)
    }

    assert {name: match(name, ()) for name in plain} == {k: (v,) for k, v in plain.items()}


def test_every_declared_template_exists() -> None:
    for each in registry.all_types():
        assert each.template is None or templates.get(each.template).name == each.template


@pytest.mark.parametrize(
    ("model_type", "template"),
    [("qwen2_5", "qwen2_5"), ("mistral", "llama"), ("smollm2", "smollm2"), ("qwen2_gte", "dummy")],
)
def test_a_model_type_knows_its_template(model_type: str, template: str) -> None:
    spec = templates.for_model_type(model_type)

    assert spec is not None
    assert spec.name == template == registry.template_of(model_type)


def test_an_unknown_model_type_is_named_with_close_matches() -> None:
    with pytest.raises(NotFound, match="'qwen25'") as caught:
        registry.get("qwen25")

    assert "qwen2_5" in str(caught.value.hint)


def test_a_plugin_adds_its_own_model_type(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registries(monkeypatch)

    registry.register(ModelType(name="mine", template=None, ids=("mine-.*",), is_moe=True))

    assert match("Mine-7B", ()) == ("mine",)
    assert registry.template_of("mine") is None
    assert templates.for_model_type("mine") is None
