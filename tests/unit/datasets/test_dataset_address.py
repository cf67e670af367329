from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftx.domain.datasets.address import parse_address
from swiftx.errors import UsageError


def _nowhere(path: str) -> bool:
    return False


def test_a_path_that_exists_is_never_split() -> None:
    strange = "hf::data:v1#2.jsonl"

    address = parse_address(strange, exists=lambda path: path == strange)

    assert address.dataset == strange
    assert (address.subsets, address.count, address.use_hf) == ((), None, None)


@pytest.mark.parametrize(
    ("text", "dataset", "subsets", "count"),
    [
        ("a#b.jsonl#7", "a#b.jsonl", (), 7),
        ("C:/x.jsonl#7", "C:/x.jsonl", (), 7),
        ("C:/x.jsonl:part#7", "C", ("/x.jsonl:part".split("/")), 7),
    ],
)
def test_what_exists_is_split_no_further(
    text: str, dataset: str, subsets: tuple[str, ...], count: int
) -> None:
    there = ("a#b.jsonl", "C:/x.jsonl")
    if dataset not in there:
        with pytest.raises(UsageError, match="subset"):
            parse_address(text, exists=there.__contains__)
        return

    address = parse_address(text, exists=there.__contains__)

    assert (address.dataset, address.subsets, address.count) == (dataset, subsets, count)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a/b#", "'' , not a whole number"),
        ("a/b#many", "'many', not a whole number"),
        ("a/b#0", "'0', not a whole number"),
        ("a/b#-5", "'-5', not a whole number"),
        ("a/b#1.5", "'1.5', not a whole number"),
        ("a/b#" + "9" * 5000, "not a whole number"),
        ("a/b:", "subset between"),
        ("a/b:x//y", "subset between"),
        ("gh::a/b", "'gh' is no hub"),
        ("#5", "id or path is empty"),
        ("", "id or path is empty"),
    ],
)
def test_a_bad_address_says_what_is_wrong_and_how_to_write_it(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem.replace("'' ,", "'',")) as caught:
        parse_address(text, exists=_nowhere, argument="val_dataset")

    (error,) = caught.value.errors
    assert error.argument == "val_dataset"
    assert error.hint is not None
    assert "id_or_path" in error.hint


@given(
    text=st.text(alphabet="ahfms:#/ 1-9\\\0é🦊.~", max_size=30),
    there=st.none() | st.integers(0, 30),
)
def test_any_text_is_an_address_or_a_usage_error(text: str, there: int | None) -> None:
    try:  # whatever part of it may be there as a path
        address = parse_address(text, exists=lambda path: len(path) == there)
    except UsageError:
        return
    assert address.dataset
    assert address.count is None or address.count > 0
    assert all(address.subsets)
