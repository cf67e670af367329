"""Every tuner learns, changes what it is to change, and is the same after saving, resuming and merging."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("peft")

import torch
from tests.contract.trainer_contract import ROWS, plan
from tests.fakes.observer import RecordingObserver
from tests.fakes.tokenizer import ByteTokenizer
from tests.integration.tuner_cases import CASES, STEPS, Case, save_lively_model
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from swiftx.adapters.exporters.merge import StreamingMerger
from swiftx.adapters.exporters.whole_model import WholeModelWriter
from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.adapters.trainers.transformers import TransformersTrainer
from swiftx.bootstrap.tuners import make_tuner
from swiftx.domain.plans.exporting import MergePlan
from swiftx.domain.plans.loading import LoadPlan, ModelHandle
from swiftx.domain.plans.tuning import FullPlan
from swiftx.errors import BackendError

pytestmark = pytest.mark.filterwarnings(
    "ignore:Sparse invariant checks"
)  # torch, of what FRoD makes

HALF = STEPS // 2
IDS = torch.tensor([[byte + 3 for byte in b"hello hello, abc"]])


@dataclass
class Run:
    """A finished run: its case, base model, losses, checkpoints, and tensors before and after."""

    case: Case
    base: str
    folder: Path
    losses: list[float]
    before: dict[str, Tensor]
    model: nn.Module
    checkpoints: list[str]


def new_model(base: str, case: Case) -> ModelHandle:
    model = TransformersLoader().load(LoadPlan(folder=base, dtype="float32", device="cpu")).model
    return make_tuner().attach(model, case.plan, ROWS[:4])


def fit(model: ModelHandle, case: Case, folder: Path, **changes: Any) -> RecordingObserver:
    heard = RecordingObserver()
    steps: dict[str, Any] = {
        "max_steps": STEPS,
        "save_steps": HALF,
        "learning_rate": case.rate,
        **changes.pop("arguments", {}),
    }
    TransformersTrainer().fit(
        model,
        ByteTokenizer(),
        plan(folder, arguments=steps, **{**case.changes, **changes}),
        train=ROWS[:2],
        validation=(),
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


@pytest.fixture(scope="module")
def lively_model(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_lively_model(tiny_model, tmp_path_factory.mktemp("lively"))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def run(
    request: pytest.FixtureRequest, lively_model: str, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    case: Case = request.param
    folder = tmp_path_factory.mktemp("run")
    model = cast(nn.Module, new_model(lively_model, case))
    before = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    heard = fit(cast(ModelHandle, model), case, folder)
    checkpoints = [path for _, path in heard.checkpoints]
    return Run(case, lively_model, folder, heard.losses, before, model, checkpoints)


def test_the_loss_falls(run: Run) -> None:
    assert run.losses[-1] < run.case.loss < run.losses[0]


def test_what_was_meant_changes_and_nothing_else(run: Run) -> None:
    changed = {
        name
        for name, tensor in run.model.named_parameters()
        if not torch.equal(tensor, run.before[name])
    }

    assert changed
    assert {name for name in changed if not run.case.trains(name)} == set()


def test_a_saved_one_computes_the_same_when_loaded(run: Run) -> None:
    if isinstance(run.case.plan, FullPlan):
        loaded = AutoModelForCausalLM.from_pretrained(run.checkpoints[-1])
    else:
        base = LoadPlan(folder=run.base, dtype="float32", device="cpu")
        loaded = make_tuner().load(TransformersLoader().load(base).model, [run.checkpoints[-1]])

    assert difference(loaded, run.model) < 1e-5


def test_resuming_equals_not_having_stopped(run: Run, tmp_path: Path) -> None:
    heard = fit(new_model(run.base, run.case), run.case, tmp_path, resume_from=run.checkpoints[0])

    assert heard.resumed_at == HALF
    assert heard.losses == run.losses[HALF:]


def test_a_merged_one_computes_the_same_or_is_refused(run: Run, tmp_path: Path) -> None:
    if isinstance(run.case.plan, FullPlan):
        pytest.skip("full weights have nothing to merge")
    merger = StreamingMerger(WholeModelWriter(TransformersLoader(), make_tuner()))
    output = str(tmp_path / "merged")
    plan = MergePlan(
        base=run.base,
        adapters=(run.checkpoints[-1],),
        output_dir=output,
        max_shard_size=10**9,
        dtype="float32",
    )

    if not run.case.merges:
        with pytest.raises(BackendError, match="cannot be merged"):
            merger.merge(plan, progress=lambda _done, _total: None)
        return
    merger.merge(plan, progress=lambda _done, _total: None)

    whole = LoadPlan(folder=output, dtype="float32", device="cpu")
    merged = TransformersLoader().load(whole).model
    assert difference(merged, run.model) < 1e-5
