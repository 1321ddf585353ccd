"""Regional prompts as Regional Prompter's requests have them: BREAKs, and ratios; and what such dialects share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from modules.params.regions import ATTENTION_MODE, LATENT_MODE, MOST_REGIONS

RP_ACTIVE, RP_MODE, RP_DIRECTION, RP_RATIOS, RP_BASE_RATIOS, RP_USE_BASE, RP_USE_COMMON, RP_CALCULATION = (
    0, 2, 3, 6, 7, 8, 9, 11,
)
ROWS = ("rows", "vertical")
RP_BREAK = "BREAK"
RP_SEPARATORS = re.compile(r"\b(BREAK|ADDROW|ADDCOL)\b")
RP_BY_WORDS = re.compile(r"\bADDP\b")      # switches the mode Prompt on
MOST_RATIOS = 1000      # characters
USUAL_BASE = 0.2

Fields = dict[str, Any]
Rectangle = tuple[float, float, float, float]      # left, top, right, bottom in shares


def split_evenly(count: int, rows: bool) -> list[Rectangle]:
    return split_by([1.0] * count, rows)


def split_by(ratios: Sequence[float], rows: bool, inside: Rectangle = (0.0, 0.0, 1.0, 1.0)) -> list[Rectangle]:
    """Return a rectangle's parts side by side, or one below another, by the ratios of their sizes."""
    left, top, right, bottom = inside
    whole, begun, found = sum(ratios) or 1.0, 0.0, []
    for ratio in ratios:
        begin, end = begun / whole, min(1.0, (begun + ratio) / whole)
        if rows:
            found.append((left, top + (bottom - top) * begin, right, top + (bottom - top) * end))
        else:
            found.append((left + (right - left) * begin, top, left + (right - left) * end, bottom))
        begun += ratio
    return found


def region_fields(
    prompts: Sequence[str], rectangles: Sequence[Rectangle], weights: Sequence[float] = ()
) -> list[Fields]:
    names = ("left", "top", "right", "bottom")
    found = []
    check_region_count(len(prompts))
    for place, (prompt, rectangle) in enumerate(zip(prompts, rectangles, strict=True)):
        own = {"weight": weights[place]} if place < len(weights) else {}
        found.append({"prompt": prompt.strip(), **dict(zip(names, rectangle, strict=True)), **own})
    return found


def check_region_count(regions: int) -> None:
    """Raise ValueError for more regions than there may be."""
    if regions > MOST_REGIONS:
        raise ValueError(f"The prompt has parts for {regions} regions, and there may be {MOST_REGIONS}. Join some.")


def regional_fields(base: str, regions: list[Fields], ratio: float, mode: str = ATTENTION_MODE) -> Fields:
    return {"prompt": base, "regions": regions, "region_base": min(1.0, ratio), "region_mode": mode}


# Regional Prompter ------------------------------------------------------------------------------------


def regional_prompter_fields(given: Mapping[str, Any], args: Sequence[Any]) -> Fields:
    """Return prompt and regions of Regional Prompter's arguments, in the order of its API's table.

    Raises ValueError for its modes that find regions in another way than a matrix, and for base ratios that differ.
    """
    def at(place: int, usual: Any) -> Any:
        return args[place] if place < len(args) and args[place] is not None else usual

    if at(RP_ACTIVE, False) is not True:
        return {}
    text = str(given.get("prompt", ""))
    if str(at(RP_MODE, "Matrix")).lower() != "matrix" or RP_BY_WORDS.search(text):
        raise ValueError("Regional Prompter's mode Matrix is understood; send masks as masks of regions")
    common, text = split_off("ADDCOMM", text, at(RP_USE_COMMON, False) is True)
    base, text = split_off("ADDBASE", text, at(RP_USE_BASE, False) is True)
    rows = str(at(RP_DIRECTION, "Columns")).lower() in ROWS
    parts, rectangles = matrix(text, str(at(RP_RATIOS, "1,1")), rows)
    prompts = [", ".join(filter(None, (common, part.strip()))) for part in parts]
    share = base_ratio(str(at(RP_BASE_RATIOS, "")), len(parts)) if base else 0.0
    mode = LATENT_MODE if str(at(RP_CALCULATION, "Attention")).lower() == "latent" else ATTENTION_MODE
    whole = ", ".join(filter(None, (common, base)))
    return regional_fields(whole, region_fields(prompts, rectangles), share, mode)


