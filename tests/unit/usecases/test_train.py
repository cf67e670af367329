from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.encoded import InMemoryEncodedStore
from tests.fakes.hub import InMemoryHub
from tests.fakes.models import InMemoryLoader, model_facts
from tests.fakes.observer import RecordingObserver
from tests.fakes.rows import InMemoryRows, SeededShuffler, chat
from tests.fakes.storage import InMemoryStorage
from tests.fakes.system import RecordingReporter, TickingClock
from tests.fakes.tokenizer import ByteTokenizer
from tests.fakes.trainer import BigramTrainer
from tests.fakes.tuner import TableTuner
from tests.fakes.workers import InlineWorkers

from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.plans.facts import DeviceFacts
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.plans.tuning import FullPlan, LoraPlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.tokenized import TokenPorts, keep_tokens
from swiftx.domain.usecases.train import train
from swiftx.domain.usecases.train_ports import TrainFacts, TrainPorts
from swiftx.errors import DataError, NotBuiltYet, NotFound, StorageError, UsageError

FILES = {"data.jsonl": [chat(f"q{n}", f"a{n}") for n in range(10)]}
CPU = DeviceFacts(kind="cpu", count=1, bf16=False, cpu_count=2)


class World:
    """All ports as fakes, and a run folder on the disk for the fake trainer's checkpoints."""

    def __init__(
        self, folder: Path, files: Mapping[str, Sequence[Mapping[str, Any]]] = FILES
    ) -> None:
        self.output_dir = str(folder)
        self.storage = InMemoryStorage(dict.fromkeys(files, ""))
        self.loader = InMemoryLoader({"/model": ByteTokenizer()})
        self.tuner = TableTuner(adapters=["/adapter", "/resumed/checkpoint-2"])
        self.trainer = BigramTrainer()
        self.observer = RecordingObserver()
        self.reporter = RecordingReporter()
        self.encoded = InMemoryEncodedStore()
        hub = InMemoryHub({})
        self.ports = TrainPorts(
            tokens=TokenPorts(
                data=DataPorts(InMemoryRows(files), self.storage, SeededShuffler(), lambda _: hub),
                encoded=self.encoded,
                workers=InlineWorkers(),
                clock=TickingClock(),
                reporter=self.reporter,
            ),
            storage=self.storage,
            loader=self.loader,
            tuner=self.tuner,
            trainer=self.trainer,
            observer=self.observer,
            reporter=self.reporter,
        )
        self.facts = TrainFacts(
            model=model_facts("/model"),
            device=CPU,
            origin={},
            args_json={"model": "/model"},
            today=date(2026, 1, 1),
        )

    def args(self, **changes: Any) -> SftArgs:
        """Return resolved arguments."""
        defaults: dict[str, Any] = {
            "model": "/model",
            "dataset": ("data.jsonl",),
            "template": "chatml",
            "torch_dtype": "float32",
            "output_dir": self.output_dir,
            "gradient_accumulation_steps": 2,
            "max_steps": 4,
            "save_steps": 2,
            "learning_rate": 0.01,
            "eval_strategy": "no",
        }
        return SftArgs(**{**defaults, **changes})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "run")


def test_a_run_trains_saves_and_says_what_to_type_next(world: World) -> None:
    outcome = train(world.args(), world.ports, world.facts)

    assert outcome.global_step == 4
    assert world.tuner.attached == [
        LoraPlan(rank=8, alpha=32, dropout=0.05, bias="none", targets=("all-linear",))
    ]
    assert f"swiftx infer --adapters {world.output_dir}/checkpoint-4" in world.reporter.said[-1]
    assert world.reporter.tables["Trained"]["steps"] == "4"
    assert world.reporter.tables["Tokens (train)"]["rows"] == "10"
    assert json.loads(world.storage.read_text(f"{world.output_dir}/args.json")) == {
        "model": "/model"
    }


def test_a_stream_is_trained_packed_and_resumed(world: World) -> None:
    changes: dict[str, Any] = {"streaming": True, "packing": True, "packing_length": 120,
                               "val_dataset": ("data.jsonl#3",), "padding_free": True}  # fmt: skip
    train(world.args(**changes), world.ports, world.facts)

    resumed = world.args(**changes, resume_from_checkpoint=f"{world.output_dir}/checkpoint-2")
    world.storage.put(f"{world.output_dir}/checkpoint-2/trainer_state.json", "{}")
    train(resumed, world.ports, world.facts)

    losses = world.observer.losses
    assert losses[4:] == losses[2:4]
    assert world.reporter.tables["Tokens (val)"]["rows"] == "3"


def test_rows_that_a_stream_left_out_are_told(world: World, tmp_path: Path) -> None:
    rows = [*FILES["data.jsonl"], {"nothing": "usable"}]
    world = World(tmp_path / "run", {"data.jsonl": rows})

    train(world.args(streaming=True, max_steps=8), world.ports, world.facts)

    (said,) = [line for line in world.reporter.warned if "data.jsonl, row 10" in line]
    assert said.startswith("the stream left rows out")


