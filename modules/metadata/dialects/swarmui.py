"""SwarmUI's: JSON with "sui_image_params" in the usual place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.metadata.dialects.dialect import (
    USUAL_KEY,
    ConvertedData,
    Dialect,
    PictureTexts,
    ProgramData,
    file_part,
    json_object,
    list_or_empty,
    mapping_or_empty,
    model_stem,
    number_or_none,
    readable_pairs,
    text_or_empty,
)

SWARMUI_PROGRAM = "SwarmUI"
SWARMUI_MARK = "sui_image_params"
SWARMUI_NUMBERS = {"steps": "Steps", "cfgscale": "CFG scale", "seed": "Seed", "variationseed": "Variation seed",
                   "variationseedstrength": "Variation seed strength"}
SWARMUI_LATENT = {"latent-bilinear": "Latent", "latent-nearest-exact": "Latent (nearest-exact)",
                  "latent-bicubic": "Latent (bicubic)"}
SWARMUI_TAGS = ("<random:", "<wildcard:", "<segment:", "<object:", "<region:", "<alternate:", "<fromto[")


def read_swarmui(said: PictureTexts) -> ProgramData | None:
    found = json_object(said.parameters)
    image = mapping_or_empty(found.get(SWARMUI_MARK))
    if not image:
        return None
    return swarmui_conversion(image, said).told(SWARMUI_PROGRAM, (USUAL_KEY,), readable_pairs(found))


def swarmui_conversion(said: Mapping[str, Any], picture: PictureTexts) -> ConvertedData:
    made = ConvertedData(text_or_empty(said.get("prompt")), text_or_empty(said.get("negativeprompt")))
    weights = list_or_empty(said.get("loraweights"))
    for number, name in enumerate(list_or_empty(said.get("loras"))):
        made.add_network(text_or_empty(name), weights[number] if number < len(weights) else 1)
    made.add_numbers(said, SWARMUI_NUMBERS)
    made.add_sampler(text_or_empty(said.get("sampler")), text_or_empty(said.get("scheduler")))
    made.add_size(said.get("width"), said.get("height"), picture.size_text)
    made.add("Model", model_stem(text_or_empty(said.get("model"))))
    vae = file_part(text_or_empty(said.get("vae")))
    made.add("VAE", "" if vae in ("Automatic", "None") else vae)
    last_layer = number_or_none(said.get("clipstopatlayer"))
    made.add("Clip skip", -last_layer if last_layer and last_layer < -1 else None)
    made.add("Denoising strength", number_or_none(said.get("initimagecreativity")))
    made.add("RNG", "CPU")
    add_swarmui_second_pass(said, made)
    if any(tag in made.prompt for tag in SWARMUI_TAGS):
        made.notes.append("SwarmUI's tags, such as <random:…>, stand in the prompt as they were written.")
    return made


def add_swarmui_second_pass(said: Mapping[str, Any], made: ConvertedData) -> None:
    factor = number_or_none(said.get("refinerupscale"))
    method = text_or_empty(said.get("refinerupscalemethod"))
    upscaler = SWARMUI_LATENT.get(method) or (model_stem(method[6:]) if method.startswith("model-") else "")
    if factor and factor > 1 and upscaler:
        made.add("Denoising strength", number_or_none(said.get("refinercontrolpercentage")))
        made.add("Hires upscale", factor)
        made.add("Hires steps", number_or_none(said.get("refinersteps")))
        made.add("Hires upscaler", upscaler)
    elif factor and factor > 1:
        made.notes.append(f"Its enlargement by {method or 'an unknown way'} has no equal in Easel.")
    refiner, share = text_or_empty(said.get("refinermodel")), number_or_none(said.get("refinercontrolpercentage"))
    if refiner and said.get("refinermethod") == "StepSwap" and share and 0 < share < 1:
        made.add("Refiner", model_stem(refiner))
        made.add("Refiner switch at", float(f"{1 - share:.4g}"))
    elif refiner:
        made.notes.append("Its refining model is not converted.")


SWARMUI = Dialect(
    SWARMUI_PROGRAM, 'JSON in the text "parameters" (PNG) or EXIF\'s comment', read_swarmui, ("StableSwarmUI",)
)
