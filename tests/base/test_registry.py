"""Named things are found by name or alias, in the order they came."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from modules.base.errors import UnknownName
from modules.base.registry import Registry


@dataclass(frozen=True)
class Fruit:
    name: str
    aliases: tuple[str, ...] = ()


APPLE, PEAR = Fruit("Apple", ("pomme",)), Fruit("Pear")


def test_entries_are_found_by_name_or_alias_whatever_the_case():
    fruits = Registry("fruit", (APPLE, PEAR))
    assert [fruits[name] for name in ("Apple", "apple", "POMME", "pear")] == [APPLE, APPLE, APPLE, PEAR]


def test_entries_stay_in_the_order_they_are_shown():
    fruits = Registry("fruit", (PEAR, APPLE))
    assert list(fruits) == [PEAR, APPLE] and fruits.names == ["Pear", "Apple"]


def test_what_is_not_there_is_none_or_an_error_with_a_suggestion():
    fruits = Registry("fruit", (APPLE, PEAR))
    assert fruits.get("plum") is None
    with pytest.raises(UnknownName, match="no fruit called 'Pera'") as caught:
        fruits["Pera"]
    assert "'Pear'" in caught.value.hint


def test_a_later_alias_does_not_take_an_earlier_name():
    fruits = Registry("fruit", (APPLE, Fruit("Quince", ("apple",))))
    assert fruits["apple"] is APPLE
