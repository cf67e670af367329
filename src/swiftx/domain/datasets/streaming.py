"""The preparation for `--streaming`: rows are read, normalised and shuffled while they are used."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from swiftx.domain.datasets.arrangement import Mix
from swiftx.domain.datasets.loading import DataPorts, Dataset
from swiftx.domain.datasets.mixing import buffer_shuffled, interleaved_stream
from swiftx.domain.datasets.pipeline import known_datasets, mix_of, open_datasets
from swiftx.domain.datasets.registry import REGISTRY, DatasetRegistry
from swiftx.domain.datasets.splitting import SEED_BOUND
from swiftx.domain.datasets.stream_reading import Found, Slice, StreamMark, StreamReader
from swiftx.domain.plans.data import DataPlan
from swiftx.domain.ports.random import Draws
from swiftx.errors import ArgError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStream:
    """Rows that are read anew for every epoch, each epoch in another order when they are shuffled.

    Attributes:
        slices: What is read, one after another where there is no mix.
        mix_seed: Seed of the mix in the first epoch.
        order_seed: Seed of the order in the first epoch; None keeps the order of the files.
    """

    slices: Sequence[Slice]
    plan: DataPlan
    ports: DataPorts
    mix: Mix | None
    mix_seed: int
    order_seed: int | None

    def reader(
        self, epoch: int = 0, *, mark: StreamMark | None = None, wanted: Collection[int] = ()
    ) -> StreamReader:
        """Return an iterator over the rows of an epoch; see `StreamReader`."""
        arranged = partial(self._arranged, epoch)
        return StreamReader(self.slices, arranged, self.plan, self.ports, mark=mark, wanted=wanted)

    def _arranged(self, epoch: int, parts: Sequence[Iterable[Found]]) -> Iterator[Found]:
        shuffler = self.ports.shuffler
        rows: Iterable[Found] = itertools.chain.from_iterable(parts)
        if self.mix is not None and len(parts) > 1:
            rows = interleaved_stream(
                parts,
                self.mix.probabilities,
                stopping_strategy=self.mix.stopping_strategy,
                generator=shuffler.generator(self.mix_seed + epoch),
            )
        if self.order_seed is None:
            return iter(rows)
        return buffer_shuffled(
            rows,
            buffer_size=self.plan.shuffle_buffer_size,
            generator=shuffler.generator(self.order_seed + epoch),
        )


@dataclass(frozen=True, slots=True)
class StreamedData:
    """Streams of training and validation rows; None where there are none."""

    train: RowStream | None
    validation: RowStream | None


def stream(
    plan: DataPlan, ports: DataPorts, *, registry: DatasetRegistry = REGISTRY
) -> StreamedData:
    """Return the streams of the plan. A count takes the first rows; nothing is repeated.

    A share of validation can be split off only where a count says how many rows there are.

    Raises:
        UsageError, NotFound: As `pipeline.prepare`, before any row is read.
    """
    known = known_datasets(plan, ports.storage, registry)
    train_sets = open_datasets(plan.dataset, "dataset", plan=plan, ports=ports, registry=known)
    validation_sets = open_datasets(
        plan.val_dataset, "val_dataset", plan=plan, ports=ports, registry=known
    )
    mix = mix_of(plan)
    ratio = 0.0 if validation_sets else plan.split_dataset_ratio
    train, held = _split(train_sets, ratio=ratio)
    validation_mix, shuffle_validation = mix, plan.dataset_shuffle
    if validation_sets:
        held = [Slice(dataset, 0, dataset.count) for dataset in validation_sets]
        validation_mix, shuffle_validation = None, plan.val_dataset_shuffle
    draws = ports.shuffler.draws(plan.data_seed)
    seeds = _Seeds.drawn(draws, mix=mix, train=bool(train), shuffle=plan.dataset_shuffle)
    return StreamedData(
        _stream(
            train, plan, ports, mix=mix, mix_seed=seeds.train_mix, order_seed=seeds.train_order
        ),
        _stream(
            held,
            plan,
            ports,
            mix=validation_mix,
            mix_seed=seeds.validation_mix,
            order_seed=seeds.validation_order if shuffle_validation else None,
        ),
    )


def _split(datasets: Sequence[Dataset], *, ratio: float) -> tuple[list[Slice], list[Slice]]:
    train: list[Slice] = []
    held: list[Slice] = []
    for dataset in datasets:
        if ratio in (0, 1):
            (held if ratio else train).append(Slice(dataset, 0, dataset.count))
            continue
        if dataset.count is None:
            message = f"a stream of unknown length ({dataset.name}) cannot be split by {ratio}"
            hint = f"Say how many rows to use ({dataset.name}#1000), or give --val_dataset."
            raise UsageError([ArgError("split_dataset_ratio", message, hint=hint)])
        end = int(dataset.count * ratio)
        if end:
            held.append(Slice(dataset, 0, end))
        train.append(Slice(dataset, end, dataset.count))
    return train, held


class _Seeds(NamedTuple):
    """Seeds of the random decisions, drawn in the order of `arrangement.arrange`."""

    train_mix: int
    validation_mix: int
    train_order: int | None
    validation_order: int

    @classmethod
    def drawn(cls, draws: Draws, *, mix: Mix | None, train: bool, shuffle: bool) -> _Seeds:
        train_mix = draws.below(SEED_BOUND) if mix else 0
        validation_mix = draws.below(SEED_BOUND) if mix else 0
        train_order = draws.below(SEED_BOUND) if train and shuffle else None
        return cls(train_mix, validation_mix, train_order, draws.below(SEED_BOUND))


def _stream(
    slices: Sequence[Slice],
    plan: DataPlan,
    ports: DataPorts,
    *,
    mix: Mix | None,
    mix_seed: int,
    order_seed: int | None,
) -> RowStream | None:
    if not slices:
        return None
    return RowStream(
        slices=slices, plan=plan, ports=ports, mix=mix, mix_seed=mix_seed, order_seed=order_seed
    )
