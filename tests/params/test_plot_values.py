"""The values of a plot's axis, as people write them."""

from __future__ import annotations

import contextlib
import json
import math
import random
import time

import numpy as np
import pytest

from modules.base.errors import Invalid
from modules.params.plot_values import (
    MOST_VALUES,
    fractional_numbers,
    join_values,
    orders,
    split_values,
    whole_numbers,
)
from tests.golden_data import GOLDEN


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1-5", [1, 2, 3, 4, 5]),
        ("1-5 (+2)", [1, 3, 5]),
        ("8-2 (-3)", [8, 5]),
        ("1-10 [5]", [1, 3, 5, 7, 10]),
        ("3,, 4 , -1", [3, 4, -1]),
        ("-3--1", [-3, -2, -1]),
        ("", []),
    ],
)
def test_whole_numbers_and_their_ranges_are_a1111s(text, values):
    assert whole_numbers(split_values(text)) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0-1 (+0.25)", [0, 0.25, 0.5, 0.75, 1]),
        ("3-9 [3]", [3, 6, 9]),
        ("3, 5.5, 7-9, 1-2 [3]", [3, 5.5, 7, 8, 9, 1, 1.5, 2]),
    ],
)
def test_fractions_and_their_ranges_are_a1111s(text, values):
    assert fractional_numbers(split_values(text)) == values


GOLDEN_AXES = [
    case for case in json.loads((GOLDEN / "prompt_cases.json").read_text("utf-8")) if case["fn"] == "xyz.process_axis"
]
READ_AS = {"int": whole_numbers, "float": fractional_numbers, "str": list, "str_permutations": orders}


@pytest.mark.parametrize("case", GOLDEN_AXES, ids=lambda case: case["id"])
def test_an_axis_is_read_as_a1111_read_it(case):
    def read():
        return READ_AS[case["input"]["type"]](split_values(case["input"]["values"]))

    if "error" in case:
        with pytest.raises(Invalid):
            read()
    else:
        assert json.loads(json.dumps(read())) == case["output"]


def test_ranges_are_rounded_as_numpy_rounds_them():
    chance = random.Random(3)
    for _ in range(300):
        start, gap, count = chance.randrange(0, 50) / 10, chance.randrange(1, 30) / 20, chance.randrange(2, 9)
        end = round(start + gap * count, 3)
        stepped, spread = f"{start}-{end} (+{gap})", f"{start}-{end} [{count}]"
        assert fractional_numbers([stepped]) == np.arange(start, end + gap, gap).tolist()
        assert fractional_numbers([spread]) == np.linspace(start, end, count).tolist()


def test_quotation_marks_hold_commas_and_a_new_line_is_a_comma():
    assert split_values('"a, b",c , "say ""hi""", ,d\ne') == ["a, b", "c", 'say "hi"', "", "d", "e"]


def test_joined_values_are_read_back():
    chance = random.Random(5)
    for _ in range(300):
        values = ["".join(chance.choices('ab ",-[]()\'', k=chance.randrange(1, 8))).strip() for _ in range(4)]
        assert split_values(join_values(values)) == values


@pytest.mark.parametrize("text", ["x", "1-", "5.5", "1-5 (+0)", "1-3 [x]", "nan", "1e3"])
def test_what_is_no_whole_number_is_refused_by_name(text):
    with pytest.raises(Invalid, match="is not a number or a range"):
        whole_numbers([text])


@pytest.mark.parametrize("text", ["nan", "inf", "0-1 (+0)", "a"])
def test_what_is_no_finite_number_is_refused_by_name(text):
    with pytest.raises(Invalid, match="is not a number or a range"):
        fractional_numbers([text])


@pytest.mark.parametrize("text", ["1-1000000000000", "0-1 (+0.0000000001)", "1-2 [999999999]", "1-9000,1-9000"])
def test_an_axis_has_no_more_values_than_can_be_drawn(text):
    for read in (whole_numbers, fractional_numbers):
        try:
            assert len(read(split_values(text))) <= MOST_VALUES
        except Invalid as error:
            assert "values" in str(error) or "is not a number" in str(error)


def test_every_order_is_there_once_and_not_too_many_are():
    assert len(set(orders("abcd"))) == math.factorial(4)
    with pytest.raises(Invalid):
        orders([str(each) for each in range(30)])


@pytest.mark.parametrize("unit", ["1", "-", '"', "1-", " ", "1-5 (", ",", "1."])
def test_reading_takes_time_in_proportion_to_the_text(unit):
    def seconds(repeats: int) -> float:
        began = time.process_time()
        with contextlib.suppress(Invalid):
            fractional_numbers(split_values(unit * repeats))
        return time.process_time() - began

    small, large = min(seconds(4_000) for _ in range(5)), min(seconds(64_000) for _ in range(3))
    assert large < 16 * 8 * max(small, 0.0002)
