"""Where rows were read, in little memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftx.domain.datasets.origins import Origins
from swiftx.domain.plans.data import RowOrigin

READ = [
    RowOrigin("a.jsonl", 0),
    RowOrigin("a.jsonl", 6),
    RowOrigin("a.jsonl", 7),
    RowOrigin("b.jsonl", 2**40),
    RowOrigin("a.jsonl", 8),
]


def test_origins_come_back_in_order() -> None:
    origins = Origins()
    for origin in READ:
        origins.append(origin)

    assert list(origins) == READ
    assert origins[1:3] == READ[1:3]
    assert origins[-1] == READ[-1]
    for outside in (len(READ), -len(READ) - 1):
        with pytest.raises(IndexError):
            origins[outside]


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3)), max_size=30))
def test_any_origins_are_kept(pairs: list[tuple[str, int]]) -> None:
    origins = Origins()
    for pair in pairs:
        origins.append(RowOrigin(*pair))

    assert list(origins) == pairs


def test_no_origins_are_no_origins() -> None:
    assert list(Origins()) == []
    with pytest.raises(IndexError):
        Origins()[0]