def test_full_training_ends_with_a_model(world: World) -> None:
    train(world.args(train_type="full"), world.ports, world.facts)

    assert world.tuner.attached == [FullPlan()]
    assert f"swiftx infer --model {world.output_dir}" in world.reporter.said[-1]


def test_rows_split_off_for_validation_are_kept_in_the_run_folder(world: World) -> None:
    args = world.args(split_dataset_ratio=0.2, eval_strategy="steps", eval_steps=2, greater_is_better=False,
                      metric_for_best_model="loss")  # fmt: skip

    outcome = train(args, world.ports, world.facts)

    lines = world.storage.read_text(f"{world.output_dir}/val_dataset.jsonl").splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["messages"][1]["role"] == "assistant"
    assert outcome.best_checkpoint is not None
    assert world.trainer.plans[-1].statistics.keys() == {"train_dataset", "val_dataset"}


def test_packed_rows_train_in_packs_and_say_how_full_they_are(world: World) -> None:
    args = world.args(packing=True, padding_free=True, packing_length=150, split_dataset_ratio=0.2)

    outcome = train(args, world.ports, world.facts)

    plan = world.trainer.plans[-1]
    assert outcome.global_step == 4
    assert plan.padding_free
    assert plan.packs is not None
    assert sorted(row for pack in plan.packs for row in pack) == list(range(8))
    assert 1 < len(plan.packs) < 8
    assert "% full" in world.reporter.tables["Tokens (train)"]["packed sequences"]
    assert "packed sequences" not in world.reporter.tables["Tokens (val)"]
    assert f"in {len(plan.packs)} packs" in plan.statistics["train_dataset"]


def test_rows_without_padding_are_not_packed(world: World) -> None:
    train(world.args(padding_free=True), world.ports, world.facts)

    assert world.trainer.plans[-1].padding_free
    assert world.trainer.plans[-1].packs is None


def test_given_validation_rows_are_not_written_again(world: World) -> None:
    args = world.args(val_dataset=("data.jsonl",), eval_strategy="steps", eval_steps=2)

    train(args, world.ports, world.facts)

    assert not world.storage.exists(f"{world.output_dir}/val_dataset.jsonl")


def test_training_starts_from_adapters_that_are_given(world: World) -> None:
    train(world.args(adapters=("/adapter",)), world.ports, world.facts)

    assert world.tuner.loaded == [(("/adapter",), True)]
    assert world.tuner.attached == []


def test_resuming_only_the_model_starts_from_the_newest_checkpoints_adapter(
    world: World, tmp_path: Path
) -> None:
    world.storage.put("/resumed/checkpoint-2/trainer_state.json", "{}")
    args = world.args(
        resume_from_checkpoint="/resumed", resume_only_model=True, ignore_data_skip=True
    )

    train(args, world.ports, world.facts)

    assert world.tuner.loaded == [(("/resumed/checkpoint-2",), True)]
    assert world.trainer.plans[-1].resume_from is None


def test_a_cpu_that_trains_in_float32_says_so(world: World) -> None:
    facts = replace(world.facts, model=model_facts("/model", dtype="bfloat16"))

    train(world.args(), world.ports, facts)

    assert any("this CPU trains in float32" in text for text in world.reporter.said)


def test_arguments_without_effect_are_named(world: World) -> None:
    facts = replace(world.facts, origin={"vera_rank": "cli", "lora_rank": "cli"})

    train(world.args(vera_rank=4, lora_rank=4), world.ports, facts)

    assert world.reporter.warned == ["without effect in this run: --vera_rank"]


@pytest.mark.parametrize("saved", [(), ("embed_tokens", "lm_head")])
def test_new_tokens_whose_rows_are_not_trained_are_told(
    world: World, saved: tuple[str, ...]
) -> None:
    args = world.args(new_special_tokens=("<a>",), modules_to_save=saved)

    train(args, world.ports, world.facts)

    assert any("are not trained" in line for line in world.reporter.warned) == (not saved)


def test_only_the_first_process_writes_and_reports(world: World) -> None:
    facts = replace(world.facts, rank=1, world_size=2)

    train(world.args(split_dataset_ratio=0.2), world.ports, facts)

    assert not world.storage.exists(world.output_dir)
    assert "Trained" not in world.reporter.tables


def test_an_interrupted_run_says_how_to_go_on(world: World) -> None:
    import os
    import signal

    world.ports = replace(
        world.ports,
        observer=RecordingObserver(at_step=lambda _: os.kill(os.getpid(), signal.SIGINT)),
    )

    outcome = train(world.args(), world.ports, world.facts)

    assert outcome.interrupted
    assert f"--resume_from_checkpoint {outcome.last_checkpoint}" in world.reporter.said[-1]


