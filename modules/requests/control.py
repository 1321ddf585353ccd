"""ControlNet's units of a request: checked, so that each can take part, and nothing about them left open. No torch."""

from __future__ import annotations

from dataclasses import replace

from modules.base.errors import Invalid, ModelMissing
from modules.imaging.control.maps import MAPS
from modules.params.control import NO_CONTROL_MODEL, ControlUnit
from modules.params.img2img import Img2Img
from modules.params.preprocessors import REFERENCE
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


def check_unit(unit: ControlUnit, place: int, from_picture: bool) -> None:
    """Raise the error of a unit that cannot take part, naming it."""
    own = unit.preprocessor
    if own.name in REFERENCE:
        raise Invalid(
            f"ControlNet unit {place}: {own.name} is not among what Easel draws with.",
            "Choose a preprocessor with a ControlNet.", field="control",
        )
    if own.name not in MAPS:
        raise ModelMissing(
            f"ControlNet unit {place}: the preprocessor {own.title} is a network of its own, {own.file}, which Easel "
            "does not run.",
            "Choose another, or give the finished map with the preprocessor none.",
        )
    if unit.guidance_start > unit.guidance_end:
        raise Invalid(
            f"ControlNet unit {place} would end (guidance_end {unit.guidance_end:g}) before it starts "
            f"(guidance_start {unit.guidance_start:g}).",
            "Let it end later.", field="control",
        )
    if not unit.image and not from_picture:
        raise Invalid(
            f"ControlNet unit {place} has no picture.", "Give it one in image, or turn the unit off.", field="control"
        )
    if unit.needs_model and unit.model == NO_CONTROL_MODEL:
        raise Invalid(f"ControlNet unit {place} has no model.", "Name one in model.", field="control")
