"""Every task learns, is saved, and answers the same when it is loaded again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
import torch
from safetensors import safe_open
from tests.fakes.system import RecordingReporter
from tests.integration.sft_run import resolved, sft
from torch import nn

from swiftx.adapters.models.transformers import TransformersLoader
from swiftx.adapters.trainers.row_objective import RowObjective
from swiftx.adapters.tuners.peft import PeftTuner
from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.datasets.pipeline import PreparedRows
from swiftx.domain.plans.data import RowOrigin
from swiftx.domain.plans.loading import LoadPlan
from swiftx.domain.plans.pooling import PoolingTask
from swiftx.domain.plans.tasks import TaskVariables
from swiftx.domain.plans.templating import TemplatePlan
from swiftx.domain.plans.training import TrainOutcome, TrainPlan
from swiftx.domain.templates.chat_template import ChatTemplate
from swiftx.domain.training.encoding import encode_rows
from swiftx.domain.training.task import row_use, task_plan
from swiftx.errors import UsageError

Arguments = Mapping[str, str | Sequence[str]]

WORDS = ("red", "blue", "green", "black", "white", "brown", "pink", "gray")
BYTES = TaskVariables(positive_token="y", negative_token="n", infonce_temperature=0.1)
"""The tiny model's tokens are bytes."""


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def assistant(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def classified(label: Any) -> list[dict[str, Any]]:
    """Return rows whose label is a function of their text."""
    return [
        {"messages": user(f"{word} {number}"), "label": label(place, number)}
        for place, word in enumerate(WORDS)
        for number in range(2)
    ]


def similar() -> list[dict[str, Any]]:
    """Return rows of words that belong together, with others that do not."""
    return [
        {
            "messages": user(f"what is {word}?"),
            "positive_messages": [user(f"{word} is a colour")],
            "negative_messages": [user(f"{WORDS[place - other]} it is") for other in (1, 2)],
        }
        for place, word in enumerate(WORDS)
    ]


def ranked() -> list[dict[str, Any]]:
    """Return questions with an answer and two that are none."""
    return [
        {
            "messages": user(f"find {word}"),
            "positive_messages": [assistant(f"good {word}")],
            "negative_messages": [assistant(f"evil {WORDS[place - 1]}"), assistant("evil")],
        }
        for place, word in enumerate(WORDS)
    ]


class Case(NamedTuple):
    """A task with a loss that a tiny model is to reach, from one that it cannot begin below."""

    task: PoolingTask
    rows: Any
    settings: Mapping[str, str]
    first: float
    last: float
    metric: Mapping[str, float]


CASES = {
    "single": Case(
        "seq_cls",
        lambda: classified(lambda place, _: place % 2),
        {"num_labels": "2"},
        first=0.5, last=0.1, metric={"acc": 0.95},
    ),
    "multi": Case(
        "seq_cls",
        lambda: classified(lambda place, number: [place % 2] if number else [2]),
        {"num_labels": "3", "problem_type": "multi_label_classification"},
        first=0.5, last=0.15, metric={"acc": 0.9},
    ),
    "regression": Case(
        "seq_cls",
        lambda: classified(lambda place, _: place / 8),
        {"num_labels": "1"},
        first=0.1, last=0.02, metric={"pearson": 0.9},
    ),
    "infonce": Case(
        "embedding", similar, {"max_steps": "200", "eval_steps": "200", "learning_rate": "2e-3"},
        first=1.0, last=0.3, metric={"margin": 0.2},
    ),
    "cosine_similarity": Case(
        "embedding", similar, {"loss_type": "cosine_similarity"},
        first=0.3, last=0.1, metric={"pearson_cosine": 0.8},
    ),
    "contrastive": Case(
        "embedding", similar, {"loss_type": "contrastive"},
        first=0.04, last=0.01, metric={"spearman_cosine": 0.7},
    ),
    "online_contrastive": Case(
        "embedding", similar, {"loss_type": "online_contrastive"},
        first=0.3, last=0.15, metric={"pearson_dot_product": 0.7},
    ),
    "reranker": Case("reranker", ranked, {}, first=0.5, last=0.1, metric={"mrr": 0.99}),
    "listwise_reranker": Case(
        "reranker", ranked, {"loss_type": "listwise_reranker"},
        first=0.8, last=0.1, metric={"ndcg": 0.99},
    ),
    "generative_reranker": Case(
        "generative_reranker", ranked, {}, first=0.5, last=0.1, metric={"mrr": 0.99}
    ),
    "listwise_generative_reranker": Case(
        "generative_reranker", ranked, {"loss_type": "listwise_generative_reranker"},
        first=0.8, last=0.1, metric={"ndcg": 0.99},
    ),
}  # fmt: skip


def arguments(
    model: str, folder: Path, rows: list[dict[str, Any]], **changes: str
) -> dict[str, str | Sequence[str]]:
    folder.mkdir(exist_ok=True)
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return {
        "model": model, "template": "chatml", "dataset": str(path), "val_dataset": str(path),
        "output_dir": str(folder / "run"), "add_version": "false",
        "per_device_train_batch_size": "4", "per_device_eval_batch_size": "3",
        "gradient_accumulation_steps": "1", "max_steps": "100", "eval_steps": "100", "save_steps": "100",
        "logging_steps": "1", "dataloader_num_workers": "0", "learning_rate": "5e-3",
        **changes,
    }  # fmt: skip


def logged(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "run" / "logging.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def loaded(case: Case, model: str, adapter: str | None) -> nn.Module:
    """Return a saved model, loaded as `infer` loads it."""
    stored = json.loads((Path(adapter or model) / "args.json").read_text(encoding="utf-8"))
    plan = LoadPlan(
        folder=model, dtype="float32", device="cpu", task=case.task,
        num_labels=stored["num_labels"], problem_type=stored["problem_type"],
        new_head_seed=None if adapter is None else 7,
    )  # fmt: skip
    handle, _ = TransformersLoader().load(plan)
    if adapter is not None:
        handle = PeftTuner().load(handle, (adapter,))
    return cast(nn.Module, handle).eval()


def measured_again(case: Case, model: nn.Module, args: SftArgs) -> float:
    """Return the validation loss of a model outside of any training loop."""
    tokenizer = TransformersLoader().tokenizer(
        LoadPlan(folder=str(args.model), dtype="float32", device="cpu")
    )
    template = ChatTemplate(
        TemplatePlan(name="chatml", today=date(2026, 1, 1), max_length=args.max_length), tokenizer
    )
    found = [{**row} for row in map(normalised, case.rows())]
    rows = PreparedRows(found, [RowOrigin("rows", number) for number in range(len(found))])
    task = task_plan(args, tokenizer, BYTES)
    assert task is not None
    plan = TrainPlan(
        output_dir="", device="cpu", trainer_arguments={}, args_json={}, pad_token_id=0, task=task
    )
    objective = RowObjective(plan, task, model)
    encoded = encode_rows(rows, template, use=row_use(args)).rows
    total, items = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(encoded), 3):
            batch = objective.collate_validation(encoded[start : start + 3])
            total += float(objective.measure(model, batch, training=False).loss)
            items += int(objective.items(batch))
    return total / items


def normalised(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the `loss` that messages have once they are read."""

    def messages(each: list[dict[str, str]]) -> list[dict[str, Any]]:
        return [{**message, "loss": None} for message in each]

    documents = {
        name: [messages(each) for each in row[name]]
        for name in ("positive_messages", "negative_messages")
        if name in row
    }
    return {**row, "messages": messages(row["messages"]), **documents}


def run(
    case: Case, model: str, folder: Path, **changes: str
) -> tuple[TrainOutcome, dict[str, str | Sequence[str]]]:
    asked = arguments(model, folder, case.rows(), task_type=case.task, **changes)
    return sft(asked, variables=BYTES), asked


@pytest.mark.parametrize("name", list(CASES))
def test_every_loss_learns_and_is_loaded_again(name: str, tiny_model: str, tmp_path: Path) -> None:
    case = CASES[name]

    outcome, asked = run(
        case, tiny_model, tmp_path,
        train_type="full", lr_scheduler_type="constant", **case.settings,
    )  # fmt: skip

    lines = logged(tmp_path)
    first = next(line["loss"] for line in lines if "loss" in line)
    measured = next(line for line in reversed(lines) if "eval_loss" in line)
    assert first > case.first
    assert measured["eval_loss"] < case.last
    for metric, least in case.metric.items():
        assert measured[f"eval_{metric}"] >= least
    checkpoint = str(outcome.last_checkpoint)
    again = measured_again(case, loaded(case, checkpoint, None), resolved(asked))
    assert again == pytest.approx(measured["eval_loss"], abs=1e-5)


@pytest.mark.parametrize("name", ["single", "infonce", "reranker", "generative_reranker"])
def test_adapters_hold_the_head_and_fit_the_model_again(
    name: str, tiny_model: str, tmp_path: Path
) -> None:
    case = CASES[name]

    outcome, asked = run(
        case, tiny_model, tmp_path,
        train_type="lora", **{**case.settings, "max_steps": "20", "eval_steps": "20"},
    )  # fmt: skip

    measured = next(line for line in reversed(logged(tmp_path)) if "eval_loss" in line)
    adapter = str(outcome.last_checkpoint)
    again = measured_again(case, loaded(case, tiny_model, adapter), resolved(asked))
    assert again == pytest.approx(measured["eval_loss"], abs=1e-5)
    config = json.loads((Path(adapter) / "adapter_config.json").read_text(encoding="utf-8"))
    kinds = {"embedding": "FEATURE_EXTRACTION", "generative_reranker": "CAUSAL_LM"}
    assert config["task_type"] == kinds.get(case.task, "SEQ_CLS")
    with safe_open(f"{adapter}/adapter_model.safetensors", framework="pt") as file:
        heads = [key for key in file.keys() if "score" in key]  # noqa: SIM118
    assert len(heads) == (case.task in ("seq_cls", "reranker"))


def test_a_resumed_run_draws_the_same_documents(tiny_model: str, tmp_path: Path) -> None:
    case = CASES["reranker"]._replace(
        rows=lambda: [
            {**row, "negative_messages": row["negative_messages"] * 6} for row in ranked()
        ]
    )
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    settings = {"train_type": "lora", "max_steps": "6", "save_steps": "3", "eval_strategy": "no"}

    run(case, tiny_model, tmp_path / "whole", **settings)
    first, _ = run(case, tiny_model, tmp_path / "parts", **settings)
    folder = str(first.last_checkpoint).replace("checkpoint-6", "checkpoint-3")
    run(case, tiny_model, tmp_path / "parts", resume_from_checkpoint=folder, **settings)

    losses = [
        [line["loss"] for line in logged(tmp_path / part) if "loss" in line][-3:]
        for part in ("whole", "parts")
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_what_does_not_fit_the_task_is_refused_before_a_model_is_loaded(
    tiny_model: str, tmp_path: Path
) -> None:
    case = CASES["reranker"]

    with pytest.raises(UsageError, match=r"loss_type='infonce'.*padding_free lays rows"):
        run(case, tiny_model, tmp_path, loss_type="infonce", padding_free="true")
    with pytest.raises(UsageError, match="'yes' is not one token"):
        sft(arguments(tiny_model, tmp_path, ranked(), task_type="generative_reranker"))
    with pytest.raises(UsageError, match="no mixture of experts"):
        run(case, tiny_model, tmp_path, router_aux_loss_coef="0.1")


def test_labels_that_do_not_fit_are_counted_and_named(tiny_model: str, tmp_path: Path) -> None:
    reporter = RecordingReporter()
    rows = [*classified(lambda place, _: place % 2), {"messages": user("odd"), "label": 9}]

    sft(
        arguments(tiny_model, tmp_path, rows, task_type="seq_cls", num_labels="2", max_steps="1"),
        reporter=reporter,
    )

    told = str(reporter.tables)
    assert "there is no class 9; with --num_labels 2 they are 0 to 1" in told
