from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swiftx.domain.inference.scheduling import Candidate, Limits, next_group, to_give_way


def waiting(*lengths: int) -> list[Candidate]:
    """Return prompts of these lengths, no two of which begin alike."""
    return [Candidate([number] * length) for number, length in enumerate(lengths)]


def test_nobody_waits_nobody_is_read() -> None:
    assert next_group([], Limits()) == []


def test_prompts_of_similar_length_are_read_together() -> None:
    assert next_group(waiting(10, 9, 2, 10), Limits(padding=0.2)) == [0, 1, 3]


def test_one_pass_reads_no_more_than_its_tokens() -> None:
    assert next_group(waiting(10, 10, 10), Limits(prompt_tokens=20)) == [0, 1]


def test_long_prompt_is_read_alone() -> None:
    assert next_group(waiting(1000, 10), Limits(prompt_tokens=100)) == [0]


def test_no_more_than_the_slots() -> None:
    limits = Limits(slots=3)

    assert next_group(waiting(5, 5, 5, 5), limits) == [0, 1, 2]
    assert next_group(waiting(5, 5), limits, running=[9, 9]) == [0]
    assert next_group(waiting(5), limits, running=[9, 9, 9]) == []


def test_each_takes_the_room_of_the_longest() -> None:
    limits = Limits(cache_tokens=44)

    assert next_group(waiting(10, 10), limits, running=[10, 10]) == [0, 1]
    assert next_group(waiting(10, 10), limits, running=[10, 14]) == [0]
    assert next_group(waiting(10), limits, running=[22, 10]) == []


def test_prompt_that_never_fits_is_read_when_it_is_alone() -> None:
    assert next_group(waiting(100), Limits(cache_tokens=44)) == [0]


def test_prompts_of_other_adapters_wait() -> None:
    prompts = [Candidate([1] * 5), Candidate([2] * 5, adapter="a"), Candidate([3] * 5)]

    assert next_group(prompts, Limits()) == [0, 2]


def test_same_beginning_is_read_once() -> None:
    system = list(range(100, 200))
    prompts = [Candidate([*system, 1]), Candidate([*system, 2]), Candidate([5] * 101)]

    assert next_group(prompts, Limits()) == [0, 2]
    known = [Candidate(prompt.ids, cached=96) for prompt in prompts[:2]]
    assert next_group(known, Limits()) == [0, 1]


def test_known_tokens_are_not_counted_as_read() -> None:
    prompts = [Candidate([1] * 500, cached=490), Candidate([2] * 10)]

    assert next_group(prompts, Limits(prompt_tokens=20)) == [0, 1]


@given(
    st.lists(st.integers(1, 60), max_size=8),
    st.lists(st.integers(1, 60), max_size=8),
    st.integers(1, 300),
)
def test_what_is_read_fits_and_the_first_is_among_it(
    lengths: list[int], running: list[int], room: int
) -> None:
    limits = Limits(slots=10, prompt_tokens=64, cache_tokens=room)

    group = next_group(waiting(*lengths), limits, running=running)

    assert len(running) + len(group) <= 10 or not group
    assert not group or group[0] == 0
    if not running and lengths:
        assert group
    if len(group) > 1 or (group and running):
        rows = len(running) + len(group)
        assert rows * max([*running, *(lengths[i] + 1 for i in group)]) <= room


def test_youngest_give_way() -> None:
    assert to_give_way([10, 10, 10], Limits(cache_tokens=22)) == [2]
    assert to_give_way([10, 10, 10], Limits(cache_tokens=33)) == []
    assert to_give_way([10, 10, 50], Limits(cache_tokens=33)) == [2]


def test_oldest_never_gives_way() -> None:
    assert to_give_way([10, 10, 10], Limits(cache_tokens=1)) == [1, 2]


def test_without_a_limit_nobody_gives_way() -> None:
    assert to_give_way([10**6] * 10, Limits()) == []
