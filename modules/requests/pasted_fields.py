"""Generation data's pairs read as fields of a request and settings: the inverse of `generation_data`. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from math import inf
from types import UnionType
from typing import Any, get_args, get_type_hints

from modules.base.errors import Invalid, UnknownName
from modules.base.fields import Choice, Number, Slider, at_default, declared_params, defaults
from modules.params.control_infotext import is_unit_key, told_units
from modules.params.detailer_infotext import is_detailer_key, told_tabs
from modules.params.hires import USE_SAME
from modules.params.img2img import NAMED_VALUES
from modules.params.infotext import MISSING
from modules.params.regions import REGIONS_KEY, told_regions
from modules.params.scripts import SCRIPTS, Script
from modules.params.txt2img import Generation, Txt2Img
from modules.requests.local_names import Missing
from modules.requests.resolve import own_model
from modules.requests.sampler_names import sampler_and_schedule, second_sampler_and_schedule
from modules.sampling.schedules import SCHEDULES
from modules.settings.options import Settings, change_settings

PROMPT_KEYS = {"Prompt": "prompt", "Negative prompt": "negative_prompt"}
HIRES_KEYS = ("Hires upscale", "Hires upscaler", "Hires resize-1", "Hires resize-2")
# Read by `local_names`, or converted by `parse_infotext`.
NOT_FIELDS = frozenset({
    "Version", "Model", "Model hash", "VAE hash", "Size-1", "Size-2", "Lora hashes", "TI hashes", "User",
    "Hypernet", REGIONS_KEY, "Hypernet hash", "Hypernet strength", "First pass size-1", "First pass size-2",
})
# The values of a request whose data lack these keys; other fields that are missing stay as they are.
UNSAID: Mapping[str, Any] = {
    "subseed_strength": 0.0,
    "seed_resize_from_w": 0,
    "seed_resize_from_h": 0,
    "tiling": False,
    "refiner_checkpoint": "",
    "soft_inpainting": False,
    "initial_noise_multiplier": None,
}


def fields_from_pairs(
    values: Mapping[str, Any], cls: type[Generation] = Txt2Img, standing: Settings | None = None
) -> dict[str, Any]:
    """Read parsed generation data as `fields` of a request, changed `settings`, and the `unknown` rest.

    Only values of their field's type are taken: the text may come from anywhere. A name that is not known here is in
    `missing`; other values that were not taken are in `notes`. Names of files and numbers beyond a field's limits stay
    as they are written.
    standing: the settings without the data's; the defaults, if not given
    """
    missing: list[Missing] = []
    notes: list[str] = []
    fields = {**unsaid(values, cls), **told_fields(values, cls, notes), **sampling_names(values, FIRST_PASS, missing)}
    standing = standing or Settings()
    if standing.control_net_sync_field_args:
        fields["control"] = told_units(values, notes)
    fields["detailer"] = told_tabs(values, notes)
    fields["regions"] = told_regions(str(values.get(REGIONS_KEY, "")), notes)
    fields |= pasted_hires(values, fields, missing) if cls is Txt2Img else pasted_mask(values, notes)
    settings = pasted_settings(values, cls, standing, notes)
    return {
        "fields": fields,
        "settings": settings,
        "unknown": unknown_pairs(values, cls),
        "missing": missing,
        "notes": notes,
    }


# Fields ------------------------------------------------------------------------------------------


def field_keys(cls: type) -> dict[str, str]:
    """Return the field name of each infotext key."""
    keys = {param.infotext: name for name, param in declared_params(cls).items() if param.infotext}
    return keys | (PROMPT_KEYS if issubclass(cls, Generation) else {})


def told_fields(values: Mapping[str, Any], cls: type, notes: list[str]) -> dict[str, Any]:
    """Return the fields that have a key of their own; samplers and schedules share two keys."""
    found = {
        name: as_type(cls, name, values[key])
        for key, name in field_keys(cls).items()
        if key in values and name not in SAMPLING
    }
    notes += [
        unfit_note(key, values[key]) for key, name in field_keys(cls).items() if name in found and found[name] is None
    ]
    return {name: own_model(value) if name in MODELS else value for name, value in found.items() if value is not None}


def unsaid(values: Mapping[str, Any], cls: type) -> dict[str, Any]:
    keys = {name: key for key, name in field_keys(cls).items()}
    return {name: value for name, value in UNSAID.items() if name in keys and keys[name] not in values}


def as_type(cls: type, name: str, value: Any) -> Any:
    """Return the value as its field's type, or None."""
    kind = types(cls)[name]
    try:
        if kind is bool:
            return str(value).strip().lower() == "true"
        return kind(float(value)) if kind is int and "." in str(value) else kind(value)
    except (ValueError, TypeError, OverflowError):
        return None


