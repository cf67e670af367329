"""What plugins add to training, and what they are given. Tensors pass through unseen, hence Any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBatch:
    """What a loss of tokens is computed from. B rows, K positions with a label, V vocabulary.

    Attributes:
        logits: Tensor, float, shape (B, K, V); those that predict the labels, so nothing has to be shifted.
        labels: Tensor, int, shape (B, K); -100 where a row has no label.
        weights: Tensor, float, shape (B, K), of `--loss_scale`; None when every weight is 1.
    """

    logits: Any
    labels: Any
    weights: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBatch:
    """What a loss of whole rows is computed from. S sequences, of G rows; D numbers of a vector.

    A row of a classifier is one sequence. A row of an embedding or a reranker is several: an anchor (of an
    embedding only), its positives, its negatives, in this order.

    Attributes:
        vectors: Tensor, float32, shape (S, D): logits of classes, embeddings of length 1, or scores (D = 1).
        groups: Tensor, int, shape (S,), ascending: the row of each sequence. A reranker has a group for
            each positive, with the negatives drawn for it.
        kinds: Tensor, int, shape (S,): 0 an anchor (or a classifier's text), 1 a positive, 2 a negative.
        targets: Tensor, float, shape (G, C): the class, 1 and 0 for each class, numbers, or how alike anchor
            and positive are; ones for a reranker.
    """

    vectors: Any
    groups: Any
    kinds: Any
    targets: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What a metric is computed from, over all validation rows.

    Attributes:
        labels: The answer that the data have: texts with `--predict_with_generate`; token ids of the trained
            positions of a row of `causal_lm`; the target of a row otherwise.
        predictions: What the model says, in the same form: a text; the most likely token ids; of a
            classifier its logits. Empty for embeddings and rerankers.
        inputs: With `--include_for_metrics inputs`: the token ids of each row (of each sequence, where rows
            have several), or the prompts as texts with `--predict_with_generate`. Else empty.
        losses: With `--include_for_metrics loss`: the mean loss of each row's labels; of tasks of whole rows
            that of the row's batch. Else empty.
        vectors, groups, kinds: As in `RowBatch`, as plain numbers; empty for `causal_lm`.
    """

    labels: Sequence[Any] = ()
    predictions: Sequence[Any] = ()
    vectors: Sequence[Sequence[float]] = ()
    groups: Sequence[int] = ()
    kinds: Sequence[int] = ()
    inputs: Sequence[Any] = ()
    losses: Sequence[float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSettings:
    """What the command line says of the optimiser."""

    learning_rate: float
    weight_decay: float
    betas: tuple[float, float]
    epsilon: float
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TunerSettings:
    """What the command line says of the tuner.

    Attributes:
        targets: Endings of the names of modules, or a regular expression over whole names.
        modules_to_save: Endings of the names of modules that are trained whole.
        task_type: PEFT's name of the task, such as `CAUSAL_LM`.
        rank, alpha, dropout: `--lora_rank`, `--lora_alpha`, `--lora_dropout`.
        options: `--peft_args`.
    """

    targets: Sequence[str] | str
    modules_to_save: Sequence[str]
    task_type: str
    rank: int
    alpha: int
    dropout: float
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LossPlugin:
    """A loss: of tokens, `TokenBatch` to that of each label, (B, K); of rows, `RowBatch` to their mean."""

    name: str
    of: Literal["tokens", "rows"]
    function: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class MetricPlugin:
    """A metric: `Predictions` to one or more named numbers."""

    name: str
    function: Callable[[Predictions], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class OptimizerPlugin:
    """Makes an optimiser of torch, given the model and the settings."""

    name: str
    function: Callable[[Any, OptimizerSettings], Any]


@dataclass(frozen=True, slots=True)
class CallbackPlugin:
    """Makes a `TrainerCallback` of transformers for each run."""

    name: str
    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class TunerPlugin:
    """Makes a `PeftConfig` of PEFT, which says what is put on the model."""

    name: str
    function: Callable[[TunerSettings], Any]
