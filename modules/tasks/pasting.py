"""From generation data back to a request: the inverse of `generation_data`. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

from modules.base.errors import Invalid
from modules.base.fields import declared, defaults
from modules.models.library import Library
from modules.params.hires import SAME
from modules.params.txt2img import Txt2Img
from modules.prompts.network_tags import with_tags
from modules.settings.options import Settings, at_default, changed
from modules.tasks.networks import LORA_KINDS, without_separators

NOT_OURS = frozenset({"Version", "Model", "VAE hash", "Size-1", "Size-2"})


def pasted(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parsed generation data as `fields` of a request, `settings` not at their defaults, and the `unknown` rest.

    Only values that fit their field are taken: the text may come from anywhere.
    """
    keys = field_keys(Txt2Img)
    request = {name: typed for key, name in keys.items() if key in values and (typed := as_type(Txt2Img, name, values[key])) is not None}
    settings = pasted_settings(values)
    known = keys.keys() | field_keys(Settings).keys() | {"Model hash"}
    return {
        "fields": request | pasted_hires(values, request),
        "settings": settings,
        "unknown": {key: value for key, value in values.items() if key not in known and key not in NOT_OURS and value not in ("", 0)},
    }


def with_local_names(values: Mapping[str, Any], library: Library) -> dict[str, Any]:
    """The same with LoRAs in the prompt called as they are here, where "Lora hashes" tells which files were meant."""
    hashes = dict(pair.split(": ", 1) for pair in str(values.get("Lora hashes", "")).split(", ") if ": " in pair)
    here = {name: file.model_name for name, begin in hashes.items() if (file := library.lora_of_hash(begin)) and library.lora(name) != file}

    def local(tag: re.Match[str]) -> str:
        name, colon, rest = tag[2].partition(":")
        return f"<{tag[1]}:{here.get(without_separators(name), name)}{colon}{rest}>" if tag[1] in LORA_KINDS else tag[0]

    return {**values, "Prompt": with_tags(str(values["Prompt"]), local)}


def pasted_hires(values: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Whether there was a second pass; A1111 leaves out of its description what is at its default."""
    told = "Denoising strength" in values and any(str(values.get(key, 0)) != "0" for key in HIRES_KEYS)
    same = {name: "" for name, value in request.items() if name.startswith("hr_") and value in SAME}
    unsaid = {name: defaults(Txt2Img)[name] for name in ("hr_second_pass_steps", "hr_upscaler", "hr_cfg") if told and name not in request}
    return {"enable_hr": told, **same, **unsaid}


HIRES_KEYS = ("Hires upscale", "Hires upscaler", "Hires resize-1", "Hires resize-2")


def field_keys(cls: type) -> dict[str, str]:
    """Infotext key → field name."""
    keys = {param.infotext: name for name, param in declared(cls).items() if param.infotext}
    return keys | ({"Prompt": "prompt", "Negative prompt": "negative_prompt"} if cls is Txt2Img else {})


def as_type(cls: type, name: str, value: Any) -> Any:
    """The value as its field's type, or None."""
    kind = types(cls)[name]
    try:
        if kind is bool:
            return str(value).strip().lower() == "true"
        return kind(float(value)) if kind is int and "." in str(value) else kind(value)
    except (ValueError, TypeError, OverflowError):
        return None


@cache
def types(cls: type) -> dict[str, type]:
    """Field name → its type; Python takes milliseconds to find out."""
    return get_type_hints(cls)


def pasted_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: as_type(Settings, name, values[key]) for key, name in field_keys(Settings).items() if key in values}
    if "Face restoration" in values:      # it names the model
        found["face_restoration"] = True
    taken: dict[str, Any] = {}
    for name, value in found.items():
        try:
            if not at_default(changed(Settings(), {name: value}), name):
                taken[name] = value
        except Invalid:
            continue
    return taken
