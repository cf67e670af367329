"""What a model has computed of the beginnings of prompts, kept in blocks to use it again.

A block is known by its tokens and all that come before them, so prompts with the same beginning share its
blocks. What a block holds is the engine's own affair.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

_T = TypeVar("_T")

BLOCK = 32
"""Tokens of a block."""


class _Block(NamedTuple, Generic[_T]):
    tokens: tuple[int, ...]
    before: object  # the key of the block before it
    payload: _T
    size: int


class PrefixBlocks(Generic[_T]):
    """Blocks of prompts; when they are too many, those go that were used least recently.

    Args:
        capacity: Bytes that all blocks together may take; 0 keeps none.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._blocks: OrderedDict[Hashable, _Block[_T]] = OrderedDict()
        self.size = 0

    def longest(self, ids: Sequence[int], owner: Hashable) -> list[_T]:
        """Return what is known of a prompt, block by block from its beginning; never all of its tokens.

        Args:
            owner: What computed them: another adapter computes other things.
        """
        found: list[_T] = []
        key: Hashable = owner
        for start in range(0, len(ids) - BLOCK, BLOCK):
            tokens = tuple(ids[start : start + BLOCK])
            before, key = key, hash((key, tokens))
            block = self._blocks.get(key)
            if block is None or block.tokens != tokens or block.before != before:
                break
            self._blocks.move_to_end(key)
            found.append(block.payload)
        return found

    def keep(
        self, ids: Sequence[int], owner: Hashable, make: Callable[[int, int], tuple[_T, int]]
    ) -> None:
        """Keep the whole blocks of a sequence that are not known yet.

        Args:
            make: Returns the payload of the tokens `start` to `end` and its bytes.
        """
        key: Hashable = owner
        for start in range(0, len(ids) - BLOCK + 1, BLOCK):
            tokens = tuple(ids[start : start + BLOCK])
            before, key = key, hash((key, tokens))
            if key in self._blocks:
                self._blocks.move_to_end(key)
                continue
            payload, size = make(start, start + BLOCK)
            if size > self._capacity:
                return
            self._blocks[key] = _Block(tokens, before, payload, size)
            self.size += size
        while self.size > self._capacity:
            self.size -= self._blocks.popitem(last=False)[1].size

    def clear(self) -> None:
        """Forget everything."""
        self._blocks.clear()
        self.size = 0


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens two prompts have in common from their beginnings."""
    length = min(len(first), len(second))
    for start in range(0, length, BLOCK):
        stop = min(start + BLOCK, length)
        if first[start:stop] != second[start:stop]:
            return next(i for i in range(start, stop) if first[i] != second[i])
    return length
