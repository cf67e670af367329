"""Answers of the model that is being trained, and how they score."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from peft import PeftModel
from torch import nn

from swiftx.adapters.engines.transformers import TransformersEngine
from swiftx.adapters.trainers.attention import BY_DOCUMENT, evaluating
from swiftx.adapters.trainers.checkpoints import translated
from swiftx.adapters.trainers.processes import from_all_processes
from swiftx.domain.inference.metrics import evaluate
from swiftx.domain.inference.scheduling import Limits
from swiftx.domain.plans.extending import Predictions
from swiftx.domain.plans.loading import ModelHandle
from swiftx.domain.plans.training import AnsweringPlan, ValidationQuestion
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.training.batches import shard
from swiftx.domain.training.extensions import METRICS
from swiftx.errors import MissingDependency

FILE_NAME = "predict.jsonl"
"""Where a run folder has the answers of all evaluations."""


class _Said(NamedTuple):
    """An answer to a validation row; the prompt where a metric sees it."""

    row: int
    response: str
    label: str
    prompt: str | None = None


class Answers:
    """Asks the model the questions of a plan.

    Args:
        plan: What is asked.
        tokenizer: Turns tokens into text.
        folder: The run folder.
        rank: Number of this process, which answers its share.
    """

    def __init__(
        self,
        plan: AnsweringPlan,
        tokenizer: Tokenizer,
        folder: str,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._plan = plan
        self._tokenizer = tokenizer
        self._path = Path(folder) / FILE_NAME
        self._rank = rank
        self._mine = shard(len(plan.questions), rank=rank, world_size=world_size)

    def scores(self, model: nn.Module, step: int) -> Mapping[str, float]:
        """Return the metric over the questions of all processes; the first one writes the answers down."""
        said = sorted(from_all_processes(self._said(model)))
        if self._rank == 0:
            self._write(said, step)
        prompts = [each.prompt for each in said if each.prompt is not None]
        pairs = [(each.response, each.label) for each in said]
        return score(self._plan.metric, pairs, prompts)

    def _said(self, model: nn.Module) -> list[_Said]:
        asked = [self._plan.questions[number] for number in self._mine]
        if not asked:
            return []
        with lent(model):
            engine = TransformersEngine(
                ModelHandle(model),
                self._tokenizer,
                max_model_len=self._plan.max_model_len,
                limits=Limits(slots=self._plan.at_once),
                prefix_bytes=0,  # the weights are others at the next evaluation
            )
            try:
                answers = engine.generate([each.request for each in asked])
            finally:
                engine.close()
        return [
            _Said(each.row, self._plan.prefix + answer.text, each.label, self._prompt(each))
            for each, answer in zip(asked, answers, strict=True)
        ]

    def _prompt(self, question: ValidationQuestion) -> str | None:
        if not self._plan.metric_sees_prompts:
            return None
        return self._tokenizer.decode(question.request.prompt_ids)

    def _write(self, said: Sequence[_Said], step: int) -> None:
        lines = [
            {"global_step": step, "row": each.row, "response": each.response, "labels": each.label}
            for each in said
        ]
        with translated(self._path), self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def score(
    metric: str, pairs: Sequence[tuple[str, str]], prompts: Sequence[str] = ()
) -> Mapping[str, float]:
    """Return what a metric says of answers with their labels.

    Args:
        metric: `nlg`, `acc`, or that of a plugin, which alone sees the prompts.

    Raises:
        MissingDependency: The libraries of `nlg` are not installed.
    """
    if metric in METRICS.names():
        said, true = zip(*pairs, strict=True)
        return METRICS.get(metric).function(
            Predictions(predictions=said, labels=true, inputs=prompts)
        )
    if metric == "nlg":
        return overlap_scorer()(pairs)
    return evaluate(metric, pairs)


def overlap_scorer() -> Callable[[Sequence[tuple[str, str]]], Mapping[str, float]]:
    """Return what `nlg` scores with.

    Raises:
        MissingDependency: Its libraries are not installed.
    """
    try:
        from swiftx.adapters.scorers.overlap import overlap
    except ModuleNotFoundError as error:
        name = error.name or "rouge"
        raise MissingDependency(
            name, extra="nlg", reason=f"--metric nlg needs {name!r}."
        ) from error
    return overlap


@contextmanager
def lent(model: nn.Module) -> Iterator[None]:
    """Let an engine have the model, and take it back as it was: its mode, attention and settings."""
    inner: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    attention, settings = inner.config._attn_implementation, inner.generation_config
    if attention == BY_DOCUMENT:
        inner.set_attn_implementation("sdpa")  # which it is, but for rows that share a sequence
    try:
        with evaluating(model):
            yield
    finally:
        if inner.config._attn_implementation != attention:
            inner.set_attn_implementation(attention)
        inner.generation_config = settings
