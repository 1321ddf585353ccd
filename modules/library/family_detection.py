"""Which family a model file of any kind is for, by its header alone. No torch.

Names are those of `families.py`, and of families Easel only recognises. What a file says of itself goes first: kohya-ss's
`ss_base_model_version`, `modelspec.architecture` (https://github.com/Stability-AI/ModelSpec), Civitai's `baseModel`. Then its
tensors: the keys of cross-attention, and an embedding's vectors, are as wide as the family's text encoders are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Shapes = Mapping[str, tuple[int, ...]]

LONGEST_NAME = 100      # characters
NOISE = re.compile(r"[^a-z0-9]+")
OVER_CONTEXT = re.compile(      # a weight (out, in) or (rank, in, …) that keys of cross-attention pass first
    r"attn2[._]to_k\.(?:(?:lora_down|lora_A|lora\.down)\.)?(?:weight|hada_w1_b|diff)$"
    r"|attn2\.processor\.to_k_lora\.down\.weight$"
)


def family_named(text: str) -> str:
    """The family that a trainer's, a site's or a user's words for it mean; "" if none.

    >>> family_named("sdxl_base_v1-0"), family_named("stable-diffusion-v1/lora"), family_named("SD 2.1 768")
    ('SDXL', 'SD1', 'SD2')
    """
    name = NOISE.sub("", text[:LONGEST_NAME].lower())
    return next((family for pattern, family in NAMES if pattern.match(name)), "")


def family_of_header(metadata: Mapping[str, str], shapes: Shapes) -> str:
    """"" if neither says."""
    told = (metadata.get(key, "") for key in ("ss_base_model_version", "modelspec.architecture"))
    return next(filter(None, map(family_named, told)), "") or family_of_tensors(shapes)


def family_of_tensors(shapes: Shapes) -> str:
    for mark, family in MARKS.items():
        if any(mark in name for name in shapes):
            return family
    widths = (shape[1] for name, shape in shapes.items() if len(shape) >= 2 and OVER_CONTEXT.search(name))
    return next((WIDTHS[width] for width in widths if width in WIDTHS), "")


NAMES = tuple((re.compile(pattern), family) for pattern, family in (
    (r"(?:sd|stablediffusion)xl.*refiner", "SDXL refiner"),
    (r"(?:sd|stablediffusion)?xl|pony|illustrious|noobai", "SDXL"),
    (r"(?:sd|stablediffusion)v?1", "SD1"),
    (r"(?:sd|stablediffusion)v?2", "SD2"),
    (r"(?:sd|stablediffusion)v?3", "SD3"),
    (r"flux", "Flux"),
))
MARKS = {           # the first that is part of a tensor's name counts
    "conditioner.embedders.1.model.": "SDXL",
    "conditioner.embedders.0.model.": "SDXL refiner",
    "cond_stage_model.transformer.": "SD1",
    "cond_stage_model.model.": "SD2",
    "joint_blocks": "SD3",
    "double_blocks": "Flux",
    "lora_te2_": "SDXL",
}
WIDTHS = {768: "SD1", 1024: "SD2", 1280: "SDXL refiner", 2048: "SDXL"}      # of the context, all text encoders together
KNOWN = tuple(dict.fromkeys(family for _, family in sorted(NAMES, key=lambda each: each[1])))
