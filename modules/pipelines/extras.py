"""Extras: a finished picture enlarged, by one upscaler or two, and its faces restored, as one flow of questions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from PIL import Image

from modules.base.sizes import Size
from modules.imaging.resize import LANCZOS, covering
from modules.models.upscaling.upscaler import with_alpha_of
from modules.params.extras import Extras, Restoring
from modules.pipelines.canvas import Load
from modules.pipelines.result import Result
from modules.pipelines.upscaling import NO_CHECKPOINT, Enlarger
from modules.sampling.questions import RestoreFaces, Task
from modules.settings.options import Settings


@dataclass(frozen=True)
class FinishedImage:
    """What an image of Extras is made of."""

    name: str
    infotext: str        # the generation data it came with
    load: Load           # reads it by name


@dataclass(frozen=True)
class ExtrasPlan:
    """One image that no checkpoint makes."""

    passes: ClassVar[tuple[()]] = ()
    steps: ClassVar[int] = 0

    params: Extras
    settings: Settings
    source: FinishedImage

    def task(self) -> Task[Result]:
        """The making of the image."""
        return generate(self)


def plans(params: Extras, settings: Settings, load: Load, images: Iterable[tuple[str, str]]) -> list[ExtrasPlan]:
    """One plan for each (name, generation data)."""
    return [ExtrasPlan(params, settings, FinishedImage(name, infotext, load)) for name, infotext in images]


def generate(plan: ExtrasPlan) -> Task[Result]:
    """Enlarge it, lay a second enlargement over the first, cut it to shape, restore its faces.

    Raises InvalidImage where the picture is gone.
    """
    image, layers = plan.source.load(plan.source.name), []
    for name in plan.params.upscalers:
        layers.append((yield from upscale_keeping_alpha(plan, image, name)))
    if len(layers) > 1:
        layers = [Image.blend(layers[0], layers[1], plan.params.extras_upscaler_2_visibility)]
    image = framed(plan.params, layers[0], image.size) if layers else image
    for restoring in plan.params.restorers:
        image = yield from restore_keeping_alpha(image, restoring)
    return Result(np.asarray(image))


def upscale_keeping_alpha(plan: ExtrasPlan, image: Image.Image, name: str) -> Task[Image.Image]:
    """RGB, or RGBA if it was transparent."""
    return (yield from Enlarger.of(name, plan.settings).by(image, plan.params.scale(image.size)))


def restore_keeping_alpha(image: Image.Image, restoring: Restoring) -> Task[Image.Image]:
    """RGB, or RGBA if it was transparent; of what was restored as much as is to be seen."""
    colours = image.convert("RGB")
    pixels = yield RestoreFaces(NO_CHECKPOINT, np.asarray(colours), restoring.name, restoring.weight)
    return with_alpha_of(image, Image.blend(colours, Image.fromarray(pixels), restoring.visibility))


def framed(params: Extras, image: Image.Image, shape: Size) -> Image.Image:
    """Of the size asked for, if one was.

    Upscalers give sides of multiples of 8, which may be a little less; A1111 leaves a black border there, we stretch.
    shape: the picture's size before it was enlarged
    """
    if not params.frame:
        return image
    if image.width < params.frame[0] or image.height < params.frame[1]:
        image = image.resize(covering(shape, params.frame), LANCZOS)
    return crop_centre(image, params.frame) if params.upscaling_crop else image


def crop_centre(image: Image.Image, size: Size) -> Image.Image:
    left, top = image.width // 2 - size[0] // 2, image.height // 2 - size[1] // 2
    return image.crop((left, top, left + size[0], top + size[1]))
