"""Regional prompts as Forge Couple's requests have them: each line of the prompt is a region."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from modules.params.region_dialects import Fields, check_region_count, region_fields, regional_fields, split_evenly

BASIC, ADVANCED, MASK = FC_MODES = ("basic", "advanced", "mask")
FC_DIRECTIONS = ("horizontal", "vertical")
NO_BACKGROUND, FIRST_LINE, _ = FC_BACKGROUNDS = ("none", "first line", "last line")
# of common prompts: how it is written → what the prompt then has; networks are no such
COMMON_PARSERS: Mapping[str, re.Pattern[str]] = {
    "{ }": re.compile(r"\{[^{}]+\}"), "< >": re.compile(r"<(?!\w+:[^<>:]+:)[^<>]+>"),
}


@dataclass(frozen=True)
class Couple:
    """Forge Couple's arguments. Its versions have them at different places, so they are told apart by what they are.

    mapping: the rows of Advanced and of Mask, as they were sent
    """

    mode: str
    separator: str
    rows: bool
    background: str
    weight: Any
    mapping: Sequence[Any]
    common: Sequence[str]

    @classmethod
    def of_args(cls, args: Sequence[Any]) -> Couple:
        words = [each for each in args if isinstance(each, str)]
        named = {*FC_MODES, *FC_DIRECTIONS, *FC_BACKGROUNDS}
        return cls(
            mode=word_of(FC_MODES, words),
            separator=next((word for word in words if word.lower() not in named), ""),
            rows=word_of(FC_DIRECTIONS, words) == "vertical",
            background=word_of(FC_BACKGROUNDS, words),
            weight=next((each for each in args if is_json_number(each)), 0.0),
            mapping=next((each for each in args if isinstance(each, list)), []),
            common=[word for word in words if word in COMMON_PARSERS],
        )

    def lines(self, prompt: str) -> list[str]:
        between = self.separator.replace("\\n", "\n").strip(" ") or "\n"
        return [line.strip() for line in prompt.split(between) if line.strip()]

    def base_ratio(self) -> float:
        """Return the background's share beside a region of weight 1. Raises ValueError."""
        weight = number_told(self.weight)
        if weight is None or weight < 0:
            raise ValueError(f"Forge Couple's background weight cannot be {self.weight!r:.60}. Send 0 or more.")
        return weight / (1 + weight)


def forge_couple_fields(given: Mapping[str, Any], args: Sequence[Any]) -> Fields:
    """Return prompt and regions of Forge Couple's arguments: whether it is on, mode, separator, direction, background,
    its weight, and a mapping: rectangles `[x1, x2, y1, y2, weight]`, or `{"mask": base64, "weight": 1.0}`.

    Raises ValueError for what cannot be, and for common prompts.
    """
    if not args or args[0] is not True:
        return {}
    couple, prompt = Couple.of_args(args), str(given.get("prompt", ""))
    check_common(couple, prompt)
    lines, base = couple.lines(prompt), ""
    if couple.mode != ADVANCED and couple.background != NO_BACKGROUND and lines:
        base = lines.pop(0 if couple.background == FIRST_LINE else -1)
    return regional_fields(base, regions_of_lines(couple, lines), couple.base_ratio() if base else 0.0)


def second_pass_note(given: Mapping[str, Any], args: Any) -> str:
    """Return a note if Forge Couple is to leave out the second pass, which Easel cannot; "" otherwise."""
    is_on, first_alone, *_ = [*args, None, None] if isinstance(args, list) else [None, None]
    if not (is_on is True and first_alone is True and given.get("enable_hr") is True):
        return ""
    return "Forge Couple's disable_hr has no effect here: its regions count in the second pass too."


def regions_of_lines(couple: Couple, lines: Sequence[str]) -> list[Fields]:
    """Return the regions of a prompt's lines. Raises ValueError."""
    if couple.mode == BASIC:
        return region_fields(lines, split_evenly(len(lines), couple.rows))
    if len(couple.mapping) != len(lines):
        kind = "masks" if couple.mode == MASK else "rectangles"
        raise ValueError(
            f"Forge Couple's mapping has {len(couple.mapping)} {kind} for {len(lines)} lines of prompt. "
            "Send one for each line."
        )
    check_region_count(len(lines))
    if couple.mode == MASK:
        return [
            {"prompt": line, **mask_told(row, place)}
            for place, (line, row) in enumerate(zip(lines, couple.mapping, strict=True))
        ]
    rows = [row_told(row, place) for place, row in enumerate(couple.mapping)]
    rectangles = [(left, top, right, bottom) for left, right, top, bottom, _ in rows]
    return region_fields(lines, rectangles, [weight for *_, weight in rows])


def row_told(row: Any, place: int) -> tuple[float, float, float, float, float]:
    """Return a rectangle's x1, x2, y1, y2 and weight. Raises ValueError."""
    numbers = [number_told(each) for each in row[:5]] if isinstance(row, list | tuple) else []
    left, right, top, bottom, weight = [*numbers, 1.0][:5] if len(numbers) >= 4 else [None] * 5
    if left is None or right is None or top is None or bottom is None or weight is None:
        raise unfit_row(row, place, "[x1, x2, y1, y2, weight], all of them numbers")
    return left, right, top, bottom, weight


def mask_told(row: Any, place: int) -> Fields:
    """Return a mask's fields of a region. Raises ValueError."""
    mask, weight = (row.get("mask"), number_told(row.get("weight", 1.0))) if isinstance(row, Mapping) else (None, None)
    if not isinstance(mask, str) or not mask or weight is None:
        raise unfit_row(row, place, '{"mask": a picture in base64, "weight": 1.0}')
    return {"mask": mask, "weight": weight}


def unfit_row(row: Any, place: int, form: str) -> ValueError:
    return ValueError(f"Forge Couple's mapping cannot have {row!r:.60} in place {place}. Send {form}.")


def check_common(couple: Couple, prompt: str) -> None:
    """Raise ValueError for a prompt with common prompts, whose marks would be drawn."""
    for form in couple.common:
        if COMMON_PARSERS[form].search(prompt):
            raise ValueError(f"Forge Couple's common prompts {form} are not understood. Write them out in each line.")


def word_of(known: Sequence[str], words: Sequence[str]) -> str:
    """Return the first word that is known; the usual one, which is the first of those, if none is."""
    return next((word.lower() for word in words if word.lower() in known), known[0])


def is_json_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_told(value: Any) -> float | None:
    """Return a finite number, which may be written as a text; None for anything else."""
    try:
        number = float(value) if is_json_number(value) or isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and isfinite(number) else None
