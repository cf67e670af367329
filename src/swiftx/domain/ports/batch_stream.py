"""Port: rows that come batch by batch, without end, instead of being asked for by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from swiftx.domain.plans.encoded import Encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedBatch:
    """A batch of one process.

    Attributes:
        rows: Its rows, those of a packed sequence one after another.
        news: What the stream itself wants to hear when the batch is used.
    """

    rows: Sequence[Encoded]
    news: object


@runtime_checkable
class BatchStream(Protocol):
    """Batches of training rows, epoch after epoch, from a position on.

    Batches may be made elsewhere (in a loading worker, ahead of their use), by a copy of the stream. The
    position is behind the last batch that this one took, and goes into checkpoints.
    """

    @property
    def epoch(self) -> int:
        """Passes over the data that are done."""
        ...

    def batches(
        self, size: int, *, rank: int = 0, world_size: int = 1, drop_last: bool = False
    ) -> Iterator[StreamedBatch]:
        """Yield the batches of one process from the position on.

        All processes get as many batches, of equal sizes; rows that are too many for that at the end of an
        epoch sit it out.

        Args:
            size: Rows (or packed sequences) in a batch of one process.
            rank: Number of the process.
            world_size: Number of processes.
            drop_last: Leave out a last batch of an epoch that is not full.

        Raises:
            DataError: A file cannot be read, a data set or a whole epoch has no usable row, or (when every
                row must be usable) one is not.
            StorageError: A file cannot be opened.
        """
        ...

    def take(self, batch: StreamedBatch) -> bool:
        """Move the position behind a batch, in the order they came; return whether its epoch ends with it."""
        ...

    def state(self) -> Mapping[str, Any]:
        """Return the position as JSON-like values."""
        ...

    def go_to(self, state: Mapping[str, Any] | None) -> None:
        """Take the position that `state` gave; None is the beginning."""
        ...
