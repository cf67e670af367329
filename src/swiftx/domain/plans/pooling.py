"""What one vector a sequence is read off a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PoolingTask = Literal["seq_cls", "embedding", "reranker", "generative_reranker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolingPlan:
    """What a model is asked for a sequence, and how many sequences it gets at once.

    Attributes:
        task: `seq_cls`: one logit a class. `embedding`: the hidden state of the last token, of length 1.
            `reranker`: one logit, of relevance. `generative_reranker`: one number, by how much the logit of
            `positive_token` exceeds that of `negative_token` after the last token.
        positive_token, negative_token: Token ids, for `generative_reranker` only.
        max_model_len: Longest sequence in tokens; None: no limit.
        max_batch_size: Sequences at once; -1: no limit. What comes out does not depend on it.
    """

    task: PoolingTask
    positive_token: int | None = None
    negative_token: int | None = None
    max_model_len: int | None = None
    max_batch_size: int = 16
