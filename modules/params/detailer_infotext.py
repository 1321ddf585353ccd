"""The detailer's tabs in generation data, under ADetailer's keys: `ADetailer model: face_yolov8n.pt, …`.

Keys of a second tab end in ` 2nd`, of further ones in ` 3rd`, ` 4th` …; what says nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from modules.base.fields import Slider, checker, declared_params, defaults
from modules.params.detailer import MOST_TABS, DetailerTab, active_tabs

DETAILER_KEY = re.compile(r"ADetailer ([^0-9].*?)(?: ([0-9]{1,2})(?:st|nd|rd|th))?")
DETAILER_FIELDS: Mapping[str, str] = {
    param.infotext.partition(" ")[2]: name for name, param in declared_params(DetailerTab).items()
}
BOXES_KEY = "boxes"      # Easel's own
VERSION_KEY = "version"
# of the extension's first versions
OLD_KEYS: Mapping[str, str] = {
    "dilate/erode": "ad_dilate_erode", "mask only top k largest": "ad_mask_k", "inpaint full": "ad_inpaint_only_masked",
    "inpaint full padding": "ad_inpaint_only_masked_padding", "use inpaint width/height": "ad_use_inpaint_width_height",
    "CFG scale": "ad_cfg_scale", "tap enable": "ad_tab_enable",
}
OLD_CONFIDENCE = "conf"      # in percent
# written with their defaults too
ALWAYS_WRITTEN = (
    "ad_model", "ad_confidence", "ad_dilate_erode", "ad_mask_blur", "ad_denoising_strength", "ad_inpaint_only_masked",
)
# a field that is off → those that then say nothing, itself too unless it is always written
SAY_NOTHING: Mapping[str, Sequence[str]] = {
    "ad_mask_k": ("ad_mask_filter_method",),
    "ad_inpaint_only_masked": ("ad_inpaint_only_masked_padding",),
    "ad_use_inpaint_width_height": ("ad_inpaint_width", "ad_inpaint_height"),
    "ad_use_steps": ("ad_steps",),
    "ad_use_cfg_scale": ("ad_cfg_scale",),
    "ad_use_checkpoint": ("ad_checkpoint",),
    "ad_use_vae": ("ad_vae",),
    "ad_use_sampler": ("ad_sampler", "ad_scheduler"),
    "ad_use_noise_multiplier": ("ad_noise_multiplier",),
    "ad_use_clip_skip": ("ad_clip_skip",),
}
# fields for which ADetailer knows no upper limit
UNLIMITED = ("ad_mask_blur", "ad_inpaint_only_masked_padding", "ad_inpaint_width", "ad_inpaint_height", "ad_steps")
FOLLOWERS = frozenset(name for names in SAY_NOTHING.values() for name in names) - {"ad_scheduler"}


def detailer_pairs(tabs: Sequence[DetailerTab]) -> Iterator[tuple[str, object]]:
    """Yield the pairs of the tabs that take part."""
    for number, tab in enumerate(active_tabs(tabs), 1):
        ending = key_ending(number)
        for name, param in declared_params(DetailerTab).items():
            if name != "ad_tab_enable" and is_written(tab, name):
                yield f"{param.infotext}{ending}", getattr(tab, name)
        if tab.ad_boxes:
            yield boxes_pair(number, tab.ad_boxes)


def boxes_pair(number: int, boxes: Sequence[Sequence[float]]) -> tuple[str, str]:
    """Return the pair that tells a tab's finds, which is Easel's own; tabs count from 1."""
    told = "; ".join(" ".join(f"{edge:.4g}" for edge in box) for box in boxes)
    return f"ADetailer {BOXES_KEY}{key_ending(number)}", told


def key_ending(number: int) -> str:
    """Return the end of the keys of the tab of that number."""
    return "" if number == 1 else f" {number}{ {2: 'nd', 3: 'rd'}.get(number, 'th') }"


def is_written(tab: DetailerTab, name: str) -> bool:
    """Return whether generation data have the field."""
    if name in ALWAYS_WRITTEN:
        return True
    if any(name in followers and not getattr(tab, switch) for switch, followers in SAY_NOTHING.items()):
        return False
    return name in FOLLOWERS or getattr(tab, name) != defaults(DetailerTab)[name]


# Reading ----------------------------------------------------------------------------------------------


def told_tabs(values: Mapping[str, Any], notes: list[str]) -> tuple[dict[str, Any], ...]:
    """Return the fields of each tab in parsed generation data, in order; what cannot be is noted."""
    told: dict[int, dict[str, Any]] = {}
    for key, value in values.items():
        found = DETAILER_KEY.fullmatch(key)
        if found and (field := detailer_field(found[1])):
            told.setdefault(int(found[2] or 1), {})[field] = detailer_value(found[1], value)
    return tuple(
        tab for place in sorted(told)[:MOST_TABS] if (tab := read_tab(told[place], place, notes))
    )


def is_detailer_key(key: str) -> bool:
    found = DETAILER_KEY.fullmatch(key)
    return found is not None and (detailer_field(found[1]) != "" or found[1] == VERSION_KEY)


def detailer_field(key: str) -> str:
    """Return the field of a key without ADetailer's word before it; "" for one that is none."""
    if key == OLD_CONFIDENCE:
        return "ad_confidence"
    return "ad_boxes" if key == BOXES_KEY else DETAILER_FIELDS.get(key) or OLD_KEYS.get(key, "")


def detailer_value(key: str, value: Any) -> Any:
    if key == BOXES_KEY:
        return [box.split() for box in str(value).split(";") if box.strip()]
    if key == OLD_CONFIDENCE:
        try:
            return float(value) / 100
        except ValueError:
            return value
    return value


def read_tab(fields: Mapping[str, Any], place: int, notes: list[str]) -> dict[str, Any] | None:
    """Return a tab's fields; None for one that cannot be."""
    fields = {name: within_most(name, value, place, notes) for name, value in fields.items()}
    try:
        return asdict(checker(DetailerTab).validate_python(fields))
    except ValidationError as error:
        first = error.errors()[0]
        label = declared_params(DetailerTab).get(str(first["loc"][0]))
        name = label.infotext if label else first["loc"][0]
        notes.append(f"The detailer's tab {place} was left out: {name} cannot be {str(first['input'])[:60]!r}.")
        return None


def within_most(name: str, value: Any, place: int, notes: list[str]) -> Any:
    """Return a field's value, or the largest that a request may have, which is noted."""
    param = declared_params(DetailerTab).get(name)
    if name not in UNLIMITED or not param or not isinstance(param.widget, Slider):
        return value
    most = int((param.widget.limits_of_api or (param.widget.low, param.widget.high))[1])
    try:
        if int(value) <= most:
            return value
    except (TypeError, ValueError):
        return value
    notes.append(f"The detailer's tab {place}: {param.infotext} is {most}, the largest that there is.")
    return most
