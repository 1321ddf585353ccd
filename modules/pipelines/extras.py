"""Extras as a flow of questions: a finished picture is enlarged by one or two upscalers, and its faces are restored."""

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
    """The input picture of an Extras image."""

    name: str
    infotext: str        # generation data that came with the picture
    load: Load           # reads a picture by its name


@dataclass(frozen=True)
class ExtrasPlan:
    """The plan of one Extras image; it needs no checkpoint."""

    passes: ClassVar[tuple[()]] = ()
    steps: ClassVar[int] = 0

    params: Extras
    settings: Settings
    source: FinishedImage

    def task(self) -> Task[Result]:
        """Return the image task."""
        return generate(self)


def plans(params: Extras, settings: Settings, load: Load, images: Iterable[tuple[str, str]]) -> list[ExtrasPlan]:
    """Return one plan for each (name, generation data)."""
    return [ExtrasPlan(params, settings, FinishedImage(name, infotext, load)) for name, infotext in images]


def generate(plan: ExtrasPlan) -> Task[Result]:
    """Enlarge the picture, blend in a second upscaler's, crop it and restore its faces.

    Raises InvalidImage if the picture is missing.
    """
    image = yield from enlarge(plan, plan.source.load(plan.source.name))
    for restoring in plan.params.restorers:
        image = yield from restore_keeping_alpha(image, restoring)
    return Result(np.asarray(image))


def enlarge(plan: ExtrasPlan, image: Image.Image) -> Task[Image.Image]:
    """Return the picture enlarged by the upscalers of the plan, and cropped."""
    layers = []
    for name in plan.params.upscalers:
        layers.append((yield from upscale_keeping_alpha(plan, image, name)))
    if len(layers) > 1:
        layers = [Image.blend(layers[0], layers[1], plan.params.extras_upscaler_2_visibility)]
    return framed(plan.params, layers[0], image.size) if layers else image


def upscale_keeping_alpha(plan: ExtrasPlan, image: Image.Image, name: str) -> Task[Image.Image]:
    """Return the enlarged picture, RGB, or RGBA if it was transparent."""
    return (yield from Enlarger.of(name, plan.settings).by(image, plan.params.scale(image.size)))


def restore_keeping_alpha(image: Image.Image, restoring: Restoring) -> Task[Image.Image]:
    """Return the picture blended with its restored faces, RGB, or RGBA if it was transparent."""
    colours = image.convert("RGB")
    pixels = yield RestoreFaces(NO_CHECKPOINT, np.asarray(colours), restoring.name, restoring.weight)
    return with_alpha_of(image, Image.blend(colours, Image.fromarray(pixels), restoring.visibility))


def framed(params: Extras, image: Image.Image, shape: Size) -> Image.Image:
    """Resize and crop the picture to the size that was asked for, if one was.

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
