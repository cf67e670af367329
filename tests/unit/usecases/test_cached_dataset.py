from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from tests.fakes.workers import InlineWorkers

from swiftx.domain.args.commands.export import ExportArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.datasets.loading import DataPorts
from swiftx.domain.exporting.support import CACHED_DATASET
from swiftx.domain.training.tokenized import TokenPorts
from swiftx.domain.usecases.cached_dataset import (
    CachedDatasetFacts,
    CachedDatasetPorts,
    cache_dataset,
)
from swiftx.errors import DataError, NotBuiltYet, UsageError

FACTS = CachedDatasetFacts(model=model_facts("/model"), origin={}, today=date(2026, 1, 1))


class World:
    def __init__(self, tokenizer: Callable[[], ByteTokenizer] = ByteTokenizer) -> None:
        files = {
            "a.jsonl": [chat(f"q{n}", f"a{n}") for n in range(10)],
            "v.jsonl": [chat("q", "a")],
            "none.jsonl": [chat("q", "")],
        }
        hub = InMemoryHub({})
        self.reporter = RecordingReporter()
        self.store = InMemoryEncodedStore()
        self.ports = CachedDatasetPorts(
            tokens=TokenPorts(
                data=DataPorts(
                    InMemoryRows(files),
                    InMemoryStorage(dict.fromkeys(files, "")),
                    SeededShuffler(),
                    lambda _: hub,
                ),
                encoded=self.store,
                workers=InlineWorkers(),
                clock=TickingClock(),
                reporter=self.reporter,
            ),
            tokenizer=tokenizer,
        )

    def run(self, facts: CachedDatasetFacts = FACTS, **changes: Any) -> str:
        given: dict[str, Any] = {
            "to_cached_dataset": True,
            "dataset": ("a.jsonl",),
            "template": "chatml",
            "output_dir": "/made",
            **changes,
        }
        return cache_dataset(ExportArgs(**given), self.ports, facts)


def test_every_argument_has_one_place() -> None:
    support = CACHED_DATASET
    places = [support.runs, support.not_built, support.no_effect, frozenset(support.only)]
    placed = [name for place in places for name in place]

    assert sorted(placed) == sorted(specs_of(ExportArgs))


def test_both_parts_are_kept_and_shown_with_how_to_train_on_them() -> None:
    world = World()

    folder = world.run(split_dataset_ratio=0.2)

    kept = world.store.folders[folder]
    assert {name: len(rows) for name, rows in kept.rows.items()} == {"train": 8, "val": 2}
    assert world.reporter.tables["Tokens (train)"]["rows"] == "8"
    assert world.reporter.tables["Tokens (val)"]["rows"] == "2"
    assert "swiftx sft --cached_dataset /made" in world.reporter.said[-1]


def test_validation_rows_of_their_own_are_kept() -> None:
    world = World()

    kept = world.store.folders[world.run(val_dataset=("v.jsonl",))]

    assert {name: len(rows) for name, rows in kept.rows.items()} == {"train": 10, "val": 1}


def test_an_older_one_gives_way_to_it() -> None:
    world = World()

    world.run()
    world.run(dataset=("a.jsonl#3",))

    assert len(world.store.folders["/made"].rows["train"]) == 3


def test_rows_without_a_trained_token_leave_nothing() -> None:
    world = World()

    with pytest.raises(DataError):
        world.run(dataset=("none.jsonl",), loss_scale="ignore_empty_think", max_length=3)

    assert world.store.folders == {}


def test_what_would_be_of_weights_is_refused() -> None:
    facts = replace(FACTS, origin={"merge_lora": "cli", "quant_bits": "cli"})

    with pytest.raises(NotBuiltYet, match="--merge_lora true") as caught:
        World().run(facts, merge_lora=True, quant_bits=4)

    assert "--quant_bits 4" in caught.value.message


def test_what_changes_nothing_is_named() -> None:
    world = World()

    world.run(replace(FACTS, origin={"top_k": "cli", "max_length": "cli"}), top_k=7, max_length=90)

    assert world.reporter.warned == ["Without effect here: --top_k."]


def test_models_whose_tokens_cannot_be_made_or_told_are_refused() -> None:
    class Unknown(ByteTokenizer):
        @property
        def fingerprint(self) -> str | None:
            return None

    seeing = replace(FACTS, model=replace(FACTS.model, is_multimodal=True))
    with pytest.raises(NotBuiltYet, match="multimodal"):
        World().run(seeing)
    with pytest.raises(NotBuiltYet, match="code of its own"):
        World(Unknown).run()


def test_a_folder_is_needed() -> None:
    with pytest.raises(UsageError, match="output_dir"):
        World().run(output_dir=None)
