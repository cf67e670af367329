from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from tests.fakes.tokenizer import ByteTokenizer

from swiftx.domain.datasets.sequences import Purpose
from swiftx.domain.datasets.targets import MULTI, REGRESSION, SINGLE
from swiftx.domain.plans.tasks import TaskVariables
from swiftx.domain.training.task import row_use, task_plan
from swiftx.errors import UsageError


@dataclass
class Asked:
    task_type: str
    num_labels: int | None = None
    problem_type: str | None = None
    loss_type: str | None = None
    metric: str | None = None
    seed: int = 42
    padding_free: bool = False
    packing: bool = False
    acc_strategy: str = "token"
    predict_with_generate: bool = False
    prediction_loss_only: bool = False


def plan(task_type: str, variables: TaskVariables | None = None, **settings: Any) -> Any:
    return task_plan(
        Asked(task_type, **settings), ByteTokenizer(), variables or TaskVariables(
            positive_token="y", negative_token="n"
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("task", "settings", "loss", "metric"),
    [
        ("seq_cls", {"problem_type": SINGLE, "num_labels": 2}, "cross_entropy", "acc"),
        ("seq_cls", {"problem_type": MULTI, "num_labels": 2}, "binary_cross_entropy", "acc"),
        ("seq_cls", {"problem_type": REGRESSION, "num_labels": 1}, "mse", "acc"),
        ("embedding", {}, "infonce", "infonce"),
        ("embedding", {"loss_type": "contrastive"}, "contrastive", "embedding"),
        ("embedding", {"metric": "embedding"}, "infonce", "embedding"),
        ("reranker", {}, "reranker", "reranker"),
        ("reranker", {"loss_type": "listwise_reranker"}, "listwise_reranker", "reranker"),
        ("generative_reranker", {}, "generative_reranker", "reranker"),
    ],
)
def test_every_task_has_a_usual_loss_and_metric(
    task: str, settings: dict[str, Any], loss: str, metric: str
) -> None:
    found = plan(task, **settings)

    assert (found.task, found.loss, found.metric) == (task, loss, metric)


def test_predicting_tokens_has_no_task_plan() -> None:
    assert plan("causal_lm") is None


def test_answers_of_a_generative_reranker_are_tokens() -> None:
    tokenizer = ByteTokenizer()

    found = plan("generative_reranker")

    assert tokenizer.decode([found.positive_token, found.negative_token]) == "yn"


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        plan(
            "generative_reranker",
            TaskVariables(),
            loss_type="infonce",
            metric="acc",
            padding_free=True,
        )

    text = "\n".join(f"{error.message} {error.hint}" for error in caught.value.errors)
    for part in (
        "loss_type='infonce' is not for --task_type generative_reranker",
        "metric='acc' is not for",
        "padding_free lays rows end to end",
        "'yes' is not one token of this model",
        "GENERATIVE_RERANKER_NEGATIVE_TOKEN",
    ):
        assert part in text


def test_rows_are_used_as_the_task_says() -> None:
    use = row_use(Asked("seq_cls", num_labels=3, problem_type=MULTI))

    assert (use.purpose, use.num_labels, use.problem_type) == (Purpose.CLASS, 3, MULTI)
    assert row_use(Asked("causal_lm")).purpose is Purpose.ANSWER
