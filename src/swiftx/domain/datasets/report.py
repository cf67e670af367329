"""Counting what becomes of rows."""

from __future__ import annotations

from collections.abc import Mapping

from swiftx.domain.plans.data import DatasetReport, Dropped, PreparationReport, RowOrigin


class DropTally:
    """Counts left-out rows by reason and remembers the first of each."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._firsts: dict[str, tuple[RowOrigin, str]] = {}

    def add(self, reason: str, origin: RowOrigin, detail: str) -> None:
        """Count one row."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        self._firsts.setdefault(reason, (origin, detail))

    def extend(self, other: DropTally) -> None:
        """Count the rows of another tally, which come after those of this one."""
        for reason, count in other._counts.items():
            self._counts[reason] = self._counts.get(reason, 0) + count
            self._firsts.setdefault(reason, other._firsts[reason])

    def counts(self) -> Mapping[str, int]:
        """Return the number of rows by reason."""
        return dict(self._counts)

    def since(self, counts: Mapping[str, int]) -> DropTally:
        """Return the rows that were counted since `counts` was what this tally had."""
        news = DropTally()
        news._counts = {
            reason: count - counts.get(reason, 0)
            for reason, count in self._counts.items()
            if count > counts.get(reason, 0)
        }
        news._firsts = {reason: self._firsts[reason] for reason in news._counts}
        return news

    def dropped(self) -> tuple[Dropped, ...]:
        """Return the counts, the most frequent reason first."""
        return tuple(
            Dropped(reason, count, *self._firsts[reason])
            for reason, count in sorted(self._counts.items(), key=lambda item: -item[1])
        )


def summary(report: PreparationReport) -> Mapping[str, str]:
    """Return the report as the rows of a table."""
    rows: dict[str, str] = {}
    for number, dataset in enumerate(report.datasets):
        name = dataset.dataset
        if name in rows:
            name = f"{name} ({number + 1})"
        rows[name] = f"{dataset.kept} of {dataset.read} rows used"
        for dropped in dataset.dropped:
            rows[f"{name}: {dropped.reason}"] = describe(dropped)
    return {**rows, "training rows": str(report.train), "validation rows": str(report.validation)}


def describe(dropped: Dropped) -> str:
    """Return one line about left-out rows: how many, where the first is, and what is wrong with it."""
    source, row = dropped.first
    return f"{dropped.count} dropped, first {source}, row {row}: {dropped.detail}"


def dataset_report(name: str, *, kept: int, tally: DropTally) -> DatasetReport:
    """Return what became of one data set."""
    dropped = tally.dropped()
    lost = sum(entry.count for entry in dropped)
    return DatasetReport(dataset=name, read=kept + lost, kept=kept, dropped=dropped)
