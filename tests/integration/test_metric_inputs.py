"""What the metric of a plugin is given, and what callbacks find again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.fakes.observer import RecordingObserver
from tests.fakes.registries import keep_registries
from tests.integration.sft_run import sft
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from transformers.trainer_callback import ExportableState

from swiftx import plugins
from swiftx.domain.plans.extending import Predictions
from swiftx.errors import UsageError

Arguments = Mapping[str, str | Sequence[str]]


@pytest.fixture
def arguments(tiny_model: str, tmp_path: Path) -> dict[str, str | Sequence[str]]:
    rows = tmp_path / "rows.jsonl"
    lines = [{"query": "why " * (number + 1), "response": f"so {number}"} for number in range(5)]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return {
        "model": tiny_model,
        "template": "chatml",
        "dataset": str(rows),
        "val_dataset": str(rows),
        "output_dir": str(tmp_path / "run"),
        "add_version": "false",
        "train_type": "full",
        "per_device_train_batch_size": "2",
        "per_device_eval_batch_size": "2",
        "gradient_accumulation_steps": "1",
        "max_steps": "2",
        "eval_steps": "2",
        "save_steps": "2",
        "learning_rate": "1e-3",
        "report_to": "none",
    }


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Predictions]:
    """Register the metric `watch`, which keeps what it is given."""
    keep_registries(monkeypatch)
    kept: list[Predictions] = []

    @plugins.metric("watch")
    def watch(said: Predictions) -> dict[str, float]:
        kept.append(said)
        return {"watched": float(len(kept))}

    return kept


@pytest.mark.parametrize("layout", [{"padding_side": "left"}, {"padding_free": "true"}], ids=str)
def test_rows_come_with_their_tokens_and_their_loss(
    arguments: Arguments, seen: list[Predictions], layout: dict[str, str]
) -> None:
    observer = RecordingObserver()
    wanted = {"metric": "watch", "include_for_metrics": ["inputs", "loss"]}

    outcome = sft({**arguments, **layout, **wanted}, observer=observer)

    model = AutoModelForCausalLM.from_pretrained(outcome.last_checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(str(outcome.last_checkpoint))
    (said,) = seen
    assert len(said.inputs) == len(said.losses) == len(said.labels) == 5
    for number, (ids, labels, loss) in enumerate(
        zip(said.inputs, said.labels, said.losses, strict=True)
    ):
        assert "why " * (number + 1) in tokenizer.decode(ids)
        start = (
            len(ids) - len(labels) - 1 if ids[-len(labels) :] != labels else len(ids) - len(labels)
        )
        assert ids[start : start + len(labels)] == labels
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, start - 1 : start - 1 + len(labels)]
        alone = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
        assert loss == pytest.approx(alone.item(), abs=1e-4)


def test_nothing_more_is_given_than_was_asked_for(
    arguments: Arguments, seen: list[Predictions]
) -> None:
    sft({**arguments, "metric": "watch"})
    sft(
        {
            **arguments,
            "metric": "watch",
            "include_inputs_for_metrics": "true",
            "output_dir": f"{arguments['output_dir']}2",
        }
    )

    assert (seen[0].inputs, seen[0].losses) == ((), ())
    assert len(seen[1].inputs) == 5
    assert seen[1].losses == ()


def test_generated_answers_come_with_their_prompts(
    arguments: Arguments, seen: list[Predictions]
) -> None:
    wanted = {
        "metric": "watch",
        "metric_for_best_model": "watched",
        "include_for_metrics": "inputs",
    }

    sft({**arguments, **wanted, "predict_with_generate": "true", "max_new_tokens": "2"})

    (said,) = seen
    assert [text.count("why ") for text in said.inputs] == [1, 2, 3, 4, 5]
    assert all(text.endswith("<|im_start|>assistant\n") for text in said.inputs)


def test_classes_come_with_their_texts_and_the_loss_of_their_batch(
    arguments: Arguments, seen: list[Predictions], tmp_path: Path
) -> None:
    rows = tmp_path / "classes.jsonl"
    lines = [
        {"messages": [{"role": "user", "content": "why " * (number + 1)}], "label": number % 2}
        for number in range(5)
    ]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    classes = {
        "dataset": str(rows),
        "val_dataset": str(rows),
        "task_type": "seq_cls",
        "num_labels": "2",
    }

    observer = RecordingObserver()
    sft(
        {**arguments, **classes, "metric": "watch", "include_for_metrics": ["inputs", "loss"]},
        observer=observer,
    )

    (said,) = seen
    assert len({len(ids) for ids in said.inputs}) == 5
    (loss,) = [line["eval_loss"] for _, line in observer.lines if "eval_loss" in line]
    assert sum(said.losses) / 5 == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"include_for_metrics": "logits"}, "cannot be given 'logits'"),
        ({"include_for_metrics": "loss", "predict_with_generate": "true"}, "has no loss"),
    ],
    ids=str,
)
def test_what_a_metric_cannot_see_is_said(
    arguments: Arguments, seen: list[Predictions], changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        sft({**arguments, "metric": "watch", **changes})


@pytest.mark.parametrize("restored", [True, False])
def test_a_callback_goes_on_where_it_was(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch, restored: bool
) -> None:
    keep_registries(monkeypatch)
    counts: list[int] = []

    @plugins.callback("counter")
    class Counter(TrainerCallback, ExportableState):
        def __init__(self, start: int = 0) -> None:
            self.start = start
            self.count = 0

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.count += 1
            counts.append(self.count)

        def state(self) -> dict[str, Any]:
            return {"args": {"start": self.start}, "attributes": {"count": self.count}}

    sft(arguments)
    folder = str(arguments["output_dir"])
    sft(
        {
            **arguments,
            "output_dir": f"{folder}2",
            "max_steps": "4",
            "resume_from_checkpoint": f"{folder}/checkpoint-2",
            "restore_callback_states_from_checkpoint": str(restored).lower(),
        }
    )

    assert counts == [1, 2, *([3, 4] if restored else [1, 2])]
