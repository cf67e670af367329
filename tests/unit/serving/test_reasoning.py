from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftx.domain.serving.reasoning import ReasoningSplitter


def split(text: str, cuts: list[int], opened: str | None = None) -> tuple[str, str]:
    splitter = ReasoningSplitter(opened)
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [text[start:stop] for start, stop in itertools.pairwise(edges)]
    parts = [*map(splitter.push, pieces), splitter.finish()]
    return "".join(part.reasoning for part in parts), "".join(part.content for part in parts)


@pytest.mark.parametrize(
    ("text", "opened", "expected"),
    [
        ("<think>\nWell.\n</think>\n\nYes.", None, ("Well.", "Yes.")),
        ("\n<think>a</think>b", None, ("a", "b")),
        ("Well.\n</think>\n\nYes.", "<think>", ("Well.", "Yes.")),
        ("<think></think>Yes.", None, ("", "Yes.")),
        ("<seed:think>hm</seed:think>Yes.", None, ("hm", "Yes.")),
        ("<think>cut off", None, ("cut off", "")),
        ("a </thin", "<think>", ("a </thin", "")),
        ("Yes, <think>no</think>.", None, ("", "Yes, <think>no</think>.")),
        (" two  spaces ", None, ("", " two  spaces ")),
        ("<thi", None, ("", "<thi")),
        ("", None, ("", "")),
        ("a\n\nb </think> c </think> d", "<think>", ("a\n\nb", "c </think> d")),
    ],
)
@given(cuts=st.lists(st.integers(0, 40), max_size=8))
def test_thoughts_are_told_apart_wherever_the_text_is_cut(
    text: str, opened: str | None, expected: tuple[str, str], cuts: list[int]
) -> None:
    assert split(text, cuts, opened) == expected


def test_text_without_thoughts_is_not_held_back() -> None:
    splitter = ReasoningSplitter()

    assert splitter.push("Y") == ("", "Y")
    assert splitter.passes
