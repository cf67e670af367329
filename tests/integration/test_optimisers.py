"""Every optimiser and every schedule of transformers: built, stepped, and what they amount to."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("peft")

import torch
from safetensors.torch import load_file
from tests.contract.trainer_contract import ROWS, plan
from tests.fakes.observer import RecordingObserver
from tests.fakes.registries import keep_registries
from tests.fakes.tokenizer import ByteTokenizer
from tests.integration.tuner_cases import lora, save_lively_model
from torch import nn
from transformers import TrainerCallback
from transformers.trainer_utils import SchedulerType
from transformers.training_args import OptimizerNames

from swiftx import plugins
from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.adapters.trainers.transformers import TransformersTrainer
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.plans.tuning import FullPlan
from swiftx.domain.training.optimisers import refuse_optimiser
from swiftx.errors import MissingDependency, UsageError

pytestmark = pytest.mark.filterwarnings(
    "ignore:Paged optimizers are not supported on CPU",  # bitsandbytes: they run, without paging
    "ignore:This implementation of AdamW is deprecated",  # galore-torch's own
    "ignore:CUDA is not available or torch_xla",  # grokadamw's decorator
    "ignore:.torch.cuda.amp.autocast",
    "ignore:Deallocating Tensor that still has live PyObject",
)

NOT_HERE = {
    "adamw_torch_xla",
    "adamw_torch_npu_fused",
    "adamw_anyprecision",
    "galore_adamw_8bit",
    "galore_adamw_8bit_layerwise",
    "galore_adafactor_layerwise",
    "adalomo",
}
"""Refused before anything is loaded; `test_what_cannot_run_on_a_cpu_is_refused_with_another_name`."""

SLOW = {"sgd": 1.0, "schedule_free_sgd": 1.0, "schedule_free_radam": 0.05, "lomo": 0.05}
"""Learning rates of those that hardly move at 0.01."""


@pytest.fixture(scope="module")
def base(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_lively_model(tiny_model, tmp_path_factory.mktemp("lively"))


def new_model(base: str) -> nn.Module:
    loaded = TransformersLoader().load(LoadPlan(folder=base, dtype="float32", device="cpu"))
    return cast(nn.Module, make_tuner().attach(loaded.model, FullPlan()))


def fit(
    model: nn.Module,
    folder: Path,
    rows: list[Encoded] | None = None,
    *,
    changes: dict[str, Any] | None = None,
    **arguments: Any,
) -> RecordingObserver:
    heard = RecordingObserver()
    TransformersTrainer().fit(
        cast(Any, model),
        ByteTokenizer(),
        plan(folder, arguments={"save_strategy": "no", **arguments}, **(changes or {})),
        train=rows or ROWS[:2],
        validation=ROWS[:1] if "eval_strategy" in arguments else (),
        observer=heard,
    )
    return heard


def needs(name: str) -> dict[str, Any]:
    """Return the further arguments that an optimiser asks for."""
    found: dict[str, Any] = {}
    if name.startswith(("galore", "apollo")):
        found["optim_target_modules"] = ["attn", "mlp"]
    if name.endswith(("_layerwise", "lomo")):
        found |= {"gradient_accumulation_steps": 1, "max_grad_norm": 0.0}
    return found


@pytest.mark.parametrize("name", sorted({each.value for each in OptimizerNames} - NOT_HERE))
def test_every_optimiser_of_transformers_lowers_the_loss(
    base: str, name: str, tmp_path: Path
) -> None:
    model = new_model(base)
    before = {key: value.detach().clone() for key, value in model.named_parameters()}

    # One row again and again, so that losses of single steps compare.
    losses = fit(
        model, tmp_path, ROWS[:1], optim=name, max_steps=12 if name == "schedule_free_radam" else 6,
        learning_rate=SLOW.get(name, 0.01), **needs(name),
    ).losses  # fmt: skip

    assert losses[-1] < losses[0] - 0.5
    assert all(torch.isfinite(value).all() for value in model.parameters())
    assert any(not torch.equal(value, before[key]) for key, value in model.named_parameters())


@pytest.mark.parametrize("name", sorted(NOT_HERE))
def test_what_cannot_run_on_a_cpu_is_refused_with_another_name(name: str) -> None:
    args = SftArgs(model="m", optim=name, **needs(name))

    with pytest.raises(UsageError, match=f"optim {name}") as caught:
        refuse_optimiser(args, "cpu")

    assert "--optim" in str(caught.value.errors[0].hint)


@pytest.mark.parametrize("name", ["lomo", "apollo_adamw_layerwise"])
def test_stepping_in_the_backward_pass_excludes_gathering_and_clipping(name: str) -> None:
    args = SftArgs(model="m", optim=name, gradient_accumulation_steps=16, max_grad_norm=1.0)

    with pytest.raises(UsageError) as caught:
        refuse_optimiser(args, "cpu", world_size=2)

    assert {"gradient_accumulation_steps", "max_grad_norm", "optim"} <= {
        error.argument for error in caught.value.errors
    }


def test_an_absent_library_is_named_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swiftx.adapters.trainers.optimisers.find_spec", lambda _name: None)

    with pytest.raises(MissingDependency, match="schedulefree") as caught:
        TransformersTrainer().check(plan(tmp_path, arguments={"optim": "schedule_free_adamw"}))

    assert "swiftx[optimisers]" in str(caught.value.hint)


# --- schedules -------------------------------------------------------------------------------------

STEPS = 8
RATE = 0.01


def rates(base: str, folder: Path, **arguments: Any) -> list[float]:
    """Return the learning rate of each of the 8 steps."""
    heard = fit(
        new_model(base), folder, max_steps=STEPS, learning_rate=RATE, optim="sgd", **arguments
    )
    return [line["learning_rate"] / RATE for _, line in heard.lines if "loss" in line]


def expected(name: str, step: int, warmup: int) -> float:
    """Return the factor of a schedule by its formula; the first step is number 0."""
    if step < warmup:
        return step / warmup
    done = (step - warmup) / (STEPS - warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * done))
    match name:
        case "linear":
            return 1 - done
        case "cosine":
            return cosine
        case "cosine_with_restarts":
            return 0.5 * (1 + math.cos(math.pi * ((2 * done) % 1)))
        case "polynomial":
            return (1 - 1e-7 / RATE) * (1 - done) ** 2 + 1e-7 / RATE
        case "inverse_sqrt":
            return 1 / math.sqrt((step - warmup + 4) / 4)
        case "cosine_with_min_lr" | "cosine_warmup_with_min_lr":
            return 0.1 + 0.9 * cosine
        case _:
            return 1.0


SCHEDULES: dict[str, dict[str, Any]] = {
    "linear": {},
    "cosine": {},
    "cosine_with_restarts": {"num_cycles": 2},
    "polynomial": {"power": 2},
    "constant_with_warmup": {},
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(
    "warmup", [{}, {"warmup_ratio": 0.25}, {"warmup_steps": 2}, {"warmup_steps": 0.25}]
)
def test_schedules_follow_their_formulas(
    base: str, name: str, warmup: dict[str, Any], tmp_path: Path
) -> None:
    found = rates(
        base, tmp_path, lr_scheduler_type=name, lr_scheduler_kwargs=SCHEDULES[name], **warmup
    )

    steps = 2 if warmup else 0
    assert found == pytest.approx([expected(name, step, steps) for step in range(STEPS)], abs=1e-6)


OTHERS: dict[str, dict[str, Any]] = {
    "constant": {},
    "inverse_sqrt": {"timescale": 4},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1},
    "warmup_stable_decay": {"num_decay_steps": 2},
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_schedules_run_with_their_options(base: str, name: str, tmp_path: Path) -> None:
    found = rates(base, tmp_path, lr_scheduler_type=name, lr_scheduler_kwargs=OTHERS[name])

    assert len(found) == STEPS
    assert all(0 <= rate <= 1 + 1e-9 for rate in found)
    if name == "warmup_stable_decay":
        assert found[:6] == pytest.approx([1.0] * 6)
        assert found[-1] < 1
    if name == "inverse_sqrt":
        assert found == pytest.approx([expected(name, step, 0) for step in range(STEPS)])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("reduce_lr_on_plateau", {"patience": 0, "factor": 0.5, "threshold": 0.99}),
        ("greedy", {"patience": 0, "factor": 0.5, "min_lr": 1e-6, "window_size": 1}),
    ],
)
def test_schedules_that_listen_to_the_evaluation_halve_the_rate(
    base: str, name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    found = rates(
        base, tmp_path, lr_scheduler_type=name, lr_scheduler_kwargs=options,
        eval_strategy="steps", eval_steps=1, metric_for_best_model="loss",
    )  # fmt: skip

    assert len(found) == STEPS
    assert len(set(found)) > 1
    if name == "reduce_lr_on_plateau":  # nothing counts as an improvement of 99 %
        assert found[-1] == pytest.approx(found[-2] / 2)
        assert found[-1] < 0.1


def test_every_schedule_of_transformers_is_tried() -> None:
    tried = {*SCHEDULES, *OTHERS, "reduce_lr_on_plateau", "greedy"}

    assert tried == {each.value for each in SchedulerType}


# --- batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("optim", ["sgd", "adamw_torch"])
def test_four_rows_at_once_change_the_weights_as_four_times_one(
    base: str, optim: str, tmp_path: Path
) -> None:
    """The loss is the mean over the tokens of the whole step, however they are dealt."""
    found = []
    for size, times in ((4, 1), (2, 2), (1, 4)):
        model = new_model(base)
        fit(
            model, tmp_path / str(size), list(ROWS[:4]), optim=optim, max_steps=3, learning_rate=0.001,
            per_device_train_batch_size=size, gradient_accumulation_steps=times, adam_epsilon=1e-4,
        )  # fmt: skip
        found.append(dict(model.named_parameters()))

    for other in found[1:]:
        for name, tensor in found[0].items():
            torch.testing.assert_close(other[name], tensor, rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [None, {"use_reentrant": False}, {"use_reentrant": True}])
def test_checkpointed_activations_change_no_gradient(
    base: str, options: dict[str, Any] | None, tmp_path: Path
) -> None:
    plain, saving = new_model(base), new_model(base)
    calls: dict[bool, list[Any]] = {False: [], True: []}
    for model, heard in ((plain, calls[False]), (saving, calls[True])):
        cast(Any, model).model.layers[0].input_layernorm.register_forward_hook(
            lambda *_, heard=heard: heard.append(1)
        )

    fit(plain, tmp_path / "a", max_steps=2)
    fit(
        saving, tmp_path / "b", max_steps=2,
        gradient_checkpointing=True, gradient_checkpointing_kwargs=copy.copy(options),
    )  # fmt: skip

    assert len(calls[False]) < len(calls[True])  # the forward pass once more in the backward one
    for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-6)


def test_lora_plus_trains_the_b_matrices_so_many_times_faster(base: str, tmp_path: Path) -> None:
    moved = []
    for ratio in (None, 16.0):
        loaded = TransformersLoader().load(LoadPlan(folder=base, dtype="float32", device="cpu"))
        model = cast(nn.Module, make_tuner().attach(loaded.model, lora()))
        fit(
            model, tmp_path / str(ratio), max_steps=1, optim="sgd", learning_rate=0.001,
            lr_scheduler_type="constant", max_grad_norm=0.0, changes={"lora_plus_ratio": ratio},
        )  # fmt: skip
        moved.append({name: value for name, value in model.named_parameters() if "lora_B" in name})

    for name, plain in moved[0].items():  # they begin at nothing
        torch.testing.assert_close(moved[1][name], 16 * plain)


def test_lora_plus_excludes_optimisers_with_groups_of_their_own() -> None:
    args = SftArgs(
        model="m", optim="apollo_adamw", optim_target_modules=("attn",), lorap_lr_ratio=16.0
    )

    with pytest.raises(UsageError, match="lorap_lr_ratio"):
        refuse_optimiser(args, "cpu")


SCHEDULE_FREE = ("schedule_free_adamw", "schedule_free_sgd", "schedule_free_radam")


@pytest.mark.parametrize("name", SCHEDULE_FREE)
def test_a_schedule_free_optimiser_saves_the_weights_that_are_evaluated(
    base: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It steps from other weights than those that it averages; only the average is the result."""
    keep_registries(monkeypatch)
    averages: list[dict[str, torch.Tensor]] = []

    @plugins.callback("averages")
    class Averages(TrainerCallback):
        def on_step_end(self, *_: Any, model: Any, optimizer: Any, **__: Any) -> None:
            averages.append(_averages(model, optimizer.optimizer))

    saving: dict[str, Any] = {
        "save_strategy": "steps",
        "save_steps": 3,
        "max_steps": 6,
        "optim": name,
    }
    rate = SLOW.get(name, 0.01)

    whole = fit(new_model(base), tmp_path / "a", learning_rate=rate, **saving)
    fit(
        new_model(base), tmp_path / "b", learning_rate=rate, **saving,
        changes={"resume_from": str(tmp_path / "a" / "checkpoint-3")},
    )  # fmt: skip

    for step in (3, 6):
        saved = load_file(tmp_path / "a" / f"checkpoint-{step}" / "model.safetensors")
        for key, weight in saved.items():
            assert torch.allclose(weight, averages[step - 1][key], atol=1e-6), (step, key)
    resumed = load_file(tmp_path / "b" / "checkpoint-6" / "model.safetensors")
    assert all(torch.equal(weight, resumed[key]) for key, weight in saved.items())
    assert len(whole.losses) == 6


def _averages(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the averages x of the weights, which are y = (1 - b) z + b x while steps are made.

    Source: https://arxiv.org/abs/2405.15682, equation 2.
    """
    b = {
        id(weight): group["betas"][0] if "betas" in group else group["momentum"]
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    return {
        key: (weight - (1 - b[id(weight)]) * optimizer.state[weight]["z"]).detach() / b[id(weight)]
        for key, weight in model.named_parameters()
    }
