"""The families of models: what files and people call them, and the tensors by which their files are told.

How a family computes is told in `models/checkpoint/families.py`; some are only recognised, for Easel cannot draw with
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_FAMILY_NAME = 100      # characters
PUNCTUATION = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class KnownFamily:
    """A family as others name it.

    name: in lists and files, A1111's word; title: in sentences
    words: a pattern for the beginning of what trainers and sites call it, in lower case and without punctuation
    marks: parts of tensors' names that only files for it have
    width: of its context, all text encoders together; 0 if it tells nothing
    """

    name: str
    title: str
    words: str
    marks: tuple[str, ...]
    width: int = 0


SD1 = KnownFamily("SD1", "SD 1.5", r"(?:sd|stablediffusion)v?1", ("cond_stage_model.transformer.",), 768)
SD2 = KnownFamily("SD2", "SD 2", r"(?:sd|stablediffusion)v?2", ("cond_stage_model.model.",), 1024)
SDXL = KnownFamily(
    "SDXL", "SDXL", r"(?:sd|stablediffusion)?xl|pony|illustrious|noobai",
    ("conditioner.embedders.1.model.", "lora_te2_"), 2048,
)
SDXL_REFINER = KnownFamily(
    "SDXL refiner", "SDXL refiner", r"(?:sd|stablediffusion)xl.*refiner", ("conditioner.embedders.0.model.",), 1280
)
SD3 = KnownFamily("SD3", "SD 3", r"(?:sd|stablediffusion)v?3", ("joint_blocks",))
FLUX = KnownFamily("Flux", "Flux", r"flux", ("double_blocks",))

# the first that fits counts: SD3's LoRAs have a `lora_te2_` too
KNOWN_FAMILIES = (SD1, SD2, SDXL_REFINER, SD3, FLUX, SDXL)
WIDTHS = {family.width: family.name for family in KNOWN_FAMILIES if family.width}
SPOKEN = {family.name: family.title for family in (SD1, SD2, SDXL, SDXL_REFINER, SD3, FLUX)}


def family_named(text: str) -> str:
    """The family that a trainer's, a site's or a user's words for it mean; "" if none.

    >>> family_named("sdxl_base_v1-0"), family_named("stable-diffusion-v1/lora"), family_named("SD 2.1 768")
    ('SDXL', 'SD1', 'SD2')
    """
    name = PUNCTUATION.sub("", text[:LONGEST_FAMILY_NAME].lower())
    return next((family.name for family in KNOWN_FAMILIES if re.match(family.words, name)), "")


def spoken_family(family: str) -> str:
    """Return a family's name for sentences; an unknown word of another program stays as it is."""
    return SPOKEN.get(family, family)
