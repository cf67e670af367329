"""Keys and values of many answers in one buffer: each answer has a row, all rows end in the same column.

Every forward pass appends one column to all rows at once, which is a single contiguous write, and the model
sees what it sees in a batch with left padding: a view of the buffer and a mask over columns. Nothing is
concatenated, and a row joins or leaves without moving the others.

R: rows of the buffer, H: heads of keys and values, C: columns of the buffer, D: size of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

_COLUMN_BLOCK = 128
"""Buffers have a multiple of so many columns, so that they do not grow with every token."""

States = list[tuple[Tensor, Tensor]]
"""Keys and values of one sequence by layer, each of shape (H, T, D)."""


class _Window:
    """The part of the buffers that the next pass sees: rows before `rows`, columns `start` to `end`."""

    def __init__(self) -> None:
        self.rows = 0
        self.start = 0
        self.end = 0

    @property
    def width(self) -> int:
        return self.end - self.start


class SlotLayer(CacheLayerMixin):
    """Keys and values of one layer of the model.

    Layers with a sliding window keep what has left the window, so that prefixes can be used again, but show
    the model no more than the window.
    """

    is_compileable = False
    is_croppable = False

    def __init__(self, window: _Window, *, sliding_window: int | None) -> None:
        super().__init__()
        self._window = window
        self._sliding_window = sliding_window
        self.is_sliding = sliding_window is not None
        self.room = (0, 0)  # rows and columns of the buffers when they are made

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make the buffers; zeros, because masked columns are multiplied by a weight of 0."""
        rows, columns = self.room
        self.keys = _buffer(key_states, rows, columns)
        self.values = _buffer(value_states, rows, columns)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the columns after the window's end, and return the window with them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        view = self._window
        added = key_states.shape[-2]
        end = view.end + added
        self.keys[: view.rows, :, view.end : end] = key_states
        self.values[: view.rows, :, view.end : end] = value_states
        start = end - self.get_mask_sizes(added)[0]
        return self.keys[: view.rows, :, start:end], self.values[: view.rows, :, start:end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many columns the model sees, and how many of the window come before them."""
        total = self._window.width + query_length
        if self._sliding_window is None:
            return total, 0
        seen = min(total, self._sliding_window - 1 + query_length)
        return seen, total - seen

    def get_seq_length(self) -> int:
        return self._window.width

    def get_max_length(self) -> int:
        return -1

    def resize(self, rows: int, columns: int, *, used: tuple[int, int, int], start: int) -> None:
        """Move to buffers of another size; the used rows and columns (from, to) begin at column `start`."""
        self.room = rows, columns
        if self.is_initialized:
            self.keys = _moved(self.keys, rows, columns, used, start)
            self.values = _moved(self.values, rows, columns, used, start)

    def copy_row(self, source: int, target: int, *, start: int, end: int) -> None:
        if self.is_initialized:
            self.keys[target, :, start:end] = self.keys[source, :, start:end]
            self.values[target, :, start:end] = self.values[source, :, start:end]

    def read(self, row: int, *, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Return views of a row, each of shape (H, end - start, D)."""
        return self.keys[row, :, start:end], self.values[row, :, start:end]

    def write(self, row: int, states: tuple[Tensor, Tensor], *, start: int) -> None:
        keys, values = states
        if not self.is_initialized:
            self.lazy_initialization(keys[None], values[None])
        end = start + keys.shape[-2]
        self.keys[row, :, start:end] = keys
        self.values[row, :, start:end] = values


class SlotCache(Cache):
    """The cache of a batch whose rows come and go.

    Args:
        sliding_windows: By layer: how many tokens it sees; None for all.

    Attributes:
        lengths: Tokens of each row, in the order of the rows.
    """

    def __init__(self, sliding_windows: Sequence[int | None]) -> None:
        self._view = _Window()
        self._room = (0, 0)
        self.lengths: list[int] = []
        super().__init__(
            layers=[SlotLayer(self._view, sliding_window=size) for size in sliding_windows]
        )

    @property
    def width(self) -> int:
        """Columns that the next forward pass sees before its own."""
        return self._view.width

    @property
    def bytes_used(self) -> int:
        """Size of the buffers."""
        return sum(
            layer.keys.nbytes + layer.values.nbytes for layer in self.layers if layer.is_initialized
        )

    def reserve(self, columns: int) -> None:
        """Make room for so many columns after the last one."""
        if self._view.end + columns > self._room[1]:
            needed = self._view.width + columns
            roomy = needed * 2 <= self._room[1]
            self._resize(
                self._room[0],
                self._room[1] if roomy else _with_reserve(needed),
                end=self._view.width,
            )

    def add(self, states: States) -> None:
        """Put a sequence into a new row, the last one; no states at all are a sequence of no tokens."""
        length = states[0][0].shape[-2] if states else 0
        rows, row = self._room[0], self._view.rows
        if row == rows or length > self._view.end:
            width = max(length, self._view.width)
            columns = self._room[1] if width < self._room[1] else _with_reserve(width + 1)
            self._resize(max(rows, _power_of_two(row + 1)), columns, end=width)
        self._view.rows += 1
        self.lengths.append(length)
        self._fit()
        for layer, state in zip(self.layers, states, strict=False):
            layer.write(row, state, start=self._view.end - length)

    def remove(self, row: int) -> None:
        """Take a row away; the last row takes its place."""
        last = self._view.rows - 1
        length = self.lengths.pop()
        if row != last:
            self.lengths[row] = length
            for layer in self.layers:
                layer.copy_row(last, row, start=self._view.end - length, end=self._view.end)
        self._view.rows = last
        self._fit()

    def appended(self, columns: int) -> None:
        """Count what a forward pass has written."""
        self._view.end += columns
        self.lengths = [length + columns for length in self.lengths]

    def states(self, row: int, start: int, end: int) -> States:
        """Return views of the keys and values of a row's tokens `start` to `end`."""
        first = self._view.end - self.lengths[row]
        return [layer.read(row, start=first + start, end=first + end) for layer in self.layers]

    def _fit(self) -> None:
        """Let the window begin where the longest row does; without rows, at the first column."""
        view = self._view
        longest = max(self.lengths, default=0)
        view.start = view.end - longest if longest else 0
        view.end = view.end if longest else 0

    def _resize(self, rows: int, columns: int, *, end: int) -> None:
        """Move to new buffers, in which the window ends at column `end`."""
        view = self._view
        width = view.width
        for layer in self.layers:
            layer.resize(rows, columns, used=(view.rows, view.start, view.end), start=end - width)
        self._room = rows, columns
        view.start, view.end = end - width, end


def key_mask(lengths: Sequence[int], width: int, *, device: torch.device) -> Tensor:
    """Return which of the last `width` columns belong to each row: int64, shape (rows, width)."""
    columns = torch.arange(width, 0, -1, device=device)
    return (columns <= torch.tensor(lengths, device=device)[:, None]).long()


def _power_of_two(rows: int) -> int:
    """Return the power of two that holds so many rows."""
    return 1 << (rows - 1).bit_length()


def _with_reserve(columns: int) -> int:
    """Return half as many again, in whole blocks."""
    return -(-columns * 3 // 2 // _COLUMN_BLOCK) * _COLUMN_BLOCK


def _buffer(like: Tensor, rows: int, columns: int) -> Tensor:
    _, heads, _, size = like.shape
    return torch.zeros(rows, heads, columns, size, dtype=like.dtype, device=like.device)


def _moved(old: Tensor, rows: int, columns: int, used: tuple[int, int, int], start: int) -> Tensor:
    kept, first, end = used
    new = _buffer(old, rows, columns)
    new[:kept, :, start : start + end - first] = old[:kept, :, first:end]
    return new