CHEAP_FAILURES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"enable_jit_checkpoint": True}, NotBuiltYet, "--enable_jit_checkpoint true"),
    (
        {
            "packing": True,
            "packing_length": 4096,
            "dataloader_drop_last": True,
            "per_device_train_batch_size": 2,
        },
        DataError,
        "1 packs of rows make no full batch of 2",
    ),
    ({"train_type": "full", "adapters": ("/adapter",)}, UsageError, "adapters"),
    ({"dataset": ("nowhere.jsonl",)}, NotFound, "nowhere"),
    ({"max_length": 5}, DataError, "data.jsonl"),
    ({"resume_from_checkpoint": "/nowhere"}, NotFound, "/nowhere"),
    ({"load_best_model_at_end": True}, UsageError, "validation rows"),
    ({"deepspeed": "zero3", "train_type": "lora"}, NotBuiltYet, "stage 3"),
    ({"output_dir": "/desk/data.jsonl/run"}, StorageError, "data.jsonl"),
    (
        {"per_device_train_batch_size": 16, "dataloader_drop_last": True},
        DataError,
        "no full batch of 16",
    ),
    ({"template": "no_such_template"}, NotFound, "no_such_template"),
]


@pytest.mark.parametrize(("changes", "error", "words"), CHEAP_FAILURES, ids=str)
def test_what_fails_cheaply_fails_before_the_weights_are_loaded(
    world: World, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    facts = replace(world.facts, origin=dict.fromkeys(changes, "cli"))

    with pytest.raises(error, match=words):
        train(world.args(**changes), world.ports, facts)

    assert world.loader.loaded == []
    assert not world.storage.exists(world.output_dir)


def test_a_folder_that_was_there_before_a_failure_stays(world: World) -> None:
    world.storage.put(f"{world.output_dir}/args.json", "{}")

    with pytest.raises(DataError):
        train(world.args(max_length=5), world.ports, world.facts)

    assert world.storage.names(world.output_dir) == ["args.json"]


@pytest.mark.parametrize("changes", [{"is_multimodal": True}, {"quantization": "gptq"}], ids=str)
def test_models_that_cannot_be_trained_yet_are_refused(
    world: World, changes: dict[str, Any]
) -> None:
    facts = replace(world.facts, model=model_facts("/model", **changes))

    with pytest.raises(NotBuiltYet, match="/model"):
        train(world.args(), world.ports, facts)


def test_fewer_rows_than_processes_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path, {"data.jsonl": [chat("q", "a")]})

    with pytest.raises(DataError, match="1 rows make no batch of 1 for each of 2 processes"):
        train(world.args(), world.ports, replace(world.facts, world_size=2))


def _cached(world: World, *, path: str = "/cached", **template: Any) -> None:
    """Keep the rows of `data.jsonl` as tokens, eight for training and two for validation."""
    plan = TemplatePlan(**{"name": "chatml", "today": world.facts.today, **template})
    keep_tokens(
        DataPlan(dataset=("data.jsonl",), split_dataset_ratio=0.2),
        ChatTemplate(plan, ByteTokenizer()),
        world.ports.tokens,
        path,
    )


def test_a_cached_data_set_trains_like_the_rows_it_was_made_of(world: World) -> None:
    _cached(world)

    train(
        world.args(dataset=(), cached_dataset=("/cached",), eval_strategy="steps", eval_steps=2),
        world.ports,
        world.facts,
    )

    assert world.reporter.tables["Tokens (train)"]["rows"] == "8"
    assert world.reporter.tables["Tokens (val)"]["rows"] == "2"
    again = World(Path(f"{world.output_dir}-2"))
    train(
        again.args(split_dataset_ratio=0.2, eval_strategy="steps", eval_steps=2),
        again.ports,
        again.facts,
    )
    assert world.observer.losses == again.observer.losses


def test_cached_data_sets_and_a_data_set_train_together(world: World) -> None:
    _cached(world)
    _cached(world, path="/more")

    train(world.args(cached_dataset=("/cached", "/more")), world.ports, world.facts)

    table = world.reporter.tables["Tokens (train)"]
    assert table["rows"] == "26 of 3 sets"
    assert {"Data (/cached)", "Data (/more)", "Data"} <= set(world.reporter.tables)


def test_a_cached_data_set_can_be_packed(world: World) -> None:
    _cached(world)

    train(
        world.args(
            dataset=(), cached_dataset=("/cached",), packing=True, packing_length=200, max_steps=1,
            gradient_accumulation_steps=1,
        ),
        world.ports,
        world.facts,
    )  # fmt: skip

    packed = world.reporter.tables["Tokens (train)"]["packed sequences"]
    assert packed.startswith("1 of up to 200 tokens")


def test_a_cached_data_set_of_another_template_is_refused_before_weights_are_loaded(
    world: World,
) -> None:
    _cached(world, name="phi3")

    with pytest.raises(UsageError, match="made with template 'phi3', this run has 'chatml'"):
        train(world.args(cached_dataset=("/cached",)), world.ports, world.facts)

    assert world.loader.loaded == []
