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
COMBINED_LORA = re.compile(r"lora_combined_\d{1,3}")
FOOOCUS_OWN = ("sharpness", "adm_guidance", "adaptive_cfg")


def read_fooocus(said: PictureTexts) -> ProgramData | None:
    found = {key.lower().replace(" ", "_"): value for key, value in json_object(said.parameters).items()}
    named = text_or_empty(found.get("version")).startswith(FOOOCUS_PROGRAM) or "fooocus_scheme" in said.texts
    if "base_model" not in found or not named and "sharpness" not in found:
        return None
    keys = tuple(key for key in (USUAL_KEY, "fooocus_scheme") if key in said.texts)
    return fooocus_conversion(found, said).told(FOOOCUS_PROGRAM, keys, readable_pairs(found))


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
    made.add_numbers(said, FOOOCUS_NUMBERS)
    made.add_sampler(text_or_empty(said.get("sampler")), text_or_empty(said.get("scheduler")))
    sides = PAIR_OF_SIDES.fullmatch(text_or_empty(said.get("resolution")))
    made.add_size(sides and sides[1], sides and sides[2], picture.size_text)
    made.add("Model", model_stem(text_or_empty(said.get("base_model"))))
    made.add("Model hash", text_or_empty(said.get("base_model_hash")))
    vae, refiner = text_or_empty(said.get("vae")), text_or_empty(said.get("refiner_model"))
    made.add("VAE", "" if vae.startswith("Default") else vae)
    if refiner not in ("", "None"):
        made.add("Refiner", model_stem(refiner))
        made.add("Refiner switch at", number_or_none(said.get("refiner_switch")))
    if text_or_empty(said.get("styles")) not in ("", "[]"):
        made.notes.append(f"The prompt is the one that was typed; Fooocus's styles added to it: {said['styles']}.")
    if any(said.get(key) for key in FOOOCUS_OWN):
        made.notes.append("Sharpness and ADM guidance are Fooocus's own: the picture is like it, not the same.")
    return made


def fooocus_networks(said: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return name and strength of each LoRA, which newer versions list a second time with their hashes."""
    listed = [tuple(each[:2]) for each in list_or_empty(said.get("loras")) if isinstance(each, list) and len(each) > 1]
    combined = [text_or_empty(value).rpartition(" : ") for key, value in said.items() if COMBINED_LORA.fullmatch(key)]
    return [(text_or_empty(name), strength) for name, strength in listed or [(each[0], each[2]) for each in combined]]


RUINED_FOOOCUS = Dialect(RUINED_PROGRAM, 'JSON in the text "parameters" (PNG)', read_ruined_fooocus)
FOOOCUS = Dialect(
    FOOOCUS_PROGRAM, 'JSON in the text "parameters" (PNG) or EXIF\'s comment, or A1111\'s text there', read_fooocus
)
