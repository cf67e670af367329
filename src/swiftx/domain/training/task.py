"""From arguments to what rows are for, and how a task other than predicting tokens is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, get_args

from swiftx.domain.datasets.sequences import RowUse, purpose_of
from swiftx.domain.datasets.targets import MULTI, REGRESSION
from swiftx.domain.plans.pooling import PoolingTask
from swiftx.domain.plans.tasks import TaskPlan, TaskVariables
from swiftx.domain.ports.tokenizer import Tokenizer
from swiftx.domain.training.extensions import LOSSES, METRICS
from swiftx.errors import ArgError, UsageError

_LOSSES: Mapping[str, tuple[str, ...]] = {
    "seq_cls": ("cross_entropy", "binary_cross_entropy", "mse"),
    "embedding": ("infonce", "cosine_similarity", "contrastive", "online_contrastive"),
    "reranker": ("reranker", "listwise_reranker"),
    "generative_reranker": ("generative_reranker", "listwise_generative_reranker"),
}
"""By task: its losses, the usual one first (of a classifier, the problem decides)."""

_METRICS: Mapping[str, tuple[str, ...]] = {
    "seq_cls": ("acc",),
    "embedding": ("embedding", "infonce"),
    "reranker": ("reranker",),
    "generative_reranker": ("reranker",),
}


BUILT_IN_LOSSES = frozenset(name for names in _LOSSES.values() for name in names)
BUILT_IN_METRICS = frozenset(
    {"nlg", "rouge", *(name for names in _METRICS.values() for name in names)}
)


class TaskArguments(Protocol):
    """The arguments that decide on a task."""

    @property
    def task_type(self) -> str: ...
    @property
    def num_labels(self) -> int | None: ...
    @property
    def problem_type(self) -> str | None: ...


class TrainedTaskArguments(TaskArguments, Protocol):
    """Those that decide on its training too."""

    @property
    def metric(self) -> str | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def padding_free(self) -> bool: ...
    @property
    def packing(self) -> bool: ...
    @property
    def acc_strategy(self) -> str: ...
    @property
    def predict_with_generate(self) -> bool: ...
    @property
    def prediction_loss_only(self) -> bool: ...


class MetricArguments(Protocol):
    """Those that decide on what a metric sees."""

    @property
    def include_for_metrics(self) -> tuple[str, ...]: ...
    @property
    def include_inputs_for_metrics(self) -> bool: ...
    @property
    def predict_with_generate(self) -> bool: ...


def row_use(args: TaskArguments) -> RowUse:
    """Return what rows are for in `sft` and `pt`."""
    return RowUse(
        purpose=purpose_of(rlhf_type=None, task_type=args.task_type),
        num_labels=args.num_labels,
        problem_type=args.problem_type,
    )


def pooling_task(name: str) -> PoolingTask | None:
    """Return the task as one that reads a vector off each sequence; None when tokens are predicted."""
    return next((task for task in get_args(PoolingTask) if task == name), None)


def task_plan(
    args: TrainedTaskArguments, tokenizer: Tokenizer, variables: TaskVariables
) -> TaskPlan | None:
    """Return how the task is trained; None for `causal_lm`.

    Raises:
        UsageError: A loss or metric of another task, an answer that is no token, or rows laid end to end.
    """
    task = pooling_task(args.task_type)
    if task is None:
        _refuse(_wrong_names(args, None))
        return None
    problems = [
        *_wrong_names(args, task),
        *_laid_end_to_end(args),
        *_generates_no_text(args),
    ]
    answers: Mapping[str, int] = {}
    if task == "generative_reranker":
        answers = answer_tokens(variables, tokenizer, problems)
    _refuse(problems)
    loss = loss_name(args) or usual_loss(task, args.problem_type)
    return TaskPlan(
        task=task,
        loss=loss,
        metric=args.metric or _usual_metric(task, loss),
        num_labels=args.num_labels,
        problem_type=args.problem_type,
        positive_token=answers.get("positive_token"),
        negative_token=answers.get("negative_token"),
        seed=args.seed,
        variables=variables,
    )


_ANSWERS = {
    "positive_token": "GENERATIVE_RERANKER_POSITIVE_TOKEN",
    "negative_token": "GENERATIVE_RERANKER_NEGATIVE_TOKEN",
}


def answer_tokens(
    variables: TaskVariables, tokenizer: Tokenizer, problems: list[ArgError]
) -> Mapping[str, int]:
    """Return the ids of a generative reranker's answers; what is wrong is added to `problems`."""
    answers: dict[str, int] = {}
    for side, variable in _ANSWERS.items():
        text = getattr(variables, side)
        found = answer_token(text, tokenizer)
        if found is None:
            problems.append(
                ArgError(
                    variable,
                    f"{variable}: {text!r} is not one token of this model.",
                    f"Set {variable} to a text that is.",
                )
            )
        else:
            answers[side] = found
    return answers


