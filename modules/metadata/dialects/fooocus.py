"""Fooocus's own scheme: JSON in the usual place; its other scheme is A1111's text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modules.metadata.dialects.dialect import (
    USUAL_KEY,
    ConvertedData,
    Dialect,
    PictureTexts,
    ProgramData,
    json_object,
    list_or_empty,
    model_stem,
    number_or_none,
    readable_pairs,
    text_or_empty,
)

FOOOCUS_PROGRAM = "Fooocus"
RUINED_PROGRAM = "RuinedFooocus"
RUINED_KEYS = {
    "Prompt": "prompt", "Negative": "negative_prompt", "cfg": "guidance_scale", "sampler_name": "sampler",
    "base_model_name": "base_model",
}
FOOOCUS_NUMBERS = {"steps": "Steps", "guidance_scale": "CFG scale", "seed": "Seed", "clip_skip": "Clip skip"}
PAIR_OF_SIDES = re.compile(r"\((\d{1,6}), (\d{1,6})\)")
COMBINED_LORA = re.compile(r"lora_(?:combined_)?\d{1,3}")
MRE_LORA = re.compile(r"l(\d{1,3})")      # and its strength in w1
QUOTED_STYLE = re.compile(r"'([^']*)'|\"([^\"]*)\"")
FOOOCUS_PLACES = (USUAL_KEY, "Comment")      # the second of its fork MRE and of versions before 2.2
FOOOCUS_NAMES = {"cfg": "guidance_scale", "base_clip_skip": "clip_skip"}
FOOOCUS_STEPS = {"Speed": 30, "Quality": 60, "Extreme Speed": 8, "Lightning": 4, "Hyper-SD": 4}
FOOOCUS_OWN = ("sharpness", "adm_guidance", "adaptive_cfg")


def read_fooocus(said: PictureTexts) -> ProgramData | None:
    key = next((key for key in FOOOCUS_PLACES if "base_model" in fooocus_pairs(said.texts.get(key, ""))), "")
    found = fooocus_pairs(said.texts.get(key, ""))
    program = text_or_empty(found.get("version", found.get("software")))
    named = program.startswith(FOOOCUS_PROGRAM) or "fooocus_scheme" in said.texts
    if not key or not named and "sharpness" not in found:
        return None
    keys = tuple(key for key in (key, "fooocus_scheme") if key in said.texts)
    return fooocus_conversion(found, said).told(FOOOCUS_PROGRAM, keys, readable_pairs(found))


def fooocus_pairs(text: str) -> dict[str, Any]:
    """Return what its JSON says by the names of today: older versions write "Base Model", its fork MRE "cfg"."""
    plain = {key.lower().replace(" ", "_"): value for key, value in json_object(text).items()}
    return {FOOOCUS_NAMES.get(key, key): value for key, value in plain.items()}


def read_ruined_fooocus(said: PictureTexts) -> ProgramData | None:
    """Read RuinedFooocus's JSON, whose keys are others: renamed, it is Fooocus's."""
    found = json_object(said.parameters)
    if found.get("software") != RUINED_PROGRAM:
        return None
    renamed = {RUINED_KEYS.get(key, key): value for key, value in found.items()}
    named = [text_or_empty(each[1]).partition(" - ") for each in list_or_empty(found.get("loras")) if is_ruined(each)]
    renamed["loras"] = [[name, strength] for strength, _, name in named]
    renamed["resolution"] = f"({found.get('width')}, {found.get('height')})"
    return fooocus_conversion(renamed, said).told(RUINED_PROGRAM, (USUAL_KEY,), readable_pairs(found))


def is_ruined(network: Any) -> bool:
    return isinstance(network, list) and len(network) == 2


def fooocus_conversion(said: Mapping[str, Any], picture: PictureTexts) -> ConvertedData:
    made = ConvertedData(text_or_empty(said.get("prompt")), text_or_empty(said.get("negative_prompt")))
    for name, strength in fooocus_networks(said):
        made.add_network(name, strength)
    made.add("Steps", FOOOCUS_STEPS.get(text_or_empty(said.get("performance"))))
    made.add_numbers(said, FOOOCUS_NUMBERS)
    made.add_sampler(text_or_empty(said.get("sampler")), text_or_empty(said.get("scheduler")))
    sides = PAIR_OF_SIDES.fullmatch(text_or_empty(said.get("resolution")))
    width, height = sides.groups() if sides else (said.get("width"), said.get("height"))
    made.add_size(width, height, picture.size_text)
    made.add("Model", model_stem(text_or_empty(said.get("base_model"))))
    made.add("Model hash", text_or_empty(said.get("base_model_hash")))
    vae, refiner = text_or_empty(said.get("vae")), text_or_empty(said.get("refiner_model"))
    made.add("VAE", "" if vae.startswith("Default") else vae)
    if refiner not in ("", "None"):
        made.add("Refiner", model_stem(refiner))
        made.add("Refiner switch at", number_or_none(said.get("refiner_switch")))
    if styles := fooocus_styles(text_or_empty(said.get("styles"))):
        made.notes.append(f"The prompt is the one that was typed; Fooocus's styles added to it: {styles}.")
    if any(said.get(key) for key in FOOOCUS_OWN):
        made.notes.append("Sharpness and ADM guidance are Fooocus's own: the picture is like it, not the same.")
    return made


def fooocus_styles(written: str) -> str:
    """Return the styles' names; they are written as Python writes a list."""
    named = QUOTED_STYLE.findall(written)
    return ", ".join(one or other for one, other in named) if named else written.strip("[]")


def fooocus_networks(said: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return name and strength of each LoRA, which newer versions list a second time with their hashes."""
    listed = [tuple(each[:2]) for each in list_or_empty(said.get("loras")) if isinstance(each, list) and len(each) > 1]
    combined = [text_or_empty(value).rpartition(" : ") for key, value in said.items() if COMBINED_LORA.fullmatch(key)]
    numbered = [(value, said.get(f"w{found[1]}")) for key, value in said.items() if (found := MRE_LORA.fullmatch(key))]
    together = listed or [(each[0], each[2]) for each in combined] or numbered
    return [(name, strength) for name, strength in together if text_or_empty(name) not in ("", "None")]


RUINED_FOOOCUS = Dialect(RUINED_PROGRAM, 'JSON in the text "parameters" (PNG)', read_ruined_fooocus)
FOOOCUS = Dialect(
    FOOOCUS_PROGRAM, 'JSON in the text "parameters" or "Comment" (PNG) or EXIF\'s comment, or A1111\'s text there',
    read_fooocus,
)
