"""ControlNet's units in generation data: written as the extension writes them, read in all forms that are about.

    ControlNet 0: "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1.0, …"      since 2023-10
    ControlNet 0: "preprocessor: canny, model: …, starting/ending: (0, 1), …"                     since 2023-05
    ControlNet-0 Enabled: True, ControlNet-0 Module: canny, …                                     before

What the extension loses, its pictures above all, stands under a key of Easel's own, in the same form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from modules.base.errors import UnknownName
from modules.base.fields import at_default, checker
from modules.params.control import MOST_UNITS, ControlUnit, enabled_units
from modules.params.control_dialects import unit_fields
from modules.params.txt2img import Generation

UNIT_KEY = re.compile(r"control(?:_?net| unit)(?:[ -]([0-9]))?(?: (.+))?", re.IGNORECASE)
LEAST_HASH = 12      # digits of a picture's hash in generation data
# under Easel's own key: key → field
PICTURE_KEYS: Mapping[str, str] = {"Image": "image", "Mask": "mask", "Region": "effective_region_mask"}


def unit_pairs(params: Generation) -> Iterator[tuple[str, object]]:
    """Yield the pairs of the units that take part."""
    for place, unit in enumerate(enabled_units(params.control)):
        yield f"ControlNet {place}", joined_unit_parts(written_parts(unit))
        if own := joined_unit_parts(own_parts(unit)):
            yield f"Control unit {place}", own


def joined_unit_parts(parts: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in parts)


def written_parts(unit: ControlUnit) -> Iterator[tuple[str, object]]:
    resolution, a, b = unit.sliders
    yield "Module", unit.module
    yield "Model", plain_name(unit.model)
    yield "Weight", unit.weight
    yield "Resize Mode", unit.resize_mode
    yield "Processor Res", resolution
    yield "Threshold A", a
    yield "Threshold B", b
    yield "Guidance Start", unit.guidance_start
    yield "Guidance End", unit.guidance_end
    yield "Pixel Perfect", unit.pixel_perfect
    yield "Control Mode", unit.control_mode


def own_parts(unit: ControlUnit) -> Iterator[tuple[str, object]]:
    """Yield what the extension does not write, where it is not at its default."""
    if not at_default(unit, "hr_option"):
        yield "Hr Option", unit.hr_option
    for key, name in PICTURE_KEYS.items():
        if value := getattr(unit, name):
            yield key, value[:LEAST_HASH]
    if unit.advanced_weighting:
        yield "Layer Weights", "/".join(f"{weight:g}" for weight in unit.advanced_weighting)
    if unit.more_images and unit.is_image_prompt:
        yield "More Images", "/".join(name[:LEAST_HASH] for name in unit.more_images)
    if unit.is_image_prompt and not at_default(unit, "weight_type"):
        yield "Weight Type", unit.weight_type
    if not at_default(unit, "union_control_type"):
        yield "Union Type", unit.union_control_type
    if not at_default(unit, "inpaint_crop_input_image"):
        yield "Crop", unit.inpaint_crop_input_image


def plain_name(name: str) -> str:
    """Return a model's name without the marks that separate parts; it is found by what is left."""
    return re.sub(r'[,:"]', " ", name)


# Reading ----------------------------------------------------------------------------------------------


def told_units(values: Mapping[str, Any], notes: list[str]) -> tuple[dict[str, Any], ...]:
    """Return the fields of each unit in parsed generation data, in order; what cannot be is noted.

    Pictures are the beginnings of their names.
    """
    told: dict[int, dict[str, Any]] = {}
    for key, value in values.items():
        found = UNIT_KEY.fullmatch(key)
        if not found:
            continue
        parts = {found[2]: value} if found[2] else read_parts(str(value))
        told.setdefault(int(found[1] or 0), {}).update(parts)
    units: list[dict[str, Any]] = []
    for place in sorted(told):
        unit = unit_of(told[place], place, notes)
        if unit and len(units) < MOST_UNITS:
            units.append(unit)
    return tuple(units)


def is_unit_key(key: str) -> bool:
    return UNIT_KEY.fullmatch(key) is not None


def read_parts(text: str) -> dict[str, str]:
    """Split `Module: canny, Weight: 1.0`; a value in brackets may have commas."""
    parts: dict[str, str] = {}
    last = ""
    for part in text.split(","):
        key, colon, value = part.partition(":")
        if last and parts[last].startswith("(") and ")" not in parts[last]:
            parts[last] += f",{part}"
        elif colon and key.strip():
            last = key.strip()
            parts[last] = value.strip()
    return parts


def unit_of(parts: Mapping[str, Any], place: int, notes: list[str]) -> dict[str, Any] | None:
    """Return a unit's fields; None for one that is off, or that cannot be."""
    named = {key.lower().replace(" ", "_"): value for key, value in parts.items()}
    if str(named.get("enabled", True)).lower() == "false":
        return None
    ours = {PICTURE_KEYS[key]: str(value) for key, value in parts.items() if key in PICTURE_KEYS}
    if more := named.pop("more_images", ""):
        named["more_images"] = [part for part in str(more).split("/") if part]
    given = {name: value for name, value in named.items() if name.title().replace("_", " ") not in PICTURE_KEYS}
    try:
        fields = {**unit_fields({**bracketed(given), **ours, "enabled": True}), **ours}
        return asdict(checker(ControlUnit).validate_python(fields))
    except ValidationError as error:
        first = error.errors()[0]
        notes.append(f"ControlNet {place} was left out: {first['loc'][0]} cannot be {str(first['input'])[:60]!r}.")
        return None
    except (ValueError, UnknownName) as error:
        notes.append(f"ControlNet {place} was left out: {error}")
        return None


def bracketed(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with the values in brackets in their own places."""
    given = {name: value for name, value in named.items() if name not in ("starting/ending", "preprocessor_params")}
    for name, fields in BRACKETED.items():
        values = str(named.get(name, "")).strip("() ").split(",")
        if len(values) == len(fields):
            given |= dict(zip(fields, (value.strip() for value in values), strict=True))
    return given


BRACKETED: Mapping[str, tuple[str, ...]] = {
    "starting/ending": ("guidance_start", "guidance_end"),
    "preprocessor_params": ("processor_res", "threshold_a", "threshold_b"),
}
