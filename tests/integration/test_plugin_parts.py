"""What plugins make for a training, and how they are told what they do wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from tests.fakes.registries import keep_registries
from torch import nn
from transformers import TrainerCallback, TrainingArguments

from swiftx import plugins
from swiftx.adapters.trainers.plugin_parts import plugin_callbacks, plugin_optimizer
from swiftx.adapters.tuners._shared import plugin_config
from swiftx.domain.plans.tuning import PluginTunerPlan
from swiftx.errors import BackendError

MODEL = nn.Linear(2, 2)


@pytest.fixture(autouse=True)
def _registries(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registries(monkeypatch)


@pytest.fixture
def arguments(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(tmp_path),
        learning_rate=0.5,
        weight_decay=0.25,
        adam_beta1=0.8,
        optim_args="momentum=0.9, nesterov=yes",
        use_cpu=True,
        report_to=[],
    )


def test_an_optimiser_is_given_what_the_command_line_says(arguments: TrainingArguments) -> None:
    seen: list[plugins.OptimizerSettings] = []

    @plugins.optimizer("mine")
    def mine(model: nn.Module, settings: plugins.OptimizerSettings) -> torch.optim.Optimizer:
        seen.append(settings)
        return torch.optim.SGD(model.parameters(), lr=settings.learning_rate)

    made = plugin_optimizer("mine", MODEL, arguments)

    assert made.param_groups[0]["params"] == list(MODEL.parameters())
    (settings,) = seen
    assert (settings.learning_rate, settings.weight_decay) == (0.5, 0.25)
    assert (settings.betas, settings.epsilon) == ((0.8, 0.999), 1e-8)
    assert settings.options == {"momentum": "0.9", "nesterov": "yes"}


def _fails(*_: Any) -> Any:
    raise KeyError("lr")


@pytest.mark.parametrize(
    ("function", "words"),
    [(_fails, "'mine' of a plugin failed: KeyError: 'lr'"), (lambda *_: 3, "returned 3|is 3")],
)
def test_what_a_plugin_does_wrong_is_said_with_its_name(
    arguments: TrainingArguments, function: Any, words: str
) -> None:
    plugins.optimizer("mine")(function)
    plugins.callback("mine")(function)
    plugins.tuner("mine")(function)
    plan = PluginTunerPlan(method="mine")

    with pytest.raises(BackendError, match=words):
        plugin_optimizer("mine", MODEL, arguments)
    with pytest.raises(BackendError, match=words):
        plugin_callbacks()
    with pytest.raises(BackendError, match=words):
        plugin_config(plan, targets=["q_proj"], task_type="CAUSAL_LM")


def test_a_tuner_is_given_what_the_command_line_says() -> None:
    @plugins.tuner("mine")
    def mine(settings: plugins.TunerSettings) -> LoraConfig:
        return LoraConfig(
            r=settings.rank, target_modules=list(settings.targets), **settings.options
        )

    plan = PluginTunerPlan(method="mine", rank=3, options={"use_rslora": True})
    made = plugin_config(plan, targets=["q_proj"], task_type="CAUSAL_LM")

    assert isinstance(made, LoraConfig)
    assert (made.r, made.target_modules, made.use_rslora) == (3, {"q_proj"}, True)


def test_each_training_has_callbacks_of_its_own() -> None:
    plugins.callback("mine")(TrainerCallback)

    (first,), (second,) = plugin_callbacks(), plugin_callbacks()

    assert first is not second


@pytest.mark.parametrize("register", [plugins.tuner, plugins.metric, plugins.token_loss])
def test_a_name_and_a_function_are_needed(register: Any) -> None:
    with pytest.raises(ValueError, match="needs a name"):
        register("")
    with pytest.raises(TypeError, match="is a function"):
        register("mine")(3)
