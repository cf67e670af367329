"""The whole preparation: data set addresses → training and validation rows, with a report."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.datasets import self_cognition
from swiftx.domain.datasets.address import parse_address
from swiftx.domain.datasets.arrangement import Arrangement, Mix, arrange
from swiftx.domain.datasets.custom_info import read_declarations
from swiftx.domain.datasets.loading import (
    DataPorts,
    Dataset,
    check_place,
    nothing_usable,
    open_dataset,
    read_rows,
)
from swiftx.domain.datasets.mixing import check_probabilities
from swiftx.domain.datasets.orders import order_of
from swiftx.domain.datasets.origins import Origins
from swiftx.domain.datasets.registry import REGISTRY, DatasetRegistry
from swiftx.domain.datasets.report import DropTally, dataset_report
from swiftx.domain.datasets.splitting import Part
from swiftx.domain.plans.data import DataPlan, DatasetReport, PreparationReport, RowOrigin
from swiftx.domain.ports.rows import RowShelf
from swiftx.domain.ports.system import Storage
from swiftx.errors import ArgError, NotFound, SwiftxError, UsageError


class PreparedRows(Sequence[StandardRow]):
    """Standard rows in the order of use, each with where it was read. A row may occur repeatedly.

    Args:
        rows: All rows; they may lie outside memory.
        origins: Where each of them was read.
        order: Which of them are used, by index; None uses all.
    """

    def __init__(
        self,
        rows: Sequence[StandardRow] | RowShelf = (),
        origins: Sequence[RowOrigin] = (),
        order: Sequence[int] | None = None,
    ) -> None:
        self._rows = rows
        self._origins = origins
        self._order = range(len(rows)) if order is None else order

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> StandardRow: ...
    @overload
    def __getitem__(self, index: slice) -> PreparedRows: ...
    def __getitem__(self, index: int | slice) -> StandardRow | PreparedRows:
        if isinstance(index, slice):
            return PreparedRows(self._rows, self._origins, self._order[index])
        return self._rows[self._order[index]]

    def origin(self, index: int) -> RowOrigin:
        """Return the file and row number that a row came from."""
        return self._origins[self._order[index]]

    def select(self, indices: Iterable[int]) -> PreparedRows:
        """Return the rows at these indices, in this order."""
        if isinstance(self._order, range) and isinstance(indices, array):
            order = indices  # of all rows: an order of their order is itself
        else:
            order = order_of((self._order[index] for index in indices), rows=len(self._rows))
        return PreparedRows(self._rows, self._origins, order)


@dataclass(frozen=True, slots=True)
class PreparedData:
    """Rows ready for the template."""

    train: PreparedRows
    validation: PreparedRows
    report: PreparationReport


def prepare(
    plan: DataPlan, ports: DataPorts, *, registry: DatasetRegistry = REGISTRY
) -> PreparedData:
    """Return all rows of the plan; an empty list of data sets gives no rows.

    Args:
        registry: Data sets known by name, beside the bundled ones and those of `custom_dataset_info`.

    Raises:
        UsageError: A bad address, split, mix or self-cognition name.
        NotFound: A data set that is not there.
        DataError: A data set without a usable row, a file that is not readable as data, or (when
            strict) the first unusable row.
        BackendError, StorageError, MissingDependency: From the hub or the files.
    """
    return read_all(open_all(plan, ports, registry=registry), plan, ports)


@dataclass(frozen=True, slots=True)
class OpenedData:
    """The data sets of a plan; their files are known, nothing is read yet."""

    train: Sequence[Dataset]
    validation: Sequence[Dataset]
    mix: Mix | None


def open_all(
    plan: DataPlan, ports: DataPorts, *, registry: DatasetRegistry = REGISTRY
) -> OpenedData:
    """Return the data sets of the plan; those on a hub are fetched. Raises what `prepare` does."""
    known = known_datasets(plan, ports.storage, registry)
    return OpenedData(
        open_datasets(plan.dataset, "dataset", plan=plan, ports=ports, registry=known),
        open_datasets(plan.val_dataset, "val_dataset", plan=plan, ports=ports, registry=known),
        mix_of(plan),
    )


def read_all(opened: OpenedData, plan: DataPlan, ports: DataPorts) -> PreparedData:
    """Return all rows of opened data sets. Raises what `prepare` does."""
    train = _loaded(opened.train, plan=plan, ports=ports)
    validation = _loaded(opened.validation, plan=plan, ports=ports)
    ratio = 0.0 if opened.validation else plan.split_dataset_ratio
    order = _order(train, plan, ports, ratio=ratio, shuffle=plan.dataset_shuffle, mix=opened.mix)
    held = train.rows.select(order.validation)
    if opened.validation:
        # Interleaving describes the training mix; validation sets are used whole.
        shuffle = plan.val_dataset_shuffle
        held_order = _order(validation, plan, ports, ratio=1.0, shuffle=shuffle, mix=None)
        held = validation.rows.select(held_order.validation)
    report = PreparationReport(
        datasets=(*train.reports, *validation.reports),
        train=len(order.train),
        validation=len(held),
    )
    return PreparedData(train.rows.select(order.train), held, report)


def missing_data(
    plan: DataPlan, storage: Storage, *, registry: DatasetRegistry = REGISTRY
) -> list[ArgError]:
    """Return what is wrong with the addresses of a plan that can be told without opening anything."""
    try:
        known = known_datasets(plan, storage, registry)
    except SwiftxError:  # told by who reads the declarations: which names there are is not known
        return []
    errors: list[ArgError] = []
    named = {"dataset": plan.dataset, "val_dataset": plan.val_dataset}
    for argument, addresses in named.items():
        for text in dict.fromkeys(addresses):
            try:
                address = parse_address(text, exists=storage.exists, argument=argument)
                check_place(address, storage=storage, registry=known)
            except UsageError as error:
                errors += error.errors
            except NotFound as error:
                message = f"{argument}: {error.message}"
                errors.append(ArgError(argument, message, error.hint, is_missing=True))
    return errors


def known_datasets(plan: DataPlan, storage: Storage, registry: DatasetRegistry) -> DatasetRegistry:
    """Return the registry with the bundled data set and the declarations of the plan's JSON files."""
    bundled = self_cognition.declaration(model_name=plan.model_name, model_author=plan.model_author)
    declared = [
        declaration
        for path in plan.custom_dataset_info
        for declaration in read_declarations(path, storage=storage)
    ]
    return DatasetRegistry([bundled]).extended(registry.declarations()).extended(declared)


