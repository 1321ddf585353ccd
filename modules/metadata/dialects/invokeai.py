"""InvokeAI's: JSON in "invokeai_metadata" (3 and later) or "sd-metadata" (2), and a command line in "Dream" (1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modules.metadata.dialects.dialect import (
    ConvertedData,
    Dialect,
    PictureTexts,
    ProgramData,
    json_object,
    list_or_empty,
    mapping_or_empty,
    model_stem,
    number_or_none,
    readable_pairs,
    text_or_empty,
)

INVOKEAI_PROGRAM = "InvokeAI"
NEW_KEY, OLD_KEY, OLDEST_KEY = "invokeai_metadata", "sd-metadata", "Dream"
INVOKEAI_KEYS = (NEW_KEY, "invokeai_graph", "invokeai_workflow", OLD_KEY, OLDEST_KEY)
INVOKEAI_NUMBERS = {"steps": "Steps", "cfg_scale": "CFG scale", "seed": "Seed"}
INVOKEAI_SAMPLERS = {
    "euler_a": "Euler a", "dpmpp_2s": "DPM++ 2S a", "kdpm_2": "DPM2", "kdpm_2_a": "DPM2 a", "unipc": "UniPC",
    "pndm": "PLMS", "k_euler_a": "Euler a", "k_dpm_2": "DPM2", "k_dpm_2_a": "DPM2 a", "k_heun": "Heun", "k_lms": "LMS",
    "k_euler": "Euler", "k_dpmpp_2": "DPM++ 2M", "k_dpmpp_2_a": "DPM++ 2S a",
}
KARRAS_ENDING = "_k"
WEIGHT_STEP = 1.1                                     # of each + and −
WEIGHTED_GROUP = re.compile(r"\(([^()]*)\)(\d{1,4}(?:\.\d{1,8})?|\++|-+)(?![\w+-])")
WEIGHTED_WORD = re.compile(r"(?<![\w+-])(\w+)(\++|-+)(?![\w+-])")
NEGATIVE_PART = re.compile(r"\[([^\[\]]*)\]")
OLD_FLAGS = {"-s": "Steps", "-C": "CFG scale", "-S": "Seed"}
OLD_FLAG = re.compile(r"(?<!\S)(-[a-zA-Z])[ =]?([^\s-]\S*)")


def read_invokeai(said: PictureTexts) -> ProgramData | None:
    keys = tuple(key for key in INVOKEAI_KEYS if key in said.texts)
    new, old = json_object(said.texts.get(NEW_KEY, "")), json_object(said.texts.get(OLD_KEY, ""))
    if new:
        return new_invokeai(new, said).told(INVOKEAI_PROGRAM, keys, readable_pairs(new))
    if mapping_or_empty(old.get("image")):
        return old_invokeai(old, said).told(INVOKEAI_PROGRAM, keys, readable_pairs(old))
    line = said.texts.get(OLDEST_KEY, "")
    if not line.startswith('"') and "-S" not in dict(OLD_FLAG.findall(line)):
        return ProgramData(INVOKEAI_PROGRAM, keys) if keys and "invokeai_graph" in keys else None
    return oldest_invokeai(line, said).told(INVOKEAI_PROGRAM, keys, ((OLDEST_KEY, line),))


def new_invokeai(said: Mapping[str, Any], picture: PictureTexts) -> ConvertedData:
    made = ConvertedData()
    for name, key in (("prompt", "positive_prompt"), ("negative_prompt", "negative_prompt")):
        setattr(made, name, a1111_weights(text_or_empty(said.get(key)), made))
    for entry in list_or_empty(said.get("loras")):
        network = mapping_or_empty(entry)
        name = invokeai_model(network.get("model", network.get("lora")))
        made.add_network(name, network.get("weight"))
    made.add_numbers(said, INVOKEAI_NUMBERS)
    add_invokeai_sampler(made, text_or_empty(said.get("scheduler")))
    made.add_size(said.get("width"), said.get("height"), picture.size_text)
    made.add("Model", invokeai_model(said.get("model")))
    made.add("VAE", invokeai_model(said.get("vae")))
    skipped = number_or_none(said.get("clip_skip"))
    made.add("Clip skip", skipped + 1 if skipped else None)      # counted from 0 there
    made.add("RNG", "CPU" if said.get("rand_device", "cpu") == "cpu" else None)
    if "img2img" in text_or_empty(said.get("generation_mode")):
        made.add("Denoising strength", number_or_none(said.get("strength")))
        made.notes.append("It was made from another picture, which is not in the file.")
    made.notes += [note for key, note in UNCONVERTED_NOTES.items() if said.get(key)]
    return made


UNCONVERTED_NOTES = {
    "controlnets": "ControlNets are not converted.", "ipAdapters": "IP adapters are not converted.",
    "t2iAdapters": "T2I adapters are not converted.",
    "positive_style_prompt": "SDXL's style prompts are not converted.",
    "hrf_enabled": "Values of the high resolution fix are not converted.",
    "cfg_rescale_multiplier": "Values of CFG rescale are not converted.",
}


def invokeai_model(value: Any) -> str:
    model = mapping_or_empty(value)
    return model_stem(text_or_empty(model.get("name") or model.get("model_name") or (value if value != model else "")))


def add_invokeai_sampler(made: ConvertedData, name: str) -> None:
    plain = name.removesuffix(KARRAS_ENDING)
    made.add_sampler(INVOKEAI_SAMPLERS.get(plain, plain), "Karras" if plain != name else "")


def old_invokeai(said: Mapping[str, Any], picture: PictureTexts) -> ConvertedData:
    image, made = mapping_or_empty(said.get("image")), ConvertedData()
    parts = [part for part in list_or_empty(image.get("prompt")) if isinstance(part, Mapping)]
    whole = " ".join(text_or_empty(part.get("prompt")) for part in parts) or text_or_empty(image.get("prompt"))
    add_old_prompt(made, whole)
    made.add_numbers(image, INVOKEAI_NUMBERS)
    add_invokeai_sampler(made, text_or_empty(image.get("sampler")))
    made.add_size(image.get("width"), image.get("height"), picture.size_text)
    made.add("Model", text_or_empty(said.get("model_weights")))
    if len(parts) > 1:
        made.notes.append("The prompt has parts of different weights; they stand one after another.")
    if image.get("variations"):
        made.notes.append("Its mix of seeds has no place in Easel's generation data.")
    return made


def add_old_prompt(made: ConvertedData, whole: str) -> None:
    """Add both prompts of one text: negative words stand in square brackets."""
    made.negative_prompt = a1111_weights(", ".join(NEGATIVE_PART.findall(whole)), made)
    made.prompt = a1111_weights(" ".join(NEGATIVE_PART.sub("", whole).split()), made)


def oldest_invokeai(line: str, picture: PictureTexts) -> ConvertedData:
    """Read `"a prompt" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms`, where the first versions had no quotes."""
    first = OLD_FLAG.search(line)
    unquoted = line[: first.start()] if first else line
    prompt, _, flags = line[1:].rpartition('"') if line.startswith('"') else (unquoted, "", line[len(unquoted) :])
    made = ConvertedData()
    add_old_prompt(made, prompt)
    told = dict(OLD_FLAG.findall(flags))
    made.add_numbers(told, OLD_FLAGS)
    add_invokeai_sampler(made, told.get("-A", ""))
    made.add_size(told.get("-W"), told.get("-H"), picture.size_text)
    return made


def a1111_weights(prompt: str, made: ConvertedData) -> str:
    """Return a prompt whose weights, `word++` and `(some words)1.2`, are written as A1111 writes them."""
    written = WEIGHTED_GROUP.sub(lambda found: weighted(found[1], found[2]), prompt)
    written = WEIGHTED_WORD.sub(lambda found: weighted(found[1], found[2]), written)
    if any(mark in prompt for mark in (".swap(", ".and(", ".blend(")):
        made.notes.append("InvokeAI's .swap, .and and .blend stand in the prompt as they were written.")
    return written


def weighted(words: str, weight: str) -> str:
    sign = weight[0]
    value = WEIGHT_STEP ** len(weight) if sign == "+" else 0.9 ** len(weight) if sign == "-" else float(weight)
    return f"({words}:{value:.4g})"


INVOKEAI = Dialect(INVOKEAI_PROGRAM, 'PNG texts "invokeai_metadata", "sd-metadata" or "Dream"', read_invokeai)