def split_off(separator: str, text: str, is_on: bool) -> tuple[str, str]:
    """Return the prompt before a separator, and the rest; where that prompt is on, a first BREAK separates it too."""
    for word in (separator, RP_BREAK) if is_on else (separator,):
        before, *rest = re.split(rf"\b{word}\b", text, maxsplit=1)
        if rest:
            return before.strip(), rest[0]
    return "", text


def matrix(text: str, ratios: str, rows: bool) -> tuple[list[str], list[Rectangle]]:
    """Return the parts of a prompt, and their rectangles.

    In columns, ADDROW parts lines of which each has parts side by side, and so does `;` in the ratios: `1,1,2;3,1` are
    two lines, each led by its own height. In rows, lines are columns, and all of this is turned round.
    """
    pieces = RP_SEPARATORS.split(text)
    parts, separators = pieces[::2], pieces[1::2]
    groups = ratio_groups(ratios, rows)
    lines = lines_of_parts(separators, groups, "ADDCOL" if rows else "ADDROW")
    sizes, own = fitting_ratios(lines, groups)
    places = split_by(sizes, not rows)
    return parts, [
        part for shares, place in zip(own, places, strict=True) for part in split_by(shares, rows, place)
    ]


def lines_of_parts(separators: Sequence[str], groups: Sequence[Sequence[float]], between: str) -> list[int]:
    """Return how many parts each line has. A BREAK ends a line where the ratios do.

    between: the separator of lines
    """
    ends = [place == most for most in map(parts_of_group, groups) for place in range(1, most + 1)]
    of_breaks = ends[:-1] if len(groups) > 1 else []
    lines = [1]
    for separator, ends_line in zip_longest(separators, of_breaks[:len(separators)], fillvalue=False):
        if ends_line if separator == RP_BREAK else separator == between:
            lines.append(1)
        else:
            lines[-1] += 1
    return lines


def parts_of_group(group: Sequence[float]) -> int:
    """Return for how many parts a group has ratios, beside its own size."""
    return max(1, len(group) - 1)


def fitting_ratios(lines: list[int], groups: list[list[float]]) -> tuple[list[float], list[list[float]]]:
    """Return the ratios of lines, and of the parts of each; all are equal where those that are given do not fit."""
    if lines == [len(groups[0])] and len(groups) == 1:
        return [1.0], groups
    if lines == [1] * len(groups[0]) and len(groups) == 1:
        return groups[0], [[1.0] for _ in lines]
    if lines == [*map(parts_of_group, groups)] and len(groups) > 1:
        return [group[0] for group in groups], [group[1:] or [1.0] for group in groups]
    return [1.0 for _ in lines], [[1.0] * count for count in lines]


def ratio_groups(text: str, rows: bool) -> list[list[float]]:
    """Return the ratios, one group if they have no lines. What is no size is 1."""
    text = text[:MOST_RATIOS]
    between, inside = (",", ";") if rows and ";" in text else (";", ",")
    groups = [group.split(inside) for group in text.split(between) if group.strip()]
    return [[number_of(part, 1.0) or 1.0 for part in group] for group in groups] or [[1.0]]


def base_ratio(text: str, regions: int) -> float:
    """Return the base prompt's ratio. Raises ValueError for several that differ: regions here have one together."""
    found = [number_of(part, 0.0) for part in re.split("[,;]", text[:MOST_RATIOS]) if part.strip()]
    if len({*found[:regions]}) > 1:
        raise ValueError(
            f"Regional Prompter's base ratios {text[:60]!r} differ between regions, which have one together here. "
            "Send one number, such as 0.2."
        )
    return found[0] if found else USUAL_BASE


def number_of(text: str, usual: float) -> float:
    try:
        number = float(text)
    except ValueError:
        return usual
    return number if 0 <= number < 1e6 else usual