def answer_token(text: str, tokenizer: Tokenizer) -> int | None:
    """Return the id of the token that a text is; None when it is several."""
    known = tokenizer.token_id(text)
    if known is not None:
        return known
    ids = tokenizer.encode(text)
    return ids[0] if len(ids) == 1 else None


def usual_loss(task: PoolingTask, problem_type: str | None) -> str:
    """Return the loss that a task has when nobody names one."""
    if task == "seq_cls":
        return {REGRESSION: "mse", MULTI: "binary_cross_entropy"}.get(
            problem_type or "", "cross_entropy"
        )
    return _LOSSES[task][0]


def _usual_metric(task: PoolingTask, loss: str) -> str:
    return "infonce" if loss == "infonce" else _METRICS[task][0]


def loss_name(args: TrainedTaskArguments) -> str | None:
    """Return the loss that was named; None for the usual one. Only `pt` and `sft` name one of these."""
    loss = getattr(args, "loss_type", None)
    return loss if isinstance(loss, str) else None


def metric_sees(args: MetricArguments) -> frozenset[str]:
    """Return what the metric of a plugin is given besides answers and labels.

    Raises:
        UsageError: Something that it cannot be given.
    """
    wanted = {*args.include_for_metrics, *["inputs"] * args.include_inputs_for_metrics}
    problems = [
        ArgError(
            "include_for_metrics",
            f"include_for_metrics: a metric cannot be given {name!r}.",
            "There are inputs and loss.",
        )
        for name in sorted(wanted - {"inputs", "loss"})
    ]
    if args.predict_with_generate and "loss" in wanted:
        problems.append(
            ArgError(
                "include_for_metrics",
                "include_for_metrics: an answer that was generated has no loss.",
                "Leave loss out, or --predict_with_generate.",
            )
        )
    _refuse(problems)
    return frozenset(wanted)


def measured_names(args: TrainedTaskArguments, task: TaskPlan | None) -> tuple[str, ...]:
    """Return what evaluations measure, without what metrics of plugins do."""
    if args.prediction_loss_only:
        return ("loss",)
    if task is None:
        generated = _OF_ANSWERS.get(args.metric or "", ()) if args.predict_with_generate else ()
        return ("loss", f"{args.acc_strategy}_acc", *generated)
    if task.task == "seq_cls":
        regression = task.problem_type == REGRESSION
        return ("loss", *(("mse", "mae", "pearson") if regression else ("acc",)))
    return ("loss", *_MEASURED.get(task.metric, ()))


_OF_ANSWERS = {"nlg": ("rouge-1", "rouge-2", "rouge-l", "bleu-4"), "acc": ("acc",)}
"""What each metric measures of answers that were generated."""

_MEASURED: Mapping[str, tuple[str, ...]] = {
    "reranker": ("mrr", "ndcg"),
    "infonce": ("margin", "mean_pos", "mean_neg"),
    "embedding": tuple(
        f"{kind}_{name}"
        for kind in ("pearson", "spearman")
        for name in ("cosine", "euclidean", "manhattan", "dot_product")
    ),
}


def _refuse(problems: list[ArgError]) -> None:
    if problems:
        raise UsageError(problems)


def _wrong_names(args: TrainedTaskArguments, task: PoolingTask | None) -> list[ArgError]:
    """Return the losses and metrics that belong to another task."""
    of = "tokens" if task is None else "rows"
    plugins = tuple(loss.name for loss in LOSSES.all() if loss.of == of)
    if task is None:
        losses: tuple[str, ...] = ()
    elif task == "seq_cls":
        losses = (usual_loss(task, args.problem_type),)
    else:
        losses = _LOSSES[task]
    metrics = _token_metrics(args) if task is None else _METRICS[task]
    known = {
        "loss_type": (loss_name(args), (*losses, *plugins)),
        "metric": (args.metric, (*metrics, *METRICS.names())),
    }
    return [
        ArgError(
            name,
            f"{name}={value!r} is not for --task_type {args.task_type}.",
            f"There are {', '.join(names)}; plugins can add more."
            if names
            else "Leave it out for the cross entropy of tokens, or register a plugin.",
        )
        for name, (value, names) in known.items()
        if value is not None and value not in names
    ]


def _token_metrics(args: TrainedTaskArguments) -> tuple[str, ...]:
    return ("acc", "nlg") if args.predict_with_generate else ("acc",)


def _generates_no_text(args: TrainedTaskArguments) -> list[ArgError]:
    if not args.predict_with_generate:
        return []
    return [
        ArgError(
            "predict_with_generate",
            f"predict_with_generate: a model of --task_type {args.task_type} generates no text.",
            "Leave --predict_with_generate out.",
        )
    ]


def _laid_end_to_end(args: TrainedTaskArguments) -> list[ArgError]:
    return [
        ArgError(
            name,
            f"{name} lays rows end to end, and --task_type {args.task_type} looks at each by itself.",
            f"Leave --{name} out.",
        )
        for name in ("packing", "padding_free")
        if getattr(args, name) and not (name == "padding_free" and args.packing)
    ]
