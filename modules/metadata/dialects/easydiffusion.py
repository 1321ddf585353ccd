"""Easy Diffusion's: a text for each value in PNG, all of them as JSON in EXIF's comment."""

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
    model_stem,
    readable_pairs,
    text_or_empty,
)

EASY_DIFFUSION_PROGRAM = "Easy Diffusion"
EASY_DIFFUSION_MARK = "use_stable_diffusion_model"
EASY_DIFFUSION_NUMBERS = {
    "num_inference_steps": "Steps", "guidance_scale": "CFG scale", "seed": "Seed",
    "prompt_strength": "Denoising strength",
}
EASY_DIFFUSION_TEXTS = {
    *EASY_DIFFUSION_NUMBERS, "prompt", "negative_prompt", "width", "height", "sampler_name", "lora_alpha", "clip_skip",
    "tiling", "hypernetwork_strength", "preserve_init_image_color_profile", "upscale_amount", "scheduler_name",
}
EASY_DIFFUSION_SAMPLERS = {
    "plms": "PLMS", "euler_a": "Euler a", "dpm2": "DPM2", "dpm2_a": "DPM2 a", "dpmpp_2s_a": "DPM++ 2S a",
    "unipc_tu": "UniPC", "unipc_snr": "UniPC",
}


def read_easy_diffusion(said: PictureTexts) -> ProgramData | None:
    found: Mapping[str, Any] = said.texts if EASY_DIFFUSION_MARK in said.texts else json_object(said.parameters)
    if EASY_DIFFUSION_MARK not in found:
        return None
    own = {key: value for key, value in found.items() if key in EASY_DIFFUSION_TEXTS or key.startswith("use_")}
    keys = tuple(own) if found is said.texts else (USUAL_KEY,)
    return easy_diffusion_conversion(own, said).told(EASY_DIFFUSION_PROGRAM, keys, readable_pairs(own))


def easy_diffusion_conversion(said: Mapping[str, Any], picture: PictureTexts) -> ConvertedData:
    made = ConvertedData(text_or_empty(said.get("prompt")), text_or_empty(said.get("negative_prompt")))
    names, strengths = (listed_values(said.get(key)) for key in ("use_lora_model", "lora_alpha"))
    for number, name in enumerate(names):
        made.add_network(str(name), strengths[number] if number < len(strengths) else 1)
    made.add_numbers(said, EASY_DIFFUSION_NUMBERS)
    sampler = text_or_empty(said.get("sampler_name"))
    made.add_sampler(EASY_DIFFUSION_SAMPLERS.get(sampler, sampler))
    made.add_size(said.get("width"), said.get("height"), picture.size_text)
    made.add("Model", model_stem(text_or_empty(said.get(EASY_DIFFUSION_MARK))))
    made.add("VAE", file_part(text_or_empty(said.get("use_vae_model"))))
    made.add("Clip skip", 2 if said.get("clip_skip") in (True, "True", "true") else None)
    return made


def listed_values(value: Any) -> list[Any]:
    """Return a value that may be one or a list, which a PNG's text shows as JSON or as Python writes it."""
    if isinstance(value, str):
        return [each.strip(" '\"") for each in value.strip("[]").split(",") if each.strip(" '\"") not in ("", "None")]
    return list_or_empty(value) if isinstance(value, list) else [] if value is None else [value]


EASY_DIFFUSION = Dialect(
    EASY_DIFFUSION_PROGRAM, 'PNG texts such as "num_inference_steps"; JSON in EXIF\'s comment', read_easy_diffusion
)
