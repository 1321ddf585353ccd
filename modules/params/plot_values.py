"""The values of a plot's axis, as people write them: `1, 5`, `1-5 (+2)`, `1-10 [5]`, `"a, b", c`.

A reader's time is linear in its text, and no axis has more than MOST_VALUES values.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, permutations
from typing import TypeVar

from modules.base.errors import Invalid

N = TypeVar("N", int, float)

MOST_VALUES = 10_000
NUMBER = r"[+-]?\d{1,30}(?:\.\d{0,30})?"
VALUE_RANGE = re.compile(
    rf"({NUMBER}) ?- ?({NUMBER}) ?(?:\( ?(?P<step>[+-]\d{{1,30}}(?:\.\d{{0,30}})?) ?\)|\[ ?(?P<count>\d{{1,9}}) ?\])?"
)


def split_values(text: str) -> list[str]:
    """Split comma-separated values, which quotation marks may hold together; a new line is a comma. Raises Invalid."""
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), skipinitialspace=True))
    except csv.Error as error:
        raise Invalid(
            f"The values {text[:60]!r} cannot be read.", "Close each quotation mark; shorten very long values.",
            field="script_args",
        ) from error
    return at_most([value.strip() for value in chain.from_iterable(rows)])


def join_values(values: Sequence[str]) -> str:
    """Return the values as a text that `split_values` reads."""
    return ",".join(f'"{value.replace(chr(34), chr(34) * 2)}"' if set(value) & set('",\n\r') else value
                    for value in values)


def whole_numbers(values: Sequence[str]) -> list[int]:
    """Read whole numbers and ranges of them. Raises Invalid naming the text that is neither."""
    found = (numbers_of(text, int, whole_range) for text in values if text)
    return at_most(list(chain.from_iterable(found)))


def fractional_numbers(values: Sequence[str]) -> list[float]:
    """Read numbers and ranges of them. Raises Invalid naming the text that is neither."""
    found = (numbers_of(text, finite_number, fractional_range) for text in values if text)
    return at_most(list(chain.from_iterable(found)))


def orders(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every order of the values. Raises Invalid if they are too many."""
    check_value_count(math.factorial(min(len(values), 20)))
    return list(permutations(values))


def finite_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def numbers_of(text: str, number: Callable[[str], N], spread: Callable[[re.Match[str]], Iterator[N]]) -> Iterator[N]:
    """Yield the number that the text is, or those of the range that it describes. Raises Invalid."""
    try:
        if found := VALUE_RANGE.fullmatch(" ".join(text.split())):
            yield from spread(found)
        else:
            yield number(text)
    except ValueError as error:
        raise Invalid(
            f"{text[:60]!r} is not a number or a range of numbers that this axis takes.",
            "Write numbers as 1, 5, 9, or ranges as 1-5, 1-9 (+2) or 1-10 [5].",
            field="script_args",
        ) from error


def whole_range(found: re.Match[str]) -> Iterator[int]:
    """Yield the whole numbers of a range: in steps up to its end, or so many, evenly spread and cut to whole ones."""
    start, end = int(found[1]), int(found[2])
    if found["count"]:
        return map(int, spread_evenly(start, end, int(found["count"])))
    step = int(found["step"] or 1)
    numbers = range(start, end + 1, step)      # raises ValueError for no step at all
    check_value_count(max(0, (end + 1 - start) // step))
    return iter(numbers)


def fractional_range(found: re.Match[str]) -> Iterator[float]:
    """Yield the numbers of a range: in steps until its end is passed, or so many, evenly spread."""
    start, end = float(found[1]), float(found[2])
    if found["count"]:
        return iter(spread_evenly(start, end, int(found["count"])))
    step = float(found["step"] or 1)
    if not step:
        raise ValueError(found[0])
    count = max(0, math.ceil((end + step - start) / step))
    check_value_count(count)
    gap = (start + step) - start      # as numpy's `arange` rounds
    return (start + place * gap for place in range(count))


def spread_evenly(start: float, end: float, count: int) -> list[float]:
    """Return so many numbers from start to end, rounded as numpy's `linspace` does."""
    check_value_count(count)
    if count < 2:
        return [float(start)] * count
    gap = (end - start) / (count - 1)
    return [*(place * gap + start for place in range(count - 1)), float(end)]


V = TypeVar("V")


def at_most(values: list[V]) -> list[V]:
    check_value_count(len(values))
    return values


def check_value_count(count: int) -> None:
    """Raise Invalid if an axis has too many values."""
    if count > MOST_VALUES:
        raise Invalid(
            f"An axis of the plot has {count:,} values.", f"Ask for at most {MOST_VALUES:,}.", field="script_args"
        )
