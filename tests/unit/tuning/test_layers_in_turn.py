from __future__ import annotations

import pytest

from swiftx.domain.plans.tuning import LisaPlan
from swiftx.domain.tuning.lisa import active_layers
from swiftx.domain.tuning.llamapro import new_positions, sources

PLAN = LisaPlan(layers=2, interval=5, seed=1)


def test_layers_change_with_the_turn_and_not_within_it() -> None:
    turns = [
        {active_layers(PLAN, step=turn * 5 + i, depth=8) for i in range(5)} for turn in range(6)
    ]

    assert all(len(turn) == 1 for turn in turns)
    assert len({next(iter(turn)) for turn in turns}) > 1


def test_every_layer_gets_its_turn_about_equally_often() -> None:
    counts = [0] * 8
    for turn in range(2000):
        for layer in active_layers(PLAN, step=turn * 5, depth=8):
            counts[layer] += 1

    assert sum(counts) == 4000
    assert min(counts) > 420  # 500 each is expected; the deviation of a count is about 19
    assert max(counts) < 580


def test_another_seed_draws_other_layers() -> None:
    other = LisaPlan(layers=2, interval=5, seed=2)

    draws = [
        [active_layers(plan, step=turn * 5, depth=16) for turn in range(10)]
        for plan in (PLAN, other)
    ]

    assert draws[0] != draws[1]


def test_more_layers_than_there_are_are_all() -> None:
    plan = LisaPlan(layers=9, interval=1)

    assert active_layers(plan, step=0, depth=4) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("depth", "blocks", "groups", "order", "new"),
    [
        (4, 4, 4, (0, 0, 1, 1, 2, 2, 3, 3), (1, 3, 5, 7)),
        (4, 4, 2, (0, 1, 1, 1, 2, 3, 3, 3), (2, 3, 6, 7)),
        (5, 2, 2, (0, 1, 1, 2, 3, 4, 4), (2, 6)),
        (3, 2, 1, (0, 1, 2, 2, 2), (3, 4)),
    ],
)
def test_copies_follow_the_last_layer_of_each_group(
    depth: int, blocks: int, groups: int, order: tuple[int, ...], new: tuple[int, ...]
) -> None:
    assert sources(depth, blocks=blocks, groups=groups) == order
    assert new_positions(depth, blocks=blocks, groups=groups) == new
