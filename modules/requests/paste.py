"""Generation data read for a tab's form or a request, in the same way for page and API. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

from modules.base.errors import UnknownName
from modules.base.fields import Number, Slider, declared_params
from modules.library.catalog import ModelFile
from modules.library.library import Library
from modules.params import infotext
from modules.params.extras import UPSCALER_FIELDS, Extras, postprocessed
from modules.params.hires import LATENT_UPSCALER
from modules.params.img2img import Img2Img
from modules.params.txt2img import Generation, Txt2Img
from modules.prompts.grammar import emphasised
from modules.requests.local_names import Missing, local_upscaler, sentences_on, with_local_files, with_local_names
from modules.requests.pasted_fields import (
    OF_IMG2IMG,
    SAMPLING,
    fields_from_pairs,
    masked,
    pasted_script,
    script_in,
    second_pass_told,
    unfit_note,
    within_slider,
)
from modules.settings.options import Settings

TXT2IMG, IMG2IMG, EXTRAS = "txt2img", "img2img", "extras"
REQUESTS: Mapping[str, type[Generation]] = {TXT2IMG: Txt2Img, IMG2IMG: Img2Img}


def read_infotext(
    text: str, library: Library, standing: Settings, tab: str = "", now: Mapping[str, Any] | None = None,
    pairs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Read generation data for a tab's form or a request: every name has a local file, and `notes` has the rest.

    tab: the tab to fill; "" is the one that the data come from
    now: the current values by field or setting
    pairs: what `pasted_pairs` returns for the text, if others have changed it
    """
    values = pasted_pairs(text, standing) if pairs is None else dict(pairs)
    source = tab_of(text, values)
    tab = tab or source
    if tab == EXTRAS:
        return pasted_extras(text, library, now or {})
    missing: list[Missing] = []
    values, cls = with_local_names(values, library, missing), REQUESTS[tab]
    current = current_checkpoint(library, str((now or {}).get("sd_model_checkpoint") or standing.sd_model_checkpoint))
    found = choosing(
        with_local_files(fields_from_pairs(values, cls, standing), values, library), library, current, standing
    )
    words = sentences_on([*found.pop("missing"), *missing], used_instead(current, standing, now or {}))
    elsewhere = (
        ["The data are of a picture that img2img made of another one."] if (tab, source) == (TXT2IMG, IMG2IMG) else []
    )
    kinds = chosen.kinds if (chosen := script_in(values)) else ()
    script = with_local_upscaler(pasted_script(values), library) if tab in kinds else None
    return {
        **found,
        "notes": [*words, *elsewhere, *found["notes"]],
        "tab": tab,
        "script": script,
        "is_data": bool(infotext.split_infotext(text).raw),
    }


def pasted_pairs(text: str, standing: Settings) -> dict[str, Any]:
    """Return all pairs of generation data, as A1111 pastes them."""
    return infotext.parse_infotext(text, emphasised, standing.auto_backcompat)


def clamp_to_form(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of `read_infotext` within the limits of the tab's form; changed values are in its notes."""
    fields, notes = dict(found["fields"]), list(found["notes"])
    for name, param in declared_params(Extras if found["tab"] == EXTRAS else REQUESTS[found["tab"]]).items():
        value, widget = fields.get(name), param.widget
        if (
            not isinstance(value, int | float)
            or not isinstance(widget, Slider | Number)
            or within_slider(value, widget)
        ):
            continue
        if isinstance(widget, Slider) and not (isinstance(value, float) and isnan(value)):
            fields[name] = type(value)(min(max(value, widget.low), widget.high))
            limits = f"{widget.low:g} to {widget.high:g}"
            notes.append(
                f"{param.label} {str(value)[:20]} is beyond the form's {limits}: {fields[name]:g} is filled in."
            )
        else:
            del fields[name]
            notes.append(unfit_note(param.label, value))
    return {**found, "fields": fields, "notes": notes}


def tab_of(text: str, values: Mapping[str, Any]) -> str:
    """Return the tab that wrote the generation data, as far as they show it."""
    if postprocessed(text) and "Steps" not in values:
        return EXTRAS
    from_picture = str(values.get("Denoising strength", 0)) != "0" and not second_pass_told(values)
    return IMG2IMG if from_picture or masked(values) or values.keys() & OF_IMG2IMG or only_img2img(values) else TXT2IMG


def only_img2img(values: Mapping[str, Any]) -> bool:
    """Return whether the data have a script that only img2img has."""
    script = script_in(values)
    return script is not None and script.kinds == (IMG2IMG,)


def current_checkpoint(library: Library, name: str) -> ModelFile | None:
    try:
        return library.checkpoints.find(name) if name else library.checkpoints.default()
    except UnknownName:
        return library.checkpoints.default()


def choosing(
    found: Mapping[str, Any], library: Library, current: ModelFile | None, standing: Settings
) -> dict[str, Any]:
    """Return the result with its checkpoint in `settings`; or only in `notes`, as A1111's setting usually wants it."""
    named = library.checkpoints.find(found["checkpoint"]) if found["checkpoint"] else current
    if named is None or (current and named.path == current.path):
        return dict(found)
    if standing.disable_weights_auto_swap and current:
        return {
            **found,
            "notes": [
                f"Made with {named.model_name} (here, but not chosen): using {current.model_name}.",
                *found["notes"],
            ],
        }
    return {**found, "settings": {**found["settings"], "sd_model_checkpoint": named.name}}


def used_instead(current: ModelFile | None, standing: Settings, now: Mapping[str, Any]) -> dict[str, str]:
    """Return the replacements of missing names, in words, by field or setting."""
    usual = {"refiner_checkpoint": "none", "hr_checkpoint_name": "the first pass's", "sd_vae": "Automatic"}
    chosen = {name: str(now.get(name) or "") for name in SAMPLING} | {
        "hr_upscaler": str(now.get("hr_upscaler") or LATENT_UPSCALER)
    }
    return {
        **chosen,
        **usual,
        "sd_model_checkpoint": current.model_name if current else "",
        "upscaler_for_img2img": standing.upscaler_for_img2img,
    }


def pasted_extras(text: str, library: Library, now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the last postprocessing in the generation data, as fields of Extras."""
    fields, missing = postprocessed(text), []
    for name in UPSCALER_FIELDS:
        if name in fields and isinstance(here := local_upscaler(name)(library, fields[name], {}), Missing):
            missing.append(here)
            del fields[name]
        elif name in fields:
            fields[name] = here
    notes = sentences_on(missing, {name: str(now.get(name) or "") for name in UPSCALER_FIELDS})
    return {
        "fields": fields,
        "settings": {},
        "unknown": {},
        "notes": notes,
        "tab": EXTRAS,
        "script": None,
        "is_data": bool(fields),
    }


def with_local_upscaler(script: Mapping[str, Any] | None, library: Library) -> dict[str, Any] | None:
    """Return the script without a missing upscaler, so that the form's stays."""
    if not script or "upscaler" not in script["arguments"]:
        return None if script is None else dict(script)
    others = {name: value for name, value in script["arguments"].items() if name != "upscaler"}
    here = local_upscaler("")(library, script["arguments"]["upscaler"], {})
    return {**script, "arguments": others if isinstance(here, Missing) else {**others, "upscaler": here}}
