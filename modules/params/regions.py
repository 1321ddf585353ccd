"""Regional prompts: parts of a picture that follow prompts of their own. Names are the fields of a request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from annotated_types import Ge, Le, MaxLen
from pydantic import ValidationError

from modules.base.fields import at_default, checker, defaults
from modules.base.limits import MAX_PROMPT, EncodedPicture, bounded_json

MOST_REGIONS = 16
ATTENTION_MODE, LATENT_MODE = REGION_MODES = ("Attention", "Latent")
REGIONS_KEY, REGION_MODE_KEY, REGION_BASE_KEY = "Regions", "Region mode", "Region base ratio"      # of generation data

RegionShare = Annotated[float, Ge(0), Le(1)]      # of the picture's width or height


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of the picture: a rectangle in shares of it, or where a mask is white; and what it shows."""

    prompt: Annotated[str, MaxLen(MAX_PROMPT)] = ""
    left: RegionShare = 0.0
    top: RegionShare = 0.0
    right: RegionShare = 1.0
    bottom: RegionShare = 1.0
    mask: EncodedPicture = ""                             # a name of `imaging.inputs`; "": the rectangle
    weight: Annotated[float, Ge(0), Le(10)] = 1.0         # against other regions at the same place
    feather: Annotated[float, Ge(0), Le(0.5)] = 0.0       # how softly it ends, in shares of the picture's shorter side


def region_pairs(regions: Sequence[Region], mode: str, base: float) -> Iterator[tuple[str, object]]:
    """Yield the pairs of regional prompts in generation data: the regions as JSON, without what is at its default."""
    if regions:
        told = [
            {name: value for name, value in asdict(region).items() if not at_default(region, name)}
            for region in regions
        ]
        yield REGIONS_KEY, json.dumps(told, ensure_ascii=False)
        yield REGION_MODE_KEY, mode
        yield REGION_BASE_KEY, base


def told_regions(text: str, notes: list[str]) -> tuple[dict[str, Any], ...]:
    """Return the fields of each region in generation data; what cannot be is noted."""
    try:
        values = bounded_json(json.loads(text)) if text else []
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list):
        notes.append("The regions were left out: their text is no list.")
        return ()
    found = []
    for place, value in enumerate(values[:MOST_REGIONS]):
        known = {n: v for n, v in value.items() if n in defaults(Region)} if isinstance(value, Mapping) else None
        try:
            found.append(asdict(checker(Region).validate_python(known)))
        except ValidationError as error:
            notes.append(f"Region {place} was left out: {error.errors()[0]['msg']}.")
    return tuple(found)
