"""ControlNet's units of a request: checked, so that each can take part, and nothing about them left open. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modules.base.errors import Invalid, WebUIError
from modules.imaging.control.maps import MAPS
from modules.imaging.inputs import NAME
from modules.library.annotators import find_annotator, is_run, not_run
from modules.library.control_models import control_title, find_control_model
from modules.library.library import Library
from modules.params.control import MOST_READ_PICTURES, NO_CONTROL_MODEL, UNIT_PICTURES, ControlUnit, enabled_units
from modules.params.img2img import Img2Img
from modules.params.txt2img import Generation

SEEDS_OF_MAPS = 2**32      # of NumPy's first generator


def resolve_units(params: Generation, seed: int) -> tuple[ControlUnit, ...]:
    """Return the request's units as they will be carried out. Raises UnknownName, Invalid or ModelMissing.

    seed: of the first picture, which the maps of units that draw noise follow
    """
    if not params.control:
        return ()
    subseed = seed if params.subseed == -1 else max(params.subseed, 0)
    drawn = (max(seed, 0) + subseed) % SEEDS_OF_MAPS
    for place, unit in enumerate(params.control):
        if unit.enabled:
            check_unit(unit, place, isinstance(params, Img2Img))
    return tuple(replace(unit, map_seed=drawn) if unit.map_seed == -1 else unit for unit in params.control)


def with_units_here(found: Mapping[str, Any], library: Library, inputs: Path) -> dict[str, Any]:
    """Return what generation data say with their units' pictures and models as they are here; others are noted."""
    units, notes = [], list(found["notes"])
    for place, told in enumerate(found["fields"].get("control", ())):
        unit = dict(told)
        asked = [*(told[name] for name in UNIT_PICTURES), *told["more_images"]]
        here = {each: kept_like(inputs, each) if each else "" for each in asked}
        unit |= {name: here[told[name]] for name in UNIT_PICTURES}
        unit["more_images"] = tuple(filter(None, (here[each] for each in told["more_images"])))
        lost = [each for each in asked if each and not here[each]]
        notes += [f"ControlNet {place}: a picture of its ({each[:12]}) is no longer here." for each in lost]
        if unit["model"] != NO_CONTROL_MODEL:
            try:
                unit["model"] = control_title(find_control_model(library, unit["model"]))
            except WebUIError as error:
                notes.append(f"ControlNet {place}: {error}")
        units.append(unit)
    regions = [dict(told) for told in found["fields"].get("regions", ())]
    for place, region in enumerate(regions):
        if region["mask"] and not kept_like(inputs, region["mask"].removesuffix(".png")):
            region["mask"] = ""
            notes.append(f"Region {place}: its mask is no longer here.")
    found = {**found, "fields": {**found["fields"], "regions": regions} if regions else found["fields"]}
    fields = {**found["fields"], "control": units} if "control" in found["fields"] else found["fields"]
    return {**found, "fields": fields, "notes": notes}


def kept_like(inputs: Path, begin: str) -> str:
    """Return the name of the kept picture whose hash begins so; "" if there is none."""
    if not re.fullmatch(r"[0-9a-f]{12,64}", begin):
        return ""
    return next((path.name for path in inputs.glob(f"{begin}*.png") if NAME.fullmatch(path.name)), "")


def check_annotators(units: Sequence[ControlUnit], library: Library) -> None:
    """Raise ModelMissing or ModelCorrupt for a preprocessor's network that is not here."""
    for unit in enabled_units(units):
        if is_run(unit.preprocessor.name):
            find_annotator(library, unit.preprocessor.name)


def check_unit(unit: ControlUnit, place: int, from_picture: bool) -> None:
    """Raise the error of a unit that cannot take part, naming it."""
    own = unit.preprocessor
    if own.name not in MAPS and not unit.is_image_prompt and not is_run(own.name):
        raise not_run(own)
    if unit.guidance_start > unit.guidance_end:
        raise Invalid(
            f"ControlNet unit {place} would end (guidance_end {unit.guidance_end:g}) before it starts "
            f"(guidance_start {unit.guidance_start:g}).",
            "Let it end later.", field="control",
        )
    if not unit.own_pictures and not from_picture:
        raise Invalid(
            f"ControlNet unit {place} has no picture.", "Give it one in image, or turn the unit off.", field="control"
        )
    if unit.is_image_prompt and len(unit.more_images) > MOST_READ_PICTURES:
        raise Invalid(
            f"ControlNet unit {place} has {len(unit.more_images) + 1} pictures; an IP-Adapter reads "
            f"{MOST_READ_PICTURES + 1} at most.", "Take some away.", field="control",
        )
    if unit.needs_model and unit.model == NO_CONTROL_MODEL:
        raise Invalid(f"ControlNet unit {place} has no model.", "Name one in model.", field="control")
