from __future__ import annotations

from collections.abc import Sequence

import pytest

from swiftx.domain.inference.prefixes import BLOCK, PrefixBlocks, common_length


def kept(blocks: PrefixBlocks[str], ids: Sequence[int], owner: str | None = None) -> None:
    blocks.keep(ids, owner, lambda start, end: (f"{ids[0]}:{start}-{end}", 1))


def test_prompts_with_the_same_beginning_share_its_blocks() -> None:
    blocks = PrefixBlocks[str](100)
    first = list(range(3 * BLOCK))
    kept(blocks, first)

    second = [*first[: 2 * BLOCK], *[7] * BLOCK]
    kept(blocks, second)

    assert blocks.longest(second[:-1], None) == [f"0:0-{BLOCK}", f"0:{BLOCK}-{2 * BLOCK}"]
    assert blocks.size == 4


def test_last_token_is_never_known() -> None:
    blocks = PrefixBlocks[str](100)
    ids = list(range(2 * BLOCK))
    kept(blocks, ids)

    assert len(blocks.longest(ids, None)) == 1
    assert len(blocks.longest([*ids, 5], None)) == 2


def test_block_is_known_by_what_comes_before_it_too() -> None:
    blocks = PrefixBlocks[str](100)
    kept(blocks, [1] * BLOCK + [2] * BLOCK)

    assert blocks.longest([3] * BLOCK + [2] * BLOCK + [0], None) == []


def test_adapters_compute_other_things() -> None:
    blocks = PrefixBlocks[str](100)
    ids = list(range(BLOCK + 1))
    kept(blocks, ids, "one")

    assert blocks.longest(ids, "one")
    assert blocks.longest(ids, "other") == []


def test_least_recently_used_blocks_go_first() -> None:
    blocks = PrefixBlocks[str](2)
    old, used, new = ([number] * BLOCK + [0] for number in (1, 2, 3))
    kept(blocks, used)
    kept(blocks, old)
    blocks.longest(used, None)

    kept(blocks, new)

    assert [bool(blocks.longest(ids, None)) for ids in (old, used, new)] == [False, True, True]
    assert blocks.size == 2


@pytest.mark.parametrize("capacity", [0, 1])
def test_what_is_larger_than_the_room_is_not_kept(capacity: int) -> None:
    blocks = PrefixBlocks[str](capacity)

    blocks.keep(list(range(BLOCK)), None, lambda *_: ("block", 2))

    assert blocks.size == 0
    assert blocks.longest(list(range(BLOCK + 1)), None) == []


def test_blocks_are_made_once() -> None:
    blocks = PrefixBlocks[str](100)
    made: list[tuple[int, int]] = []

    def make(start: int, end: int) -> tuple[str, int]:
        made.append((start, end))
        return "block", 1

    for _ in range(2):
        blocks.keep(list(range(2 * BLOCK + 5)), None, make)

    assert made == [(0, BLOCK), (BLOCK, 2 * BLOCK)]


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [([], [1], 0), ([1, 2], [1, 2, 3], 2), ([1] * 70, [1] * 65 + [2], 65), ([1], [2], 0)],
)
def test_common_length(first: list[int], second: list[int], length: int) -> None:
    assert common_length(first, second) == length
