"""From arguments to what is read off each sequence, and what it means, for every command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from swiftx.domain.inference.scores import Meaning, class_names
from swiftx.domain.plans.facts import ModelFacts
from swiftx.domain.plans.pooling import PoolingPlan, PoolingTask
from swiftx.domain.plans.tasks import TaskVariables
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.training.task import answer_tokens
from swiftx.errors import ArgError, UsageError

_AT_ONCE = 16


class PoolingArguments(Protocol):
    """The arguments that decide."""

    @property
    def problem_type(self) -> str | None: ...
    @property
    def reranker_use_activation(self) -> bool: ...
    @property
    def max_model_len(self) -> int | None: ...
    @property
    def max_batch_size(self) -> int: ...


def pooling_plan(
    args: PoolingArguments,
    task: PoolingTask,
    *,
    model: ModelFacts,
    tokenizer: Tokenizer,
    variables: TaskVariables,
    origin: Mapping[str, str],
) -> PoolingPlan:
    """Return what the engine is asked.

    Args:
        args: Resolved arguments.
        task: What the model was trained for.
        model: What its folder says.
        tokenizer: Its own.
        variables: What a generative reranker answers with.
        origin: By argument: where its value comes from; one sequence at a time only where that was asked for.

    Raises:
        UsageError: An answer of a generative reranker is not a token.
    """
    problems: list[ArgError] = []
    answers: Mapping[str, int] = {}
    if task == "generative_reranker":
        answers = answer_tokens(variables, tokenizer, problems)
    if problems:
        raise UsageError(problems)
    asked = origin.get("max_batch_size", "default") != "default"
    return PoolingPlan(
        task=task,
        positive_token=answers.get("positive_token"),
        negative_token=answers.get("negative_token"),
        max_model_len=args.max_model_len or model.max_model_len,
        max_batch_size=args.max_batch_size if asked else _AT_ONCE,
    )


def meaning_of(args: PoolingArguments, task: PoolingTask, model: ModelFacts) -> Meaning:
    """Return what the numbers stand for."""
    return Meaning(
        task=task,
        problem_type=args.problem_type if task == "seq_cls" else None,
        labels=class_names(model.config),
        activation=args.reranker_use_activation,
    )
