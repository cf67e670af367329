"""A stream of rows as the training loop wants it: batches of tensors, epoch after epoch."""

# ruff: noqa: ARG002  (transformers fixes the signatures)

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from swiftx.domain.plans.encoded import Encoded
from swiftx.domain.ports.batch_stream import BatchStream, StreamedBatch
from swiftx.domain.training.sequence_parallel import ProcessGrid
from swiftx.errors import ArgError, SwiftxError, UsageError

Batch = dict[str, Tensor]
Collate = Callable[[Sequence[Encoded]], Batch]

STATE_KEY = "stream"


class StreamFeed(IterableDataset[Any]):
    """Iterates over the batches of this process without end; every iterator goes on with the same batches.

    Args:
        stream: What is trained on; it always knows its position behind the last batch that was given.
        arguments: Whether short batches count.
        grid: The processes; those that share rows have the same batches.
        batch_size: Returns the rows in a batch, which may change while training looks for one that fits.
        collate: Makes tensors of the rows of a batch.
        loading: Options of torch's data loader.
    """

    def __init__(
        self,
        stream: BatchStream,
        arguments: TrainingArguments,
        grid: ProcessGrid,
        *,
        batch_size: Callable[[], int],
        collate: Collate,
        loading: Mapping[str, Any],
    ) -> None:
        self._stream = stream
        self._dealing = {
            "rank": grid.group,
            "world_size": grid.groups,
            "drop_last": arguments.dataloader_drop_last,
        }
        self._batch_size = batch_size
        self._collate = collate
        self._loading = loading
        self._batches: Iterator[Any] | None = None
        self.ended = False

    def begin(self, kept: Mapping[str, Any] | None) -> None:
        """Go to a position that `state` gave; None is the beginning.

        Raises:
            UsageError: The checkpoint was not made with a stream.
        """
        if kept is not None and STATE_KEY not in kept:
            message = "the checkpoint was made without --streaming: it has no position in a stream"
            hint = "leave --streaming out, or add --ignore_data_skip true"
            raise UsageError([ArgError("resume_from_checkpoint", message, hint)])
        self._stream.go_to(None if kept is None else kept[STATE_KEY])
        self._batches = None

    def close(self) -> None:
        """End the loading worker."""
        self._batches = None

    def state(self) -> dict[str, Any]:
        """Return where the stream goes on, as JSON-like values."""
        return {STATE_KEY: self._stream.state()}

    @property
    def epoch(self) -> int:
        """Passes over the data that are done."""
        return self._stream.epoch

    def __iter__(self) -> StreamFeed:
        return self

    def __next__(self) -> Batch:
        if self._batches is None:
            source = _Source(self._stream, self._dealing, self._batch_size(), self._collate)
            self._batches = iter(DataLoader(source, batch_size=None, **self._loading))
        made = next(self._batches)
        if isinstance(made, SwiftxError):
            raise made
        tensors, batch = made
        self.ended = self._stream.take(batch) or self.ended
        return tensors


class _Source(IterableDataset[Any]):
    """The batches with their tensors; a loading worker runs it. An error ends it, as its last element."""

    def __init__(
        self, stream: BatchStream, dealing: Mapping[str, Any], batch_size: int, collate: Collate
    ) -> None:
        self._stream = stream
        self._collate = collate
        self._options = {"size": batch_size, **dealing}

    def __iter__(self) -> Iterator[tuple[Batch, StreamedBatch] | SwiftxError]:
        try:
            for batch in self._stream.batches(**self._options):
                # The rows stay here: the training process needs their tensors only.
                yield self._collate(batch.rows), replace(batch, rows=())
        except SwiftxError as error:
            yield error


class StreamEpochs(TrainerCallback):
    """Ends an epoch where the data end, and counts epochs by the data."""

    def __init__(self, feed: StreamFeed) -> None:
        self._feed = feed

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        state.epoch = float(self._feed.epoch)
        if self._feed.ended:
            self._feed.ended = False
            control.should_epoch_stop = True
