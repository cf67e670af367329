"""Data sets row by row as they lie in their files, the unusable rows in their places."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.datasets.loading import DataPorts, Dataset, read_rows
from swiftx.domain.datasets.pipeline import known_datasets, open_datasets
from swiftx.domain.datasets.registry import REGISTRY, DatasetRegistry
from swiftx.domain.datasets.report import DropTally
from swiftx.domain.plans.data import DataPlan, RowOrigin


@dataclass(frozen=True, slots=True)
class SeenRow:
    """One row that was read.

    Attributes:
        index: Number of the row in everything that is read, from 0.
        row: None when it cannot be used.
        reason, detail: Why it cannot: what it is counted as, and what is wrong with this one.
    """

    index: int
    origin: RowOrigin
    row: StandardRow | None
    reason: str = ""
    detail: str = ""


def read_in_order(
    plan: DataPlan, ports: DataPorts, *, registry: DatasetRegistry = REGISTRY
) -> Iterator[SeenRow]:
    """Yield the rows of `dataset`, then of `val_dataset`, in their own order, usable or not.

    A count at an address ends its data set after as many usable rows; nothing is repeated.

    Raises:
        UsageError, NotFound, BackendError: A data set cannot be opened; before any row is read.
        DataError, StorageError, MissingDependency: A file cannot be read; or a row, when `plan.strict`.
    """
    known = known_datasets(plan, ports.storage, registry)
    datasets = [
        dataset
        for addresses, argument in ((plan.dataset, "dataset"), (plan.val_dataset, "val_dataset"))
        for dataset in open_datasets(addresses, argument, plan=plan, ports=ports, registry=known)
    ]
    return _numbered(datasets, plan, ports)


class _Waiting(DropTally):
    """Keeps left-out rows until the next usable one comes, so that all stay in order."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[tuple[RowOrigin, str, str]] = []

    def add(self, reason: str, origin: RowOrigin, detail: str) -> None:
        super().add(reason, origin, detail)
        self._rows.append((origin, str(reason), detail))

    def taken(self) -> list[tuple[RowOrigin, str, str]]:
        rows, self._rows = self._rows, []
        return rows


def _numbered(datasets: list[Dataset], plan: DataPlan, ports: DataPorts) -> Iterator[SeenRow]:
    numbers = itertools.count()
    for dataset in datasets:
        waiting = _Waiting()
        usable = read_rows(dataset, plan=plan, ports=ports, tally=waiting)
        for row, origin in itertools.islice(usable, dataset.count):
            for place, reason, detail in waiting.taken():
                yield SeenRow(next(numbers), place, None, reason, detail)
            yield SeenRow(next(numbers), origin, row)
        for place, reason, detail in waiting.taken():
            yield SeenRow(next(numbers), place, None, reason, detail)