@cache
def types(cls: type) -> dict[str, type]:
    """Return the type of each field, without None; cached, since it takes milliseconds."""
    return {
        name: get_args(hint)[0] if isinstance(hint, UnionType) else hint for name, hint in get_type_hints(cls).items()
    }


def within_slider(value: float, widget: Slider | Number) -> bool:
    low, high = (-inf if widget.low is None else widget.low), (inf if widget.high is None else widget.high)
    return low <= value <= high and value not in (-inf, inf)


def unfit_note(key: str, value: Any) -> str:
    return f"{key} cannot be {str(value)[:60]!r}: it stays as it was."


# Samplers and schedules --------------------------------------------------------------------------

ResolveSampler = Callable[[str, str], tuple[str, str]]      # a sampler and a schedule → their official names

# The infotext keys and fields of each pass's sampler and schedule, and the function that resolves both.
FIRST_PASS = (("Sampler", "Schedule type"), ("sampler_name", "scheduler"), sampler_and_schedule)
SECOND_PASS = (
    ("Hires sampler", "Hires schedule type"),
    ("hr_sampler_name", "hr_scheduler"),
    second_sampler_and_schedule,
)
SAMPLING = frozenset({*FIRST_PASS[1], *SECOND_PASS[1]})
MODELS = frozenset({"refiner_checkpoint", "hr_checkpoint_name"})


def sampling_names(
    values: Mapping[str, Any], of: tuple[tuple[str, str], tuple[str, str], ResolveSampler], missing: list[Missing]
) -> dict[str, str]:
    """Return a pass's sampler and schedule as a request would resolve them; an old combined name is split."""
    names, resolve = of[1], of[2]
    sampler, schedule = (str(values.get(key, "")) for key in of[0])
    if schedule and schedule not in USE_SAME and not SCHEDULES.get(schedule):
        missing.append(Missing("schedule type", schedule, names[1]))
    known = "" if any(each.field == names[1] for each in missing) else schedule
    found = resolve_names(resolve, sampler, known)
    if sampler and not found:
        missing.append(Missing("sampler", sampler, names[0]))
    told = dict(zip(names, found or ("", resolve("Euler", known)[1]), strict=True))
    if not found:
        del told[names[0]]
    if known != schedule and told[names[1]] in ("", "Automatic"):
        del told[names[1]]
    return told


def resolve_names(resolve: ResolveSampler, sampler: str, schedule: str) -> tuple[str, str] | None:
    """Return the official names, or None if there is no such sampler."""
    try:
        return resolve(sampler, schedule) if sampler else None
    except UnknownName:
        return None


def pasted_hires(values: Mapping[str, Any], request: Mapping[str, Any], missing: list[Missing]) -> dict[str, Any]:
    """Return the fields of hires fix; A1111 leaves out values at their defaults."""
    told = second_pass_told(values)
    unsaid = {
        name: defaults(Txt2Img)[name]
        for name in ("hr_second_pass_steps", "hr_upscaler", "hr_cfg")
        if told and name not in request
    }
    same = {
        f"hr_{name}": ""
        for name in PROMPT_KEYS.values()
        if request.get(f"hr_{name}", "").strip() == request.get(name, "").strip()
    }
    return {"enable_hr": told, **sampling_names(values, SECOND_PASS, missing), **same, **unsaid}


def second_pass_told(values: Mapping[str, Any]) -> bool:
    return "Denoising strength" in values and any(str(values.get(key, 0)) != "0" for key in HIRES_KEYS)


