"""ControlNet's units as programs write them: older names of fields, numbers for choices, pictures in several shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modules.base.errors import UnknownName
from modules.base.fields import defaults
from modules.params.control import (
    CONTROL_MODE,
    CONTROL_MODES,
    CROP_MAP,
    FILL_MAP,
    HIRES_OPTIONS,
    MAP_RESIZE_MODES,
    MOST_UNITS,
    NO_CONTROL_MODEL,
    PROMPT_MODE,
    RESOLUTION_LIMITS,
    STRETCH_MAP,
    THRESHOLD_LIMITS,
    UNION_TYPES,
    ControlUnit,
)
from modules.params.image_prompts import WEIGHT_TYPES
from modules.params.preprocessors import NO_PREPROCESSOR, REFERENCE, find_preprocessor

ALIASES: Mapping[str, str] = {
    "input_image": "image", "mask_image": "mask", "guidance": "guidance_end", "preprocessor": "module",
    "hr_options": "hr_option", "union_type": "union_control_type", "crop": "inpaint_crop_input_image",
    "region": "effective_region_mask", "layer_weights": "advanced_weighting", "ip_adapter_weight_type": "weight_type",
}
OLD_RESIZE_MODES: Mapping[str, str] = {
    "scale to fit (inner fit)": CROP_MAP, "inner fit (scale to fit)": CROP_MAP,
    "envelope (outer fit)": FILL_MAP, "outer fit (shrink to fit)": FILL_MAP, "3": STRETCH_MAP,
    "resize": STRETCH_MAP, "inner fit": CROP_MAP, "outer fit": FILL_MAP,
}
MODES_OF_ENUM: Mapping[str, str] = {"prompt": PROMPT_MODE, "control": CONTROL_MODE}
PICKLED = "ipadapter_input"      # what an IP-Adapter saw of a picture elsewhere
WORDS_FOR_NOTHING = ("", "none")
WORDS_FOR_OFF = ("false", "f", "0", "off", "no", "n")      # as pydantic reads a truth
END_ALONE = "guidance"           # of the first versions, which knew no start


def units_of_args(args: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the fields of a request's units; of more than Easel takes those that are off are left out.

    Raises ValueError or UnknownName.
    """
    units = [unit_fields(each) for each in args]
    if len(units) <= MOST_UNITS:
        return units
    units = [unit for unit in units if not is_off(unit["enabled"])]
    if len(units) > MOST_UNITS:
        raise ValueError(
            f"ControlNet has {len(units)} units that are enabled, and at most {MOST_UNITS} are taken. Disable some."
        )
    return units


def is_off(enabled: Any) -> bool:
    return str(enabled).strip().casefold() in WORDS_FOR_OFF


def unit_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a unit's fields under their own names. Unknown ones are left out, and nulls are defaults.

    A unit that does not say whether it is enabled is, if it names a model or a preprocessor that needs none. One that
    is off may name a preprocessor that there is not.
    Raises ValueError for two names of one field with values that differ, and for a tensor that a program pickled.
    """
    if given.get(PICKLED):
        raise ValueError(f"{PICKLED} is a pickled tensor, which Easel does not read. Send the picture in image.")
    named: dict[str, Any] = {}
    for key, value in given.items():
        name = ALIASES.get(key, key)
        if value is None or name not in defaults(ControlUnit):
            continue
        if key == END_ALONE and given.get(name) is not None:
            continue
        if name in named and named[name] != value:
            raise ValueError(f"{key} and {name} are one field, and differ")
        named[name] = value
    if is_off(named.get("enabled")) and not is_preprocessor(named.get("module", NO_PREPROCESSOR)):
        del named["module"]
    named |= {name: read(named[name]) for name, read in READ.items() if name in named}
    if given.get("guessmode") in (True, "true", "True"):
        named["control_mode"] = CONTROL_MODE
    named |= pictures_in(named)
    named |= pictures_of_batch(given)
    named.setdefault("enabled", names_something(named))
    return named


def is_preprocessor(name: Any) -> bool:
    try:
        read_module(name)
    except UnknownName:
        return False
    return True


def names_something(named: Mapping[str, Any]) -> bool:
    module, model = str(named.get("module", "")).strip(), str(named.get("model", "")).strip()
    return model.casefold() not in WORDS_FOR_NOTHING or module.casefold() in REFERENCE


def chosen_of(known: tuple[str, ...], older: Mapping[str, str] | None = None) -> Callable[[Any], Any]:
    """Return the reader of a choice: its word in any case, an older word, an enum's name, or its place."""
    places = {str(place): each for place, each in enumerate(known)}
    words = {**places, **{each.casefold(): each for each in known}, **(older or {})}

    def read(value: Any) -> Any:
        text = re.sub(r"\.0+$", "", str(value).strip().casefold())      # 1.0 is 1
        return words.get(text) or words.get(enum_words(text), value)

    return read


