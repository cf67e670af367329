from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes.merger import PlannedMerger
from tests.fakes.models import model_facts
from tests.fakes.storage import InMemoryStorage
from tests.fakes.system import RecordingReporter, TickingClock

from swiftx.domain.args.commands.export import ExportArgs
from swiftx.domain.args.commands.merge_lora import MergeLoraArgs
from swiftx.domain.args.spec import specs_of
from swiftx.domain.exporting.plan import merge_plan
from swiftx.domain.exporting.support import EXPORT
from swiftx.domain.plans.exporting import MergePlan
from swiftx.domain.usecases.export import export
from swiftx.domain.usecases.merge_lora import MergeOutcome, MergePorts, merge_lora
from swiftx.errors import NotBuiltYet, UsageError

GIVEN: Mapping[str, Any] = {
    "model": "/m",
    "adapters": ("/run/ckpt",),
    "output_dir": "/run/ckpt-merged",
}


class World:
    def __init__(self) -> None:
        self.merger = PlannedMerger()
        self.reporter = RecordingReporter()
        self.progress: list[tuple[int, int]] = []
        self.ports = MergePorts(
            merger=self.merger,
            storage=InMemoryStorage({}),
            clock=TickingClock(),
            reporter=self.reporter,
            progress=lambda done, total: self.progress.append((done, total)),
        )

    def merge(self, **changes: Any) -> MergeOutcome:
        given = {**GIVEN, **changes}
        return merge_lora(
            MergeLoraArgs(**given),
            self.ports,
            model=model_facts("/m"),
            origin=dict.fromkeys(given, "cli"),
        )

    def export(self, **given: Any) -> MergeOutcome:
        return export(
            ExportArgs(**given),
            self.ports,
            model=model_facts("/m"),
            origin=dict.fromkeys(given, "cli"),
        )


def test_adapters_are_merged_into_the_folder_of_the_arguments() -> None:
    world = World()

    outcome = world.merge(max_shard_size="2GiB", torch_dtype="float32", exist_ok=True)

    assert world.merger.plans == [
        MergePlan(
            base="/m",
            adapters=("/run/ckpt",),
            output_dir="/run/ckpt-merged",
            max_shard_size=2 * 2**30,
            dtype="float32",
            exist_ok=True,
        )
    ]
    assert (outcome.output_dir, outcome.seconds) == ("/run/ckpt-merged", 1)
    assert world.progress[-1] == (3, 3)
    assert world.reporter.tables["Merged"]["written to"] == "/run/ckpt-merged"
    assert world.reporter.said[-1].endswith("swiftx infer --model /run/ckpt-merged")


@pytest.mark.parametrize(
    ("origin", "dtype"),
    [
        ("cli", "float32"),
        ("args.json", "float32"),
        ("config", "float32"),
        ("rule:the-dtype-is-the-stored-one-where-the-device-computes-in-it", None),
        ("default", None),
    ],
)
def test_weights_keep_their_type_unless_someone_chose_another(
    origin: str, dtype: str | None
) -> None:
    args = MergeLoraArgs(**GIVEN, torch_dtype="float32")

    plan = merge_plan(args, {"torch_dtype": origin}, base="/m")

    assert plan.dtype == dtype


def test_merged_model_lies_beside_the_last_checkpoint() -> None:
    args = MergeLoraArgs(model="/m", adapters=("/a", "/run/ckpt/"))

    assert merge_plan(args, {}, base="/m").output_dir == "/run/ckpt-merged"


def test_export_merges_when_it_is_asked_to() -> None:
    world = World()

    world.export(**GIVEN, merge_lora=True)

    assert len(world.merger.plans) == 1


def test_export_of_nothing_says_what_to_add() -> None:
    with pytest.raises(UsageError, match="Nothing is asked for"):
        World().export(**GIVEN)


def test_other_forms_of_export_are_named_at_once() -> None:
    world = World()

    with pytest.raises(NotBuiltYet) as caught:
        world.export(**GIVEN, merge_lora=True, to_ollama=True, push_to_hub=True, quant_method="awq")

    for flag in ("--to_ollama true", "--push_to_hub true", "--quant_method awq"):
        assert flag in caught.value.message
    assert world.merger.plans == []


@pytest.mark.parametrize("task", ["seq_cls", "reranker", "embedding", "generative_reranker"])
def test_a_model_that_answers_with_numbers_is_merged_as_one(task: str) -> None:
    world = World()

    world.export(
        **GIVEN,
        merge_lora=True,
        task_type=task,
        num_labels=3,
        problem_type="single_label_classification",
    )

    (plan,) = world.merger.plans
    assert (plan.task, plan.num_labels) == (task, 3)
    assert plan.problem_type == "single_label_classification"


def test_size_that_is_none_is_refused_before_merging() -> None:
    world = World()

    with pytest.raises(UsageError, match="'huge' is not a size"):
        world.merge(max_shard_size="huge")

    assert world.merger.plans == []


def test_arguments_without_effect_are_named() -> None:
    world = World()

    world.merge(temperature=0.5, dataset=("x",))

    assert world.reporter.warned == ["Without effect here: --dataset, --temperature."]


def test_every_argument_has_one_place() -> None:
    places = [EXPORT.runs, EXPORT.not_built, EXPORT.no_effect, frozenset(EXPORT.only)]
    placed = [name for place in places for name in place]

    assert sorted(placed) == sorted(set(placed))
    assert set(placed) == set(specs_of(MergeLoraArgs)) == set(specs_of(ExportArgs))