# img2img -----------------------------------------------------------------------------------------

OF_IMG2IMG = frozenset({"Mask blur", "Image CFG scale", "Noise multiplier", "Init image hash"})
MASK_KEYS = ("Mask mode", "Masked content", "Inpaint area", "Soft inpainting enabled")


def pasted_mask(values: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the mask's fields, which data have in words; a mask in the data without a blur had none."""
    told: dict[str, Any] = {}
    for name, (key, meanings) in NAMED_VALUES.items():
        if values.get(key) in meanings:
            told[name] = meanings[values[key]]
        elif key in values:
            notes.append(unfit_note(key, values[key]))
    return told | ({"mask_blur": 0} if masked(values) and "Mask blur" not in values else {})


def masked(values: Mapping[str, Any]) -> bool:
    """Return whether the data have a mask, judged by more than its blur."""
    return any(values.get(key, MISSING.get(key)) != MISSING.get(key) for key in MASK_KEYS)


def pasted_script(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the script in the data, as `name` and the `arguments` that they contain."""
    script = script_in(values)
    if script is None:
        return None
    return {"name": script.name, "arguments": dict(pasted_arguments(script, with_fixed_seeds(values)))}


def script_in(values: Mapping[str, Any]) -> Script | None:
    return next((each for each in SCRIPTS if each.keys.keys() & values.keys()), None)


def with_fixed_seeds(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with the seeds that a plot's axis drew in place of what was typed."""
    fixed = {key.removeprefix(FIXED_SEEDS): value for key, value in values.items() if key.startswith(FIXED_SEEDS)}
    return {**values, **{key: value for key, value in fixed.items() if key in values}}


FIXED_SEEDS = "Fixed "      # before the key of an axis's values


def pasted_arguments(script: Script, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the arguments; one that is left out was empty."""
    for key, name in script.keys.items():
        value = as_type(script.arguments, name, values[key]) if key in values else defaults(script.arguments)[name]
        widget = declared_params(script.arguments)[name].widget
        listed = not isinstance(widget, Choice) or isinstance(widget.of, str) or value in widget.of
        if value is not None and listed and (not isinstance(widget, Slider) or within_slider(value, widget)):
            yield name, value


# Settings ----------------------------------------------------------------------------------------


def pasted_settings(values: Mapping[str, Any], cls: type, standing: Settings, notes: list[str]) -> dict[str, Any]:
    """Return the settings that differ from their defaults or their current values."""
    keys = {key: name for key, name in field_keys(Settings).items() if key in values and key not in field_keys(cls)}
    taken: dict[str, Any] = {}
    for key, name in keys.items():
        try:
            told = change_settings(standing, {name: as_type(Settings, name, values[key]), **IMPLIED.get(key, {})})
        except Invalid:
            notes.append(unfit_note(key, values[key]))
            continue
        taken |= {
            each: getattr(told, each) for each in (name, *IMPLIED.get(key, ())) if not usual(told, standing, each)
        }
    return taken


IMPLIED: Mapping[str, Mapping[str, Any]] = {"Face restoration": {"face_restoration": True}}      # the key implies it


def usual(told: Settings, standing: Settings, name: str) -> bool:
    return at_default(told, name) and at_default(standing, name)


def unknown_pairs(values: Mapping[str, Any], cls: type) -> dict[str, Any]:
    """Return the pairs that belong to no field and no setting and stand in the text itself."""
    tab = "txt2img" if cls is Txt2Img else "img2img"
    named = {key for script in SCRIPTS if tab in script.kinds for key in script.keys}
    named |= {f"{FIXED_SEEDS}{key}" for key in named} | ({"Script"} if script_in(values) else set())
    named |= {key for key, _ in NAMED_VALUES.values()} if cls is not Txt2Img else set()
    known = {*field_keys(cls), *field_keys(Settings), *named, *NOT_FIELDS}
    said = {
        key: value
        for key, value in values.items()
        if value not in ("", 0) and not (key in MISSING and value == MISSING[key])
    }
    return {
        key: value for key, value in said.items()
        if key not in known and not is_unit_key(key) and not is_detailer_key(key)
    }
