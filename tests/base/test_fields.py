"""A field is declared once; type, limits, form and API follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from modules.base.fields import (
    Checkbox,
    Choice,
    Choices,
    Number,
    Param,
    Slider,
    Text,
    declared_params,
    defaults,
    form_defaults,
    with_values,
)
from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.settings.options import Settings


@dataclass(frozen=True, kw_only=True)
class Order:
    size: Annotated[int, Param("Size", Slider(1, 9), "How big.", form=5)] = 3
    weight: Annotated[float, Param("Weight", Number(0), "How heavy.")] = 1.0
    colour: Annotated[str, Param("Colour", Choice(("red", "blue")), "Which colour.")] = "red"
    cake: Annotated[str, Param("Cake", Choice("cakes"), "Which cake.")] = ""
    toppings: Annotated[tuple[str, ...], Param("Toppings", Choices("toppings"), "What is on it.")] = ()
    words: Annotated[str, Param("Words", Text(longest=4), "What is written on it.")] = ""
    gift: Annotated[bool, Param("Gift", Checkbox(), "Wrapped up.")] = False
    note: str = "not declared"


def test_declared_fields_keep_their_order_and_leave_the_others_out():
    assert list(declared_params(Order)) == ["size", "weight", "colour", "cake", "toppings", "words", "gift"]


def test_the_form_may_start_elsewhere_than_the_api():
    assert defaults(Order)["size"] == 3 and form_defaults(Order)["size"] == 5
    assert "note" in defaults(Order) and "note" not in form_defaults(Order)


@pytest.mark.parametrize(
    "good", [{"size": 1}, {"size": 9}, {"weight": 1e9}, {"colour": "blue"}, {"cake": "any"}, {"words": "1234"}]
)
def test_what_fits_the_widget_is_taken(good):
    [(name, value)] = good.items()
    assert getattr(TypeAdapter(Order).validate_python(good), name) == value


@pytest.mark.parametrize(
    "bad",
    [
        {"size": 0},
        {"size": 10},
        {"weight": -1},
        {"weight": float("nan")},
        {"colour": "green"},
        {"cake": "x" * 1001},
        {"toppings": ("x",) * 1001},
        {"words": "12345"},
        {"gift": "perhaps"},
    ],
    ids=str,
)
def test_what_does_not_is_refused_by_name(bad):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Order).validate_python(bad)
    assert [error["loc"][0] for error in caught.value.errors()] == list(bad)


@pytest.mark.parametrize("cls", [Txt2Img, Settings])
def test_every_default_is_within_its_own_limits(cls):
    check = TypeAdapter(cls).validate_python
    assert check(defaults(cls)) == cls()
    assert check(form_defaults(cls))


def test_a_changed_copy_is_what_dataclasses_would_make():
    declared = Txt2Img(prompt="a cat")
    changed = with_values(declared, steps=77, seed=3)
    assert changed == replace(declared, steps=77, seed=3) != declared and type(changed) is Txt2Img
    assert with_values(changed, steps=77) is changed
    with pytest.raises(KeyError):
        with_values(declared, no_such_field=1)


@pytest.mark.parametrize("cls", [Txt2Img, Img2Img, Settings], ids=lambda cls: cls.__name__)
def test_nothing_is_computed_from_a_declared_values_fields_that_a_copy_would_take_over(cls):
    assert not [name for each in cls.__mro__ for name, kept in vars(each).items() if isinstance(kept, cached_property)]
    assert not hasattr(cls, "__post_init__") and "__slots__" not in vars(cls)
