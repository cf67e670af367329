"""Quantised loading: weights of every method that runs on a CPU, trained on, saved, resumed, merged."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

import torch
from tests.contract.trainer_contract import ROWS, plan
from tests.fakes.observer import RecordingObserver
from tests.fakes.tokenizer import ByteTokenizer
from tests.integration.tuner_cases import lora, save_lively_model
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from swiftx.adapters.exporters.merge import StreamingMerger
from swiftx.adapters.exporters.whole_model import WholeModelWriter
from swiftx.adapters.models.quantized import size_of
from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.adapters.trainers.transformers import TransformersTrainer
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.plans.exporting import MergePlan
from swiftx.domain.plans.loading import (
    BnbPlan,
    HqqPlan,
    LoadPlan,
    ModelHandle,
    QuantizationPlan,
    QuantoPlan,
    TorchaoPlan,
)
from swiftx.domain.plans.tuning import AdaLoraPlan, PeftPlan, TunerPlan
from swiftx.errors import BackendError

STEPS = 12
HALF = STEPS // 2
IDS = torch.tensor([[byte + 3 for byte in b"hello hello, abc"]])

METHODS: dict[str, QuantizationPlan] = {
    "bnb nf4": BnbPlan(bits=4),
    "bnb nf4 single": BnbPlan(bits=4, double_quant=False),
    "bnb fp4 in bfloat16": BnbPlan(bits=4, quant_type="fp4", storage="bfloat16"),
    "bnb int8": BnbPlan(bits=8),
    "hqq 8": HqqPlan(bits=8),
    "hqq 4": HqqPlan(bits=4),
    "hqq 4 axis 0": HqqPlan(bits=4, axis=0),
    "hqq 2": HqqPlan(bits=2),
    "quanto int8": QuantoPlan(weights="int8"),
    "quanto int4": QuantoPlan(weights="int4"),
    "quanto int2": QuantoPlan(weights="int2"),
    "quanto float8": QuantoPlan(weights="float8"),
    "torchao int8": TorchaoPlan(weights="int8"),
    "torchao float8": TorchaoPlan(weights="float8"),
}
"""Every method that runs on a CPU."""

needs_hqq = pytest.mark.skipif(find_spec("hqq") is None, reason="hqq is not installed")
"""It is not part of the tests' environment: beside it, transformers takes seconds more to import."""

CASES = [
    pytest.param(method, id=name, marks=[needs_hqq] if isinstance(method, HqqPlan) else [])
    for name, method in METHODS.items()
]

CLOSENESS = {"8": 0.02, "4": 0.25, "2": 1.0}
"""Largest difference of logits from the unquantised model's, as a share of the largest, by bits."""


def bits_of(method: QuantizationPlan) -> str:
    match method:
        case BnbPlan() | HqqPlan():
            return str(method.bits)
        case QuantoPlan() | TorchaoPlan():
            return method.weights[-1]
        case _:
            raise TypeError(method)


