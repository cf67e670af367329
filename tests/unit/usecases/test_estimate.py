from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from tests.fakes.encoded import InMemoryEncodedStore
from tests.fakes.hub import InMemoryHub
from tests.fakes.models import model_facts
from tests.fakes.rows import InMemoryRows, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage
from tests.fakes.system import RecordingReporter, TickingClock
from tests.fakes.tokenizer import ByteTokenizer
from tests.fakes.tuner import TableTuner
from tests.fakes.workers import InlineWorkers

from swiftx.domain.args.commands.estimate import EstimateArgs
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.plans.facts import DeviceFacts
from swiftx.domain.plans.loading import LoadPlan, ModelHandle
from swiftx.domain.plans.memory import BatchShape, StepMemory
from swiftx.domain.plans.training import TrainPlan
from swiftx.domain.plans.tuning import LoraPlan
from swiftx.domain.training.tokenized import TokenPorts
from swiftx.domain.usecases.estimate import EstimateFacts, EstimatePorts, estimate
from swiftx.errors import DataError, NotBuiltYet

FILES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "data.jsonl": [chat("q" * n, "a") for n in range(1, 11)],
    "empty.jsonl": [],
}


class Scales:
    """Weighs every batch alike, and remembers them; builds skeletons of nothing."""

    def __init__(self, *, available: int | None = 1000) -> None:
        self.available = available
        self.loaded: list[LoadPlan] = []
        self.batches: list[BatchShape] = []

    def skeleton(self, plan: LoadPlan) -> ModelHandle:
        self.loaded.append(plan)
        return ModelHandle({})

    def measure(self, model: ModelHandle, plan: TrainPlan, batch: BatchShape) -> StepMemory:
        self.batches.append(batch)
        return StepMemory(
            weights=400,
            gradients=40,
            optimizer=80,
            activations=200,
            logits=20,
            passing=10,
            heap=5,
            process=100,
            available=self.available,
            all_gradients=60,
            trained=10,
            total_weights=100,
            notes=("a guess",),
        )


class World:
    def __init__(self, scales: Scales) -> None:
        self.scales = scales
        self.tuner = TableTuner()
        self.reporter = RecordingReporter()
        storage = InMemoryStorage(dict.fromkeys(FILES, ""))
        hub = InMemoryHub({})
        self.ports = EstimatePorts(
            tokens=TokenPorts(
                data=DataPorts(InMemoryRows(FILES), storage, SeededShuffler(), lambda _: hub),
                encoded=InMemoryEncodedStore(),
                workers=InlineWorkers(),
                clock=TickingClock(),
                reporter=self.reporter,
            ),
            tokenizer=ByteTokenizer(),
            skeletons=scales,
            tuner=self.tuner,
            rehearsal=scales,
            reporter=self.reporter,
        )

    def facts(self, **changes: Any) -> EstimateFacts:
        known: dict[str, Any] = {
            "model": model_facts("/model"),
            "device": DeviceFacts(kind="cpu", count=1, bf16=False, cpu_count=2),
            "origin": {},
            "today": date(2026, 1, 1),
        }
        return EstimateFacts(**{**known, **changes})

    def args(self, **changes: Any) -> EstimateArgs:
        defaults: dict[str, Any] = {
            "model": "/model",
            "dataset": ("data.jsonl",),
            "template": "chatml",
            "torch_dtype": "float32",
            "gradient_accumulation_steps": 2,
        }
        return EstimateArgs(**{**defaults, **changes})


def _tokens(question: str, answer: str) -> int:
    """Return the tokens of a row in ChatML with a token a byte, but one for each control token."""
    controls, roles, breaks = 4, len("user") + len("assistant"), 4
    return controls + roles + breaks + len(question) + len(answer)


@pytest.fixture
def world() -> World:
    return World(Scales())


def test_the_longest_row_is_weighed(world: World) -> None:
    found = estimate(world.args(per_device_train_batch_size=2), world.ports, world.facts())

    (batch,) = world.scales.batches
    assert batch.rows == 2
    assert batch.masked
    assert batch.tokens == _tokens("q" * 10, "a")
    assert found.batch == batch
    assert found.total == 400 + 40 + 80 + 200 + 20 + 10 + 5 + 100
    assert found.fits
    assert world.reporter.warned == ["a guess"]


def test_without_data_rows_are_as_long_as_they_may_be(world: World) -> None:
    args = world.args(dataset=(), max_length=512, per_device_train_batch_size=3)
    estimate(args, world.ports, world.facts())

    assert world.scales.batches == [BatchShape(rows=3, tokens=512, masked=True)]


@pytest.mark.parametrize(
    ("changes", "batch"),
    [
        ({"padding_free": True}, BatchShape(rows=1, tokens=1024)),
        ({"packing": True, "packing_length": 2048}, BatchShape(rows=1, tokens=4096)),
        ({"attn_impl": "flash_attention_2"}, BatchShape(rows=2, tokens=512)),
    ],
)
def test_rows_of_one_sequence_need_no_mask(
    world: World, changes: Mapping[str, Any], batch: BatchShape
) -> None:
    args = world.args(dataset=(), max_length=512, per_device_train_batch_size=2, **changes)
    estimate(args, world.ports, world.facts())

    assert world.scales.batches == [batch]


def test_processes_keep_copies_of_what_they_exchange(world: World) -> None:
    found = estimate(world.args(), world.ports, world.facts(world_size=2))

    assert found.buckets == 60
    assert found.total == found.memory.total + 60


def test_it_says_when_there_is_too_little() -> None:
    world = World(Scales(available=854))
    assert estimate(world.args(), world.ports, world.facts()).fits is False
    world = World(Scales(available=None))
    assert estimate(world.args(), world.ports, world.facts()).fits is None


def test_adapters_begin_with_no_numbers_of_the_weights(world: World) -> None:
    estimate(world.args(init_weights="pissa_niter_4"), world.ports, world.facts())

    (plan,) = world.tuner.attached
    assert isinstance(plan, LoraPlan)
    assert plan.init_weights == "true"


@pytest.mark.parametrize(
    "changes",
    [
        {"task_type": "seq_cls", "num_labels": 2},
        {"deepspeed": "zero2"},
        {"adapters": ("/adapter",)},
        {"use_galore": True, "train_type": "full"},
    ],
)
def test_what_is_not_weighed_is_refused_before_anything_is_read(
    world: World, changes: Mapping[str, Any]
) -> None:
    with pytest.raises(NotBuiltYet, match="cannot be estimated"):
        estimate(world.args(**changes), world.ports, world.facts())
    assert world.scales.loaded == []


def test_multimodal_and_quantised_models_are_named_together(world: World) -> None:
    model = model_facts("/model", is_multimodal=True, quantization="gptq")
    with pytest.raises(NotBuiltYet, match="multimodal model '/model', quantized weights"):
        estimate(world.args(), world.ports, world.facts(model=model))


def test_no_row_is_an_error(world: World) -> None:
    with pytest.raises(DataError, match="no row"):
        estimate(world.args(dataset=("empty.jsonl",)), world.ports, world.facts())
