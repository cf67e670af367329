"""`infer` with models that answer with numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.fakes.pooling import CountingPooling
from tests.fakes.terminal import ScriptedTerminal
from tests.unit.usecases.test_infer import World

from swiftx.domain.ports.rows import RawRow
from swiftx.errors import DataError, NotBuiltYet, UsageError


def said(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": text}


def world(rows: Sequence[RawRow], *scale: float, terminal: ScriptedTerminal | None = None) -> World:
    """Return a world whose model's numbers are multiples of how many tokens there are."""
    made = World(files={"rows.jsonl": rows}, terminal=terminal)
    made.pooling = CountingPooling(
        len(scale), score=lambda prompt: tuple(factor * len(prompt) for factor in scale)
    )
    return made


CLASSIFIER: Mapping[str, Any] = {
    "task_type": "seq_cls",
    "num_labels": 2,
    "problem_type": "single_label_classification",
}
ROWS = [{"messages": [said("a")], "label": 1}, {"messages": [said("b")], "label": 0}]


def test_classes_are_numbers_beside_their_labels_and_are_scored() -> None:
    here = world(ROWS, 0.01, 0.02)

    outcome = here.infer(val_dataset=("rows.jsonl",), metric="acc", **CLASSIFIER)

    assert [(row["response"], row["labels"]) for row in here.results] == [(1, 1), (1, 0)]
    assert here.results[0]["messages"] == [said("a")]
    assert outcome.metrics == {"acc": 0.5}
    assert outcome.prompt_tokens == sum(map(len, here.pooling.prompts))


def test_several_classes_are_those_that_are_likely() -> None:
    here = world(ROWS[:1], 0.1, -0.1, 0.2)
    several = {**CLASSIFIER, "num_labels": 3, "problem_type": "multi_label_classification"}

    here.infer(val_dataset=("rows.jsonl",), **several)

    assert here.results[0]["response"] == [0, 2]


def test_a_reward_is_a_number_of_the_whole_conversation() -> None:
    here = world([{"messages": [said("2+2?"), said("4", "assistant")]}], -0.5)

    here.infer(
        val_dataset=("rows.jsonl",), task_type="seq_cls", num_labels=1, problem_type="regression"
    )

    assert here.results[0]["response"] == -0.5 * len(here.pooling.prompts[0])
    assert here.results[0]["messages"][-1] == said("4", "assistant")


def test_every_document_of_a_question_gets_a_score() -> None:
    row = {
        "messages": [said("which?")],
        "positive_messages": [[said("this", "assistant")]],
        "negative_messages": [[said("that one", "assistant")], [said("no", "assistant")]],
    }
    here = world([row, {"messages": [said("which?"), said("this", "assistant")]}], 0.5)

    here.infer(
        val_dataset=("rows.jsonl",), task_type="reranker", num_labels=1,
        reranker_use_activation=False,
    )  # fmt: skip

    lengths = [0.5 * len(prompt) for prompt in here.pooling.prompts]
    first, second = here.results
    assert first["response"] == {"positive": lengths[:1], "negative": lengths[1:3]}
    assert second["response"] == lengths[3] == lengths[0]


def test_an_embedding_is_a_list_of_numbers() -> None:
    here = world([{"messages": [said("a")]}], 0.6, 0.8)

    here.infer(val_dataset=("rows.jsonl",), task_type="embedding")

    length = len(here.pooling.prompts[0])
    assert here.results[0]["response"] == [0.6 * length, 0.8 * length]


def test_a_row_that_cannot_be_judged_is_recorded_and_harms_no_other() -> None:
    here = world([{"messages": [said("x" * 300)]}, *ROWS], 0.01, 0.02)

    outcome = here.infer(val_dataset=("rows.jsonl",), max_length=100, **CLASSIFIER)

    assert [row["response"] for row in here.results] == [None, 1, 1]
    assert "100 of --max_length" in here.results[0]["error"]
    assert outcome.failed == 1


def test_lines_are_judged_one_by_one_and_documents_after_their_question() -> None:
    terminal = ScriptedTerminal(["which?", "this", "quit"], interactive=True)
    here = world([], 0.0, terminal=terminal)

    outcome = here.infer(task_type="reranker", num_labels=1, result_path=None)

    assert json.loads(terminal.written) == 0.5
    assert terminal.prompts == ["query> ", "document> ", "query> "]
    assert outcome.samples == 1


def test_a_line_of_a_pipe_that_cannot_be_judged_is_an_error() -> None:
    here = world([], 0.0, terminal=ScriptedTerminal(["x" * 300]))

    with pytest.raises(DataError, match="max_length"):
        here.infer(task_type="embedding", max_length=100)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="rouge says nothing"):
        world(ROWS, 0.0).infer(val_dataset=("rows.jsonl",), metric="rouge", **CLASSIFIER)
    with pytest.raises(UsageError, match="acc says nothing"):
        world(ROWS, 0.0).infer(val_dataset=("rows.jsonl",), metric="acc", task_type="embedding")
    with pytest.raises(NotBuiltYet, match="infer_backend"):
        world(ROWS, 0.0).infer(task_type="embedding", infer_backend="vllm")


def test_merge_lora_judges_with_the_merged_model_and_makes_up_no_head() -> None:
    here = world(ROWS, 0.0, 0.0)

    here.infer(val_dataset=("rows.jsonl",), merge_lora=True, adapters=("/run/ckpt",), **CLASSIFIER)

    (plan,), (served,) = here.merger.plans, here.served
    assert (plan.task, plan.num_labels) == ("seq_cls", CLASSIFIER["num_labels"])
    assert served.adapters == ()
    assert (served.loading.folder, served.loading.new_head_seed) == ("/run/ckpt-merged", None)