def enum_words(text: str) -> str:
    """Return an enum's name as words, without its class.

    >>> enum_words("ResizeMode.INNER_FIT")
    'INNER FIT'
    """
    class_name, _, name = text.partition(".")
    return (name if class_name.isalpha() else text).replace("_", " ")


def read_name(value: Any) -> Any:
    """Return a model's name; words for none are one."""
    return NO_CONTROL_MODEL if str(value).strip().casefold() in WORDS_FOR_NOTHING else value


def read_module(value: Any) -> Any:
    """Return a preprocessor's name or label as it is written, if there is one. Raises UnknownName."""
    if str(value).strip().casefold() in WORDS_FOR_NOTHING:
        return NO_PREPROCESSOR
    find_preprocessor(str(value))
    return value


def within(low: float, high: float) -> Callable[[Any], Any]:
    """Return the reader of a preprocessor's slider: a number beyond the limits is -1, the usual value."""

    def read(value: Any) -> Any:
        try:
            return value if low <= float(value) <= high else -1
        except OverflowError:
            return -1
        except (TypeError, ValueError):
            return value

    return read


def read_resolution(value: Any) -> Any:
    """Return a whole number also where it is written as 512.0; other numbers are the usual one."""
    known = within(*RESOLUTION_LIMITS)(value)
    try:
        return int(float(known)) if float(known).is_integer() else -1
    except (TypeError, ValueError):
        return known


def read_weights(value: Any) -> Any:
    """Return weights of layers that are written in one text, 1/0.9/0.8."""
    return [part for part in value.split("/") if part.strip()] if isinstance(value, str) else value


READ: Mapping[str, Callable[[Any], Any]] = {
    "advanced_weighting": read_weights,
    "module": read_module,
    "model": read_name,
    "resize_mode": chosen_of(MAP_RESIZE_MODES, OLD_RESIZE_MODES),
    "control_mode": chosen_of(CONTROL_MODES, MODES_OF_ENUM),
    "hr_option": chosen_of(HIRES_OPTIONS),
    "union_control_type": chosen_of(UNION_TYPES),
    "weight_type": chosen_of(tuple(WEIGHT_TYPES)),
    "processor_res": read_resolution,
    "threshold_a": within(*THRESHOLD_LIMITS),
    "threshold_b": within(*THRESHOLD_LIMITS),
}


# Pictures ---------------------------------------------------------------------------------------------


def pictures_in(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return picture and mask, which may come as one value: `{image, mask}`, `[image, mask]` or a list of such."""
    image = named.get("image")
    if isinstance(image, list | tuple):
        if image and isinstance(image[0], Mapping):
            return pictures_of_list(image)
        image = dict(zip(("image", "mask"), image, strict=False))
    if not isinstance(image, Mapping):
        return {}
    found = {name: image[name] for name in ("image", "mask") if isinstance(image.get(name), str)}
    return {"image": "", **found}


def pictures_of_batch(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a list of pictures that the job's pictures take in turn; {} if there is none.

    A folder on the server, which the extension's form has there, is none.
    """
    found = given.get("batch_images")
    if not isinstance(found, list | tuple):
        return {}
    names = [each.get("image") if isinstance(each, Mapping) else each for each in found]
    first, *more = [name for name in names if isinstance(name, str) and name] or [""]
    return {"image": first, "more_images": more} if first else {}


def pictures_of_list(images: Sequence[Any]) -> dict[str, Any]:
    """Return the first of several pictures with its mask, and the others."""
    own = [each for each in images if isinstance(each, Mapping)]
    found = {name: own[0][name] for name in ("image", "mask") if isinstance(own[0].get(name), str)}
    more = [each["image"] for each in own[1:] if isinstance(each.get("image"), str)]
    return {"image": "", **found, **({"more_images": more} if more else {})}
