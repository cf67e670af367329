from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.fakes.models import model_facts

from swiftx.domain.args.commands.sft import SftArgs
from swiftx.domain.training.sequence_parallel import (
    ProcessGrid,
    key_repeats,
    part,
    part_lengths,
    refuse_sharing,
)
from swiftx.errors import NotBuiltYet, UsageError


def test_neighbours_share_rows() -> None:
    grids = [ProcessGrid(rank=rank, world_size=6, group_size=3) for rank in range(6)]

    assert [(grid.group, grid.place) for grid in grids] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2),
    ]  # fmt: skip
    assert {grid.groups for grid in grids} == {2}


def test_processes_that_share_nothing_are_groups_of_one() -> None:
    grid = ProcessGrid(rank=2, world_size=4)

    assert (grid.group, grid.groups, grid.place) == (2, 4, 0)


@given(some.integers(0, 50), some.integers(1, 8))
def test_the_parts_are_the_sequence_and_of_nearly_one_length(tokens: int, parts: int) -> None:
    sequence = list(range(tokens))
    lengths = part_lengths(tokens, parts)

    pieces = [sequence[part(tokens, parts, place)] for place in range(parts)]

    assert [token for piece in pieces for token in piece] == sequence
    assert tuple(map(len, pieces)) == lengths
    assert max(lengths) - min(lengths) <= 1


@given(some.integers(1, 8), some.integers(1, 8), some.integers(1, 16))
def test_each_share_of_the_query_heads_has_its_key_heads(
    key_heads: int, queries_each: int, parts: int
) -> None:
    """Where the parts divide the query heads, as is checked before."""
    heads = key_heads * queries_each
    if heads % parts:
        return
    repeats = key_repeats(key_heads, parts)
    copies = [head for head in range(key_heads) for _ in range(repeats)]
    queries, keys = heads // parts, len(copies) // parts

    for place in range(parts):
        for query in range(place * queries, (place + 1) * queries):
            own = (query - place * queries) // (queries // keys)
            assert copies[place * keys + own] == query // queries_each


def _refused(world_size: int = 4, heads: int = 8, **given: Any) -> str:
    args = SftArgs(model="m", **{"sequence_parallel_size": 4, **given})
    model = model_facts("/m", config={"num_attention_heads": heads})
    with pytest.raises((UsageError, NotBuiltYet)) as caught:
        refuse_sharing(args, model, world_size=world_size)
    return str(caught.value)


def test_a_size_that_fits_is_taken_and_so_is_none() -> None:
    model = model_facts("/m", config={"num_attention_heads": 8})

    refuse_sharing(SftArgs(sequence_parallel_size=4), model, world_size=8)
    refuse_sharing(SftArgs(metric="acc"), model, world_size=3)


def test_a_size_that_fits_neither_processes_nor_heads_is_refused_with_both_reasons() -> None:
    told = _refused(world_size=6, heads=6)

    assert "6 processes cannot be divided into groups of 4" in told
    assert "the 6 attention heads" in told


@pytest.mark.parametrize("size", [0, -2])
def test_a_size_that_is_no_number_of_processes_is_refused(size: int) -> None:
    assert "no number of processes" in _refused(sequence_parallel_size=size)


def test_everything_that_takes_whole_rows_is_named_at_once() -> None:
    told = _refused(
        task_type="embedding",
        deepspeed="zero2",
        fsdp="full_shard",
        attn_impl="eager",
        torch_compile=True,
        train_type="reft",
        neftune_noise_alpha=5.0,
        router_aux_loss_coef=0.1,
        acc_strategy="seq",
        use_liger_kernel=True,
        metric="mine",
    )

    for flag in (
        "--task_type embedding", "--deepspeed", "--fsdp", "--attn_impl eager", "--torch_compile true",
        "--train_type reft", "--neftune_noise_alpha 5.0", "--router_aux_loss_coef 0.1",
        "--acc_strategy seq", "--use_liger_kernel true", "--metric mine",
    ):  # fmt: skip
        assert flag in told


def test_answers_of_a_model_whose_rows_are_shared_are_refused() -> None:
    assert "--predict_with_generate true" in _refused(predict_with_generate=True, metric="nlg")
