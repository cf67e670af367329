"""Addresses → normalised rows, one at a time, in file order."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from swiftx.domain.chat.rows import StandardRow
from swiftx.domain.datasets.address import DatasetAddress
from swiftx.domain.datasets.columns import column_names
from swiftx.domain.datasets.formats import Pick, RowFormat, normalise
from swiftx.domain.datasets.registry import (
    DEFAULT_SUBSET,
    DatasetDeclaration,
    DatasetRegistry,
    Preprocess,
    Subset,
    select_subsets,
)
from swiftx.domain.datasets.rejection import Reason, RowRejected, shown
from swiftx.domain.datasets.report import DropTally
from swiftx.domain.plans.data import DataPlan, RowOrigin
from swiftx.domain.ports.hubs import DatasetHub
from swiftx.domain.ports.random import Shuffler
from swiftx.domain.ports.rows import RawRow, RowShelf, RowSource
from swiftx.domain.ports.system import Storage
from swiftx.errors import DataError, NotFound, SwiftxError

_FILE_ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".gz")
_FORCE = "force_redownload"


@dataclass(frozen=True, slots=True)
class DataPorts:
    """What preparing data needs of the world.

    Attributes:
        hub: Opens the hub that an address asks for: Hugging Face (True) or ModelScope (False).
        shelf: Makes an empty place for the rows of a run; a list holds them in memory.
    """

    rows: RowSource
    storage: Storage
    shuffler: Shuffler
    hub: Callable[[bool], DatasetHub]
    shelf: Callable[[], RowShelf] = list


BundledRows = Callable[[], Iterable[RawRow]]


class _Reading(NamedTuple):
    """How the rows of a file are read."""

    columns: Mapping[str, str]
    preprocess: Preprocess | None


class Chunk(NamedTuple):
    """Rows of one file, with how they are read.

    Attributes:
        source: The file; the name of the data set when the program brings the rows itself.
        rows: Opens the rows from a number on.
        is_file: Whether it is a file.
    """

    source: str
    rows: Callable[[int], Iterable[RawRow]]
    columns: Mapping[str, str]
    preprocess: Preprocess | None
    is_file: bool = True


@dataclass(frozen=True, slots=True)
class Dataset:
    """One opened address: its files are known, nothing is read yet."""

    name: str
    count: int | None
    chunks: tuple[Chunk, ...]


def open_dataset(
    address: DatasetAddress, *, plan: DataPlan, ports: DataPorts, registry: DatasetRegistry
) -> Dataset:
    """Return the data set of an address; fetches it when it is on a hub.

    Raises:
        NotFound: No such file, folder, subset, registered name or hub id.
        UsageError: The address must name a subset.
        BackendError: The hub failed.
    """
    declaration, found = _located(address, plan=plan, ports=ports, registry=registry)
    if not isinstance(found, str):
        chunks = _bundled(found, declaration, address)
    elif ports.storage.is_file(found):
        chunks = [_file(found, _reading(Subset(), declaration), ports=ports)]
    else:
        chunks = _folder(found, declaration, address, ports=ports)
    return Dataset(address.text, address.count, tuple(chunks))


def _bundled(
    rows: BundledRows, declaration: DatasetDeclaration, address: DatasetAddress
) -> list[Chunk]:
    known = [subset.name for subset in declaration.subsets]
    subsets = select_subsets(declaration, address.subsets, dataset=address.dataset)
    for subset in subsets:
        if subset.name not in known:
            message = f"{address.dataset!r} has no subset {subset.name!r}"
            raise NotFound(message, hint=f"It has {', '.join(known)}.")
    return [
        Chunk(address.dataset, partial(_from, rows), *_reading(subset, declaration), is_file=False)
        for subset in subsets
    ]


def _from(rows: BundledRows, start: int) -> Iterable[RawRow]:
    return islice(rows(), start, None)


def _folder(
    folder: str, declaration: DatasetDeclaration, address: DatasetAddress, *, ports: DataPorts
) -> list[Chunk]:
    chunks = []
    for subset in select_subsets(declaration, address.subsets, dataset=address.dataset):
        reading = _reading(subset, declaration)
        name = subset.hub_name or subset.name
        for split in subset.splits or declaration.splits:
            files = ports.rows.files(
                folder, subset=None if name == DEFAULT_SUBSET else name, split=split
            )
            chunks += [_file(file, reading, ports=ports) for file in files]
    return chunks


def _file(path: str, reading: _Reading, *, ports: DataPorts) -> Chunk:
    return Chunk(path, lambda start: ports.rows.rows(path, start=start), *reading)


def _reading(subset: Subset, declaration: DatasetDeclaration) -> _Reading:
    columns = declaration.columns if subset.columns is None else subset.columns
    return _Reading(columns, subset.preprocess or declaration.preprocess)


def read_rows(
    dataset: Dataset, *, plan: DataPlan, ports: DataPorts, tally: DropTally
) -> Iterator[tuple[StandardRow, RowOrigin]]:
    """Yield the usable rows with where they were read; counts the others in `tally`.

    Raises:
        DataError: A file cannot be read as data; or, when `plan.strict`, a row cannot be used.
        StorageError: A file cannot be opened.
    """
    draws = ports.shuffler.draws(plan.data_seed)
    for chunk in dataset.chunks:
        format_ = format_of(chunk, plan, pick=draws.below if plan.random_response else None)
        for number, raw in enumerate(chunk.rows(0)):
            origin = RowOrigin(chunk.source, number)
            row = standard_row(raw, chunk, format_, origin=origin, strict=plan.strict, tally=tally)
            if row is not None:
                yield row, origin


def format_of(chunk: Chunk, plan: DataPlan, *, pick: Pick | None) -> RowFormat:
    """Return how the rows of a file are read under a plan."""
    return RowFormat(
        columns=column_names({**chunk.columns, **plan.columns}),
        remove_unused_columns=plan.remove_unused_columns,
        pick=pick,
    )


def standard_row(
    raw: RawRow,
    chunk: Chunk,
    format_: RowFormat,
    *,
    origin: RowOrigin,
    strict: bool,
    tally: DropTally,
) -> StandardRow | None:
    """Return the standard row; None, and a count in `tally`, for one that cannot be used.

    Raises:
        DataError: It cannot be used, and `strict` asks for every row.
    """
    try:
        return normalise(_preprocessed(raw, chunk.preprocess), format_)
    except RowRejected as rejected:
        if strict:
            raise rejected.at(*origin) from rejected.__cause__
        tally.add(rejected.kind, origin, _detail(rejected))
        return None


def nothing_usable(dataset: Dataset, tally: DropTally) -> DataError:
    """Return the error for a data set without a usable row."""
    dropped = tally.dropped()
    if not dropped:
        return DataError(
            "the data set has no rows",
            source=dataset.name,
            hint="Check that the file is the one you meant, and that it is not empty.",
        )
    first = dropped[0]
    total = sum(entry.count for entry in dropped)
    return DataError(
        f"none of its {total} rows can be used; {first.reason}: {first.detail}",
        source=first.first.source,
        row=first.first.row,
        hint="Bring the rows to one of the documented formats, or name their columns with --columns.",
    )


def check_place(address: DatasetAddress, *, storage: Storage, registry: DatasetRegistry) -> None:
    """Pass an address that names something on this machine, or what may be on a hub.

    Raises:
        NotFound: It can only be a file or folder, and none is there.
    """
    name = address.dataset
    declared = registry.find(name) or registry.find(storage.absolute(name))
    if storage.exists(name) or (declared is not None and declared.bundled is not None):
        return
    if declared is None:
        _repo_id(name, storage=storage, registry=registry)
    elif declared.path is not None and address.use_hf is None and not storage.exists(declared.path):
        raise _no_file(declared.path, storage=storage)


def _located(
    address: DatasetAddress, *, plan: DataPlan, ports: DataPorts, registry: DatasetRegistry
) -> tuple[DatasetDeclaration, str | BundledRows]:
    """Return the declaration with the file or folder of its data, or with the rows it brings."""
    name, storage = address.dataset, ports.storage
    declared = registry.find(name) or registry.find(storage.absolute(name))
    by_name = declared is not None and name in declared.names
    if storage.exists(name) and not by_name:
        copied = None if storage.is_file(name) else registry.of_folder(name)
        return declared or copied or DatasetDeclaration(path=name), name
    if declared is not None and declared.bundled is not None:
        return declared, declared.bundled
    if declared is not None and declared.path is not None and address.use_hf is None:
        if not storage.exists(declared.path):
            raise _no_file(declared.path, storage=storage)
        return declared, declared.path
    use_hf = plan.use_hf if address.use_hf is None else address.use_hf
    if declared is None:
        repo_id = _repo_id(name, storage=storage, registry=registry)
    else:
        repo_id = _declared_id(declared, use_hf=use_hf, name=name)
    folder = ports.hub(use_hf).dataset(repo_id, force=plan.download_mode == _FORCE)
    return declared or DatasetDeclaration(path=name), folder


def _declared_id(declared: DatasetDeclaration, *, use_hf: bool, name: str) -> str:
    repo_id = declared.huggingface_id if use_hf else declared.modelscope_id
    if repo_id is None:
        hub = "Hugging Face" if use_hf else "ModelScope"
        raise NotFound(f"{name!r} has no id on {hub}", hint="Use the other hub: hf:: or ms::")
    return repo_id


def _repo_id(name: str, *, storage: Storage, registry: DatasetRegistry) -> str:
    if name.startswith((".", "/", "~", "\\")) or name.lower().endswith(_FILE_ENDINGS):
        raise _no_file(name, storage=storage)
    owner, slash, rest = name.partition("/")
    if owner and slash and rest and "/" not in rest:
        return name
    near = registry.close_to(name)
    raise NotFound(
        f"{name!r} is no file or folder, no registered data set and no hub id (owner/name)",
        hint=f"Did you mean {' or '.join(near)}?" if near else "Check the path.",
    )


def _no_file(path: str, *, storage: Storage) -> NotFound:
    folder, _, file = path.replace("\\", "/").rpartition("/")
    near = difflib.get_close_matches(file, storage.names(folder or "."), n=3)
    return NotFound(
        f"There is no data file or folder {path!r} (looked for {storage.absolute(path)}).",
        hint=f"Did you mean {' or '.join(near)}?" if near else "Check the path.",
    )


def _preprocessed(row: RawRow, preprocess: Preprocess | None) -> Mapping[str, Any]:
    if preprocess is None:
        return row
    try:
        made = preprocess(row)
    except DataError as error:
        raise RowRejected(Reason.PREPROCESSOR, error.reason, field=error.field) from error
    except SwiftxError:
        raise
    except Exception as error:  # a plugin's function may raise anything; the row is skipped
        reason = f"{type(error).__name__}: {error}"
        raise RowRejected(Reason.PREPROCESSOR, reason) from error
    if made is None:
        raise RowRejected(Reason.PREPROCESSOR, f"left out: {shown(dict(row))}")
    return made


def _detail(rejected: RowRejected) -> str:
    return rejected.reason if rejected.field is None else f"{rejected.field}: {rejected.reason}"
