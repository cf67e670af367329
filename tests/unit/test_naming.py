from __future__ import annotations

from dataclasses import dataclass

import pytest

from swiftx.domain.naming import Names
from swiftx.errors import NotFound


@dataclass(frozen=True)
class Fruit:
    name: str
    colour: str = ""


def fruits() -> Names[Fruit]:
    return Names("fruit", [Fruit("pear"), Fruit("apple")])


def test_names_are_sorted_and_things_in_order() -> None:
    assert fruits().names() == ("apple", "pear")
    assert [fruit.name for fruit in fruits().all()] == ["pear", "apple"]


def test_a_later_thing_replaces_one_of_its_name() -> None:
    known = fruits()

    known.register(Fruit("pear", "green"))

    assert known.get("pear").colour == "green"
    assert "pear" in known


@pytest.mark.parametrize(
    ("name", "hint"),
    [("aple", "Did you mean apple?"), ("zzz", "Choose from apple, pear.")],
)
def test_an_unknown_name_is_answered_with_known_ones(name: str, hint: str) -> None:
    with pytest.raises(NotFound, match=f"There is no fruit '{name}'") as caught:
        fruits().get(name)

    assert caught.value.hint == hint
