"""Generation data in a picture's file, A1111's or NovelAI's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modules.imaging.read import Metadata, open_image, read_metadata
from modules.params import infotext
from modules.sampling.samplers import SAMPLERS

NOVELAI = "NovelAI"                 # in the PNG text "Software"
NOVELAI_CLIP_SKIP, NOVELAI_ENSD = 2, 31337
USUAL_SAMPLER = "Euler a"           # NovelAI's, and A1111's replacement for an unknown name


def picture_metadata(content: bytes) -> Metadata:
    """Return a picture's metadata, for page and API. Raises InvalidImage or TooLarge."""
    found = read_metadata(content)
    if found.infotext or found.items.get("Software", "").strip() != NOVELAI:
        return found
    return replace(found, infotext=novelai_infotext(found.items, open_image(content).size))


def novelai_infotext(texts: Mapping[str, str], size: tuple[int, int]) -> str:
    """Convert NovelAI's texts to A1111's; "" if they are malformed."""
    try:
        said = json.loads(texts.get("Comment", ""))
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, Mapping):
        return ""
    prompt = texts.get("Description") or text_or_empty(said.get("prompt"))
    return infotext.write_infotext(prompt, text_or_empty(said.get("uc")), novelai_pairs(said, size))


def novelai_pairs(said: Mapping[str, Any], size: tuple[int, int]) -> dict[str, object]:
    sampler = SAMPLERS.get(text_or_empty(said.get("sampler")))
    pairs: dict[str, object] = {
        "Steps": number_or_none(said.get("steps")),
        "Sampler": sampler.name if sampler else USUAL_SAMPLER,
        "CFG scale": number_or_none(said.get("scale")),
        "Seed": number_or_none(said.get("seed")),
        "Size": f"{size[0]}x{size[1]}",
        "Clip skip": NOVELAI_CLIP_SKIP,
        "ENSD": NOVELAI_ENSD,
    }
    return pairs


def text_or_empty(value: Any) -> str:
    return value if isinstance(value, str) else ""


def number_or_none(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) else None
