"""What a model is trained to do with whole rows: classify, embed, rank."""

from __future__ import annotations

from dataclasses import dataclass, field

from swiftx.domain.plans.pooling import PoolingTask


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskVariables:
    """What the environment says of the losses of embeddings and rerankers.

    Attributes:
        infonce_temperature: Similarities are divided by it.
        infonce_use_batch: Documents of other rows are negatives too, those on other processes included.
        infonce_hard_negatives: Negatives a row: the first so many, or drawn from its own again; None: all.
        infonce_mask_fake_negative: Leave out what is more similar than the positive by 0.1.
        listwise_temperature: Scores are divided by it.
        listwise_min_group_size: Questions with fewer documents are left out.
        positive_token, negative_token: Texts, a token each, that a generative reranker answers with.
        max_positive_samples: Positives drawn from each row of a reranker.
        max_negative_samples: Negatives drawn for each of them.
    """

    infonce_temperature: float = 0.01
    infonce_use_batch: bool = True
    infonce_hard_negatives: int | None = None
    infonce_mask_fake_negative: bool = False
    listwise_temperature: float = 1.0
    listwise_min_group_size: int = 2
    positive_token: str = "yes"
    negative_token: str = "no"
    max_positive_samples: int = 1
    max_negative_samples: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """How a task is trained.

    Attributes:
        loss: Name of a loss, built in or of a plugin.
        metric: Name of what is measured in evaluations, built in or of a plugin.
        num_labels, problem_type: Of `seq_cls`.
        positive_token, negative_token: Token ids, of `generative_reranker`.
        seed: Seeds the draws of documents.
    """

    task: PoolingTask
    loss: str
    metric: str
    num_labels: int | None = None
    problem_type: str | None = None
    positive_token: int | None = None
    negative_token: int | None = None
    seed: int = 42
    variables: TaskVariables = field(default_factory=TaskVariables)
