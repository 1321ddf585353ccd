"""Draw Things's: XMP, whose exif:UserComment is JSON."""

from __future__ import annotations

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

DRAW_THINGS_PROGRAM = "Draw Things"
DRAW_THINGS_NUMBERS = {"steps": "Steps", "scale": "CFG scale", "seed": "Seed"}
DRAW_THINGS_SAMPLERS = {"Euler Ancestral": "Euler a", "Euler A": "Euler a", "DPM++ 2M": "DPM++ 2M"}
DRAW_THINGS_SCHEDULES = {" Karras": "Karras", " AYS": "Align Your Steps", " Trailing": "SGM Uniform"}


def read_draw_things(said: PictureTexts) -> ProgramData | None:
    comment = json_object(said.xmp.get("exif:UserComment", ""))
    is_own = said.xmp.get("xmp:CreatorTool", "").startswith(DRAW_THINGS_PROGRAM)
    if not comment or not is_own and not {"c", "uc", "scale"} <= comment.keys():
        return None
    readable = readable_pairs(comment)
    return draw_things_conversion(comment, said).told(DRAW_THINGS_PROGRAM, ("exif:UserComment",), readable)


def draw_things_conversion(said: Mapping[str, Any], picture: PictureTexts) -> ConvertedData:
    made = ConvertedData(text_or_empty(said.get("c")), text_or_empty(said.get("uc")))
    more = mapping_or_empty(said.get("v2"))
    for entry in list_or_empty(more.get("loras")) or list_or_empty(said.get("lora")):      # before "v2", "lora"
        network = mapping_or_empty(entry)
        made.add_network(text_or_empty(network.get("file") or network.get("model")), network.get("weight"))
    made.add_numbers(said, DRAW_THINGS_NUMBERS)
    add_draw_things_sampler(made, text_or_empty(said.get("sampler")))
    width, _, height = text_or_empty(said.get("size")).partition("x")
    made.add_size(width, height, picture.size_text)
    made.add("Model", model_stem(text_or_empty(said.get("model"))))
    skipped = number_or_none(more.get("clipSkip"))
    made.add("Clip skip", skipped if skipped and skipped > 1 else None)
    strength = number_or_none(said.get("strength"))
    if strength is not None and strength < 1:
        made.add("Denoising strength", strength)
        made.notes.append("It was made from another picture, which is not in the file.")
    made.notes.append("Draw Things draws its noise another way: the picture is like it, not the same.")
    return made


def add_draw_things_sampler(made: ConvertedData, name: str) -> None:
    ending = next((ending for ending in DRAW_THINGS_SCHEDULES if name.endswith(ending)), "")
    plain = name.removesuffix(ending)
    made.add_sampler(DRAW_THINGS_SAMPLERS.get(plain, plain), DRAW_THINGS_SCHEDULES.get(ending, ""))


DRAW_THINGS = Dialect(DRAW_THINGS_PROGRAM, "XMP's exif:UserComment, JSON", read_draw_things)
