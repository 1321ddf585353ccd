"""What the families of models are called: by trainers and sites, in lists and files (A1111's words), and in sentences."""

from __future__ import annotations

import re

LONGEST_NAME = 100      # characters
NOISE = re.compile(r"[^a-z0-9]+")

NAMES = tuple((re.compile(pattern), family) for pattern, family in (
    (r"(?:sd|stablediffusion)xl.*refiner", "SDXL refiner"),
    (r"(?:sd|stablediffusion)?xl|pony|illustrious|noobai", "SDXL"),
    (r"(?:sd|stablediffusion)v?1", "SD1"),
    (r"(?:sd|stablediffusion)v?2", "SD2"),
    (r"(?:sd|stablediffusion)v?3", "SD3"),
    (r"flux", "Flux"),
))
SPOKEN = {"SD1": "SD 1.5", "SD2": "SD 2", "SDXL": "SDXL", "SDXL refiner": "SDXL refiner", "SD3": "SD 3", "Flux": "Flux"}


def family_named(text: str) -> str:
    """The family that a trainer's, a site's or a user's words for it mean; "" if none.

    >>> family_named("sdxl_base_v1-0"), family_named("stable-diffusion-v1/lora"), family_named("SD 2.1 768")
    ('SDXL', 'SD1', 'SD2')
    """
    name = NOISE.sub("", text[:LONGEST_NAME].lower())
    return next((family for pattern, family in NAMES if pattern.match(name)), "")


def spoken_family(family: str) -> str:
    """A family's name as people say it; another program's word for one that nobody knows stays as it is."""
    return SPOKEN.get(family, family)