@pytest.fixture(scope="module")
def base(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_lively_model(tiny_model, tmp_path_factory.mktemp("lively"))


def load(folder: str, method: QuantizationPlan | None) -> ModelHandle:
    plan = LoadPlan(folder=folder, dtype="float32", device="cpu", quantization=method)
    return TransformersLoader().load(plan).model


def new_model(base: str, method: QuantizationPlan, tuner: TunerPlan | None = None) -> ModelHandle:
    return make_tuner().attach(load(base, method), tuner or lora(rank=8, alpha=16))


def fit(model: ModelHandle, folder: Path, **changes: Any) -> RecordingObserver:
    heard = RecordingObserver()
    arguments = {"max_steps": STEPS, "save_steps": HALF, "learning_rate": 0.02}
    arguments |= changes.pop("arguments", {})
    TransformersTrainer().fit(
        model,
        ByteTokenizer(),
        plan(folder, arguments=arguments, **changes),
        train=ROWS[:2],
        validation=ROWS[2:4] if "eval_strategy" in arguments else (),
        observer=heard,
    )
    return heard


def logits(model: object) -> Tensor:
    with torch.no_grad():
        found: Tensor = cast(Any, model).eval()(IDS).logits
    return found


def difference(one: object, other: object) -> float:
    """Return the largest difference of two models' logits, as a share of the largest logit."""
    first, second = logits(one), logits(other)
    return float((first - second).abs().max() / second.abs().max())


@dataclass
class Run:
    """LoRA trained on a quantized model."""

    method: QuantizationPlan
    base: str
    model: ModelHandle
    losses: list[float]
    checkpoints: list[str]
    unlearned: Tensor


@pytest.fixture(scope="module", params=CASES)
def run(request: pytest.FixtureRequest, base: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    method: QuantizationPlan = request.param
    model = new_model(base, method)
    with cast(Any, model).disable_adapter():
        unlearned = logits(model)
    heard = fit(model, tmp_path_factory.mktemp("run"))
    checkpoints = [path for _, path in heard.checkpoints]
    return Run(method, base, model, heard.losses, checkpoints, unlearned)


def test_weights_are_quantized_and_stay_close(run: Run) -> None:
    whole, small = load(run.base, None), load(run.base, run.method)

    assert 0 < difference(small, whole) < CLOSENESS[bits_of(run.method)]


def test_the_loss_falls_and_the_quantized_weights_stay(run: Run) -> None:
    assert run.losses[-1] < 6.0 < run.losses[0]
    with cast(Any, run.model).disable_adapter():
        assert torch.equal(logits(run.model), run.unlearned)


def test_a_saved_adapter_computes_the_same_when_loaded(run: Run) -> None:
    loaded = make_tuner().load(load(run.base, run.method), [run.checkpoints[-1]])

    assert difference(loaded, run.model) < 1e-5


def test_resuming_equals_not_having_stopped(run: Run, tmp_path: Path) -> None:
    heard = fit(new_model(run.base, run.method), tmp_path, resume_from=run.checkpoints[0])

    assert heard.losses == run.losses[HALF:]


def test_merging_goes_into_the_whole_weights_of_the_base(run: Run, tmp_path: Path) -> None:
    output = str(tmp_path / "merged")
    merger = StreamingMerger(WholeModelWriter(TransformersLoader(), make_tuner()))
    merge = MergePlan(
        base=run.base,
        adapters=(run.checkpoints[-1],),
        output_dir=output,
        max_shard_size=10**9,
        dtype="float32",
    )
    merger.merge(merge, progress=lambda _done, _total: None)

    unmerged = make_tuner().load(load(run.base, None), [run.checkpoints[-1]])
    merged = load(output, None)
    assert difference(merged, unmerged) < 1e-5
    assert difference(merged, run.model) < 2 * CLOSENESS[bits_of(run.method)]


def test_evaluating_between_steps_changes_no_step(base: str, tmp_path: Path) -> None:
    """On some CPUs bitsandbytes packs its weights anew to evaluate, and then passes no gradient on."""
    evaluates = {"eval_strategy": "steps", "eval_steps": 2}

    plain = fit(new_model(base, BnbPlan(bits=4)), tmp_path / "a")
    watched = fit(new_model(base, BnbPlan(bits=4)), tmp_path / "b", arguments=evaluates)

    assert watched.losses == plain.losses


@pytest.mark.parametrize("method", ["adalora", "ia3", "hira", "pvera", "randlora", "road"])
@pytest.mark.parametrize("bits", [4, 8])
def test_the_methods_that_know_the_packed_weights_learn(
    base: str, method: str, bits: int, tmp_path: Path
) -> None:
    plans = {"adalora": ADALORA, "road": PeftPlan(method="ROAD", options={"group_size": 8})}
    tuner = plans.get(method, PeftPlan(method=method.upper()))
    rate = {"learning_rate": 1.0 if method == "ia3" else 0.1}

    losses = fit(new_model(base, BnbPlan(bits=bits), tuner), tmp_path, arguments=rate).losses

    assert losses[-1] < losses[0] - 0.3


def test_dora_learns_on_four_bits(base: str, tmp_path: Path) -> None:
    model = new_model(base, BnbPlan(bits=4), lora(use_dora=True))

    losses = fit(model, tmp_path).losses

    assert losses[-1] < losses[0] - 1


def test_a_packed_byte_counts_as_two_weights(base: str) -> None:
    whole, small = (cast(nn.Module, load(base, method)) for method in (None, BnbPlan(bits=4)))

    assert sum(map(size_of, small.parameters())) == sum(map(size_of, whole.parameters()))


@needs_hqq
def test_groups_that_do_not_fit_a_layer_are_named(base: str, tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=8, hidden_size=12, intermediate_size=20, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy2(Path(base) / name, tmp_path / name)

    with pytest.raises(BackendError, match=r"HQQ cannot quantize model\.layers"):
        load(str(tmp_path), HqqPlan(bits=4))


ADALORA = AdaLoraPlan(
    target_r=2, init_r=4, tinit=2, tfinal=4, delta_t=1, beta1=0.85, beta2=0.85,
    orth_reg_weight=0.5, alpha=32, dropout=0.0,
)  # fmt: skip
