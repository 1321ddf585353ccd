"""Civitai's generator: ComfyUI's graph in EXIF's comment, and "extraMetadata" in it with what was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modules.metadata.dialects.comfyui import comfy_conversion
from modules.metadata.dialects.comfyui_graph import run_graph, shown_nodes
from modules.metadata.dialects.dialect import (
    USUAL_KEY,
    ConvertedData,
    Dialect,
    PictureTexts,
    ProgramData,
    json_object,
    list_or_empty,
    mapping_or_empty,
    number_or_none,
    readable_pairs,
    text_or_empty,
)

CIVITAI_PROGRAM = "Civitai"
CIVITAI_MARK = "extraMetadata"
CIVITAI_NUMBERS = {"steps": "Steps", "cfgScale": "CFG scale", "seed": "Seed", "clipSkip": "Clip skip"}
AIR_NAME = re.compile(r"urn:air:[\w:.@-]{1,200}")


def read_civitai(said: PictureTexts) -> ProgramData | None:
    found = json_object(said.parameters)
    asked = json_object(text_or_empty(found.get(CIVITAI_MARK))) or dict(mapping_or_empty(found.get(CIVITAI_MARK)))
    graph = run_graph(found)
    if not asked and not graph.nodes:
        return None
    made = comfy_conversion(graph, said) if graph.nodes else ConvertedData()
    if asked:
        add_what_was_asked(asked, said, made)
    names = [air for air in list_or_empty(mapping_or_empty(found.get("extra")).get("airs")) if isinstance(air, str)]
    if names or AIR_NAME.search(said.parameters):
        made.pairs.pop("Model", None)
        made.notes.append("Models go by Civitai's numbers there, which tell no file's name: see the readable form.")
    program = CIVITAI_PROGRAM if asked or names else "ComfyUI"
    readable = (*readable_pairs(asked), *(("Model", name) for name in names), *shown_nodes(graph))
    return made.told(program, (USUAL_KEY,), readable)


def add_what_was_asked(asked: Mapping[str, Any], picture: PictureTexts, made: ConvertedData) -> None:
    """Put what the person typed in place of what the graph made of it."""
    made.prompt = text_or_empty(asked.get("prompt")) or made.prompt
    made.negative_prompt = text_or_empty(asked.get("negativePrompt")) or made.negative_prompt
    made.add_numbers(asked, CIVITAI_NUMBERS)
    sampler = text_or_empty(asked.get("sampler"))
    if sampler:
        made.add_sampler(sampler.removesuffix(" Karras"), "Karras" if sampler.endswith(" Karras") else "")
    if "Size" not in made.pairs or number_or_none(asked.get("width")):
        made.add_size(asked.get("width"), asked.get("height"), picture.size_text)


CIVITAI = Dialect(
    CIVITAI_PROGRAM, "JSON in EXIF's comment; A1111's text with the pair \"Civitai resources\"", read_civitai
)
