"""Regional prompts as other programs' requests have them: Forge Couple's lines, Regional Prompter's BREAKs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from modules.params.regions import ATTENTION_MODE, LATENT_MODE, MOST_REGIONS

RP_ACTIVE, RP_MODE, RP_DIRECTION, RP_RATIOS, RP_BASE_RATIOS, RP_USE_BASE, RP_USE_COMMON, RP_CALCULATION = (
    0, 2, 3, 6, 7, 8, 9, 11,
)
ROWS = ("rows", "vertical")
RP_PARTS = re.compile(r"\b(?:BREAK|ADDROW|ADDCOL|ADDCOMM|ADDBASE)\b")
FC_MODES, FC_DIRECTIONS = ("basic", "advanced", "mask"), ("horizontal", "vertical")
FC_BACKGROUNDS = ("none", "first line", "last line")
MOST_RATIOS = 64

Fields = dict[str, Any]
Rectangle = tuple[float, float, float, float]      # left, top, right, bottom in shares


def split_evenly(count: int, rows: bool) -> list[Rectangle]:
    return split_by([1.0] * count, rows)


def split_by(ratios: Sequence[float], rows: bool, inside: Rectangle = (0.0, 0.0, 1.0, 1.0)) -> list[Rectangle]:
    """Return a rectangle's parts side by side, or one below another, by the ratios of their sizes."""
    left, top, right, bottom = inside
    whole, begun, found = sum(ratios) or 1.0, 0.0, []
    for ratio in ratios:
        begin, end = begun / whole, (begun + ratio) / whole
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
    for place, (prompt, rectangle) in enumerate(zip(prompts, rectangles, strict=False)):
        own = {"weight": weights[place]} if place < len(weights) else {}
        found.append({"prompt": prompt.strip(), **dict(zip(names, rectangle, strict=True)), **own})
    return found[:MOST_REGIONS]


# Forge Couple -----------------------------------------------------------------------------------------


def forge_couple_fields(given: Mapping[str, Any], args: Sequence[Any]) -> Fields:
    """Return prompt and regions of Forge Couple's arguments: whether it is on, mode, separator, direction, background,
    its weight, and a mapping of rectangles `[x1, x2, y1, y2, weight]`.

    Raises ValueError for its mask mode, whose masks are no arguments.
    """
    if not args or args[0] is not True:
        return {}
    words = [str(each) for each in args if isinstance(each, str)]
    mode = next((word.lower() for word in words if word.lower() in FC_MODES), "basic")
    if mode == "mask":
        raise ValueError("Forge Couple's masks are not among its arguments: send them as masks of regions")
    rows = next((word.lower() for word in words if word.lower() in FC_DIRECTIONS), "horizontal") == "vertical"
    background = next((word.lower() for word in words if word.lower() in FC_BACKGROUNDS), "none")
    separator = next((word for word in words if word.lower() not in (*FC_MODES, *FC_DIRECTIONS, *FC_BACKGROUNDS)), "")
    numbers = [each for each in args if isinstance(each, int | float) and not isinstance(each, bool)]
    mapping = next((each for each in args if isinstance(each, list)), [])
    between = separator.replace("\\n", "\n").strip(" ") or "\n"
    lines = [line.strip() for line in str(given.get("prompt", "")).split(between) if line.strip()]
    base = ""
    if background != "none" and lines:
        base = lines.pop(0 if background == "first line" else -1)
    share = float(numbers[0]) if base and numbers else 0.0
    if mode == "basic":
        return regional_fields(base, region_fields(lines, split_evenly(len(lines), rows)), share / (1 + share))
    boxes = [[float(number) for number in row[:5]] for row in mapping[:MOST_REGIONS]]
    rectangles = [(row[0], row[2], row[1], row[3]) for row in boxes if len(row) >= 4]
    weights = [row[4] if len(row) > 4 else 1.0 for row in boxes]
    if len(rectangles) != len(lines):
        raise ValueError(f"Forge Couple's mapping has {len(rectangles)} rectangles for {len(lines)} lines of prompt")
    return regional_fields(base, region_fields(lines, rectangles, weights), share / (1 + share))


def regional_fields(base: str, regions: list[Fields], ratio: float, mode: str = ATTENTION_MODE) -> Fields:
    return {"prompt": base, "regions": regions, "region_base": min(1.0, ratio), "region_mode": mode}


# Regional Prompter ------------------------------------------------------------------------------------


def regional_prompter_fields(given: Mapping[str, Any], args: Sequence[Any]) -> Fields:
    """Return prompt and regions of Regional Prompter's arguments, in the order of its API's table.

    Raises ValueError for its modes that find regions in another way than a matrix.
    """
    def at(place: int, usual: Any) -> Any:
        return args[place] if place < len(args) else usual

    if at(RP_ACTIVE, False) is not True:
        return {}
    if str(at(RP_MODE, "Matrix")).lower() != "matrix":
        raise ValueError("Regional Prompter's mode Matrix is understood; send masks as masks of regions")
    parts = [part.strip() for part in RP_PARTS.split(str(given.get("prompt", "")))]
    common = parts.pop(0) if at(RP_USE_COMMON, False) is True and len(parts) > 1 else ""
    base = parts.pop(0) if at(RP_USE_BASE, False) is True and len(parts) > 1 else ""
    rectangles = matrix(str(at(RP_RATIOS, "1,1")), str(at(RP_DIRECTION, "Columns")).lower() in ROWS)
    prompts = [", ".join(filter(None, (common, part))) for part in parts]
    share = next(iter(read_ratios(str(at(RP_BASE_RATIOS, "")))), 0.2) if base else 0.0
    mode = LATENT_MODE if str(at(RP_CALCULATION, "Attention")).lower() == "latent" else ATTENTION_MODE
    whole = ", ".join(filter(None, (common, base)))
    return regional_fields(whole, region_fields(prompts, rectangles), share, mode)


def matrix(text: str, rows: bool) -> list[Rectangle]:
    """Return the rectangles of ratios: `1,2,1` side by side; `1,1,2;3,1` in groups, each led by its own size."""
    groups = [read_ratios(group) for group in text[:1000].split(";")]
    groups = [group for group in groups if group]
    if len(groups) < 2:
        return split_by(groups[0] if groups else [1.0, 1.0], rows)
    outer = split_by([group[0] for group in groups], not rows)
    return [
        part for group, place in zip(groups, outer, strict=True) for part in split_by(group[1:] or [1.0], rows, place)
    ]


def read_ratios(text: str) -> list[float]:
    """Return the positive numbers between commas."""
    found = []
    for part in text.split(",")[:MOST_RATIOS]:
        try:
            number = float(part)
        except ValueError:
            continue
        if 0 < number < 1e6:
            found.append(number)
    return found