def open_datasets(
    addresses: Sequence[str],
    argument: str,
    *,
    plan: DataPlan,
    ports: DataPorts,
    registry: DatasetRegistry,
) -> list[Dataset]:
    """Return the data sets of an argument; every address is parsed before anything is fetched."""
    parsed = [
        parse_address(text, exists=ports.storage.exists, argument=argument) for text in addresses
    ]
    return [open_dataset(address, plan=plan, ports=ports, registry=registry) for address in parsed]


def mix_of(plan: DataPlan) -> Mix | None:
    """Return how the training sets are mixed; None when one follows another.

    Raises:
        UsageError: The probabilities do not fit the data sets.
    """
    if plan.interleave_prob is None or not plan.dataset:
        return None
    check_probabilities(
        plan.interleave_prob,
        datasets=len(plan.dataset),
        stopping_strategy=plan.stopping_strategy,
    )
    return Mix(plan.interleave_prob, plan.stopping_strategy)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """All usable rows of some data sets, end to end."""

    rows: PreparedRows
    parts: tuple[Part, ...]
    reports: tuple[DatasetReport, ...]


def _loaded(datasets: Sequence[Dataset], *, plan: DataPlan, ports: DataPorts) -> _Loaded:
    rows = ports.shelf()
    origins = Origins()
    parts: list[Part] = []
    reports: list[DatasetReport] = []
    for dataset in datasets:
        before = len(rows)
        tally = DropTally()
        for row, origin in read_rows(dataset, plan=plan, ports=ports, tally=tally):
            rows.append(row)
            origins.append(origin)
        kept = len(rows) - before
        if not kept:
            raise nothing_usable(dataset, tally)
        parts.append(Part(dataset.name, kept, dataset.count))
        reports.append(dataset_report(dataset.name, kept=kept, tally=tally))
    return _Loaded(PreparedRows(rows, origins), tuple(parts), tuple(reports))


def _order(
    loaded: _Loaded,
    plan: DataPlan,
    ports: DataPorts,
    *,
    ratio: float,
    shuffle: bool,
    mix: Mix | None,
) -> Arrangement:
    return arrange(
        loaded.parts,
        ratio=ratio,
        shuffle=shuffle,
        seed=plan.data_seed,
        shuffler=ports.shuffler,
        mix=mix,
    )
