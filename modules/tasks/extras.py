"""Extras: a finished picture enlarged, by one upscaler or two, as one flow of questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from modules.imaging.inputs import load
from modules.imaging.resize import LANCZOS, Size, covering
from modules.models.upscaling.upscaler import with_alpha_of
from modules.params.extras import Extras
from modules.sampling.questions import Task, Upscale, Weights
from modules.settings.options import Settings
from modules.tasks.drawn import Drawn

NO_MODEL = Weights("")      # upscalers need no checkpoint


@dataclass(frozen=True)
class ExtrasPlan:
    """One picture of a request, decided."""

    params: Extras
    settings: Settings
    image: str           # its name among the inputs
    infotext: str        # the generation data it came with
    inputs: Path         # the folder it is in


def extras_plans(first: ExtrasPlan, images: list[str], infotexts: list[str]) -> list[ExtrasPlan]:
    return [replace(first, image=image, infotext=infotext) for image, infotext in zip(images, infotexts, strict=True)]


def picture(plan: ExtrasPlan) -> Task[Drawn]:
    """Enlarge it, lay a second enlargement over the first, cut it to shape. Raises InvalidImage where the picture is gone."""
    image, layers = load(plan.inputs, plan.image), []
    for name in plan.params.upscalers:
        layers.append((yield from enlarged(plan, image, name)))
    if len(layers) > 1:
        layers = [Image.blend(*layers, plan.params.extras_upscaler_2_visibility)]
    return Drawn(np.asarray(framed(plan.params, layers[0], image.size) if layers else image))


def enlarged(plan: ExtrasPlan, image: Image.Image, name: str) -> Task[Image.Image]:
    """RGB, or RGBA if it was transparent."""
    scale, s = plan.params.scale(image.size), plan.settings
    pixels = yield Upscale(NO_MODEL, np.asarray(image.convert("RGB")), name, float(scale), s.ESRGAN_tile, s.ESRGAN_tile_overlap)
    return with_alpha_of(image, Image.fromarray(pixels))


def framed(params: Extras, image: Image.Image, shape: Size) -> Image.Image:
    """Of the size asked for, if one was.

    Upscalers give sides of multiples of 8, which may be a little less; A1111 leaves a black border there, we stretch.
    shape: the picture's size before it was enlarged
    """
    if not params.frame:
        return image
    if image.width < params.frame[0] or image.height < params.frame[1]:
        image = image.resize(covering(shape, params.frame), LANCZOS)
    return middle(image, params.frame) if params.upscaling_crop else image


def middle(image: Image.Image, size: Size) -> Image.Image:
    left, top = image.width // 2 - size[0] // 2, image.height // 2 - size[1] // 2
    return image.crop((left, top, left + size[0], top + size[1]))
