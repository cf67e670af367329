"""From rows of several sequences to padded tensors, with the documents drawn that a batch is to have."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from swiftx.adapters.trainers.collators import PaddedBatch
from swiftx.adapters.trainers.objectives import Batch
from swiftx.adapters.trainers.row_losses import ANCHOR, NEGATIVE, POSITIVE
from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.plans.tasks import TaskPlan
from swiftx.domain.training.row_parts import sequences_of


class Member(NamedTuple):
    """A sequence of a group: an anchor or a classifier's text, a positive, or a negative."""

    kind: int
    row: Encoded


class RowBatches:
    """Makes batches of a task.

    A batch has `input_ids` and `attention_mask`, int, shape (S, T); `groups` and `kinds`, int, shape (S,);
    and `targets`, float, shape (G, C), of the groups; see `RowBatch`.

    Args:
        task: Which documents are drawn; what is drawn depends on its seed, the epoch, and the row.
        pad_token_id: Fills up short sequences.
        padding_side: Where.

    Attributes:
        epoch: Of the rows to come.
    """

    def __init__(self, task: TaskPlan, pad_token_id: int, padding_side: str) -> None:
        self._task = task
        self._pad = PaddedBatch(pad_token_id, padding_side)
        self.epoch = 0

    def __call__(self, rows: Sequence[Encoded]) -> Batch:
        """Return the tensors of one batch."""
        groups = [group for row in rows for group in self._groups(row)]
        targets = [group[0].row.target or (1.0,) for group in groups]
        members = [member for group in groups for member in group]
        sizes = torch.tensor([len(group) for group in groups])
        padded = self._pad([member.row for member in members])
        return {
            "input_ids": padded["input_ids"],
            "attention_mask": padded["attention_mask"],
            "groups": torch.arange(len(groups)).repeat_interleave(sizes),
            "kinds": torch.tensor([member.kind for member in members]),
            "targets": torch.tensor(targets, dtype=torch.float32),
        }

    def _groups(self, row: Encoded) -> Iterator[list[Member]]:
        draw = random.Random(f"{self._task.seed} {self.epoch} {row.row}")
        sides: dict[str, list[Encoded]] = {"main": [], "positive": [], "negative": []}
        for side, sequence in sequences_of(row):
            sides[side].append(sequence)
        negatives = sides["negative"]
        match self._task.task:
            case "seq_cls":
                yield [Member(ANCHOR, sides["main"][0])]
            case "embedding":
                count = self._task.variables.infonce_hard_negatives
                if count is not None and self._task.loss == "infonce":
                    negatives = so_many(negatives, count, draw)
                yield [
                    Member(ANCHOR, sides["main"][0]),
                    *(Member(POSITIVE, each) for each in sides["positive"]),
                    *(Member(NEGATIVE, each) for each in negatives),
                ]
            case "reranker" | "generative_reranker":
                variables = self._task.variables
                for positive in drawn(sides["positive"], variables.max_positive_samples, draw):
                    chosen = drawn(negatives, variables.max_negative_samples, draw)
                    yield [
                        Member(POSITIVE, positive),
                        *(Member(NEGATIVE, negative) for negative in chosen),
                    ]


def drawn(documents: Sequence[Encoded], count: int, draw: random.Random) -> list[Encoded]:
    """Return at most so many of the documents, each once."""
    return draw.sample(list(documents), min(count, len(documents)))


def so_many(documents: Sequence[Encoded], count: int, draw: random.Random) -> list[Encoded]:
    """Return the first so many documents, or all of them and some again; none stay none."""
    if not documents:
        return []
    missing = max(count - len(documents), 0)
    return [*documents[:count], *draw.choices(list(documents), k=missing)]
