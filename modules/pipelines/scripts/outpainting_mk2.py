"""Outpainting mk2: one side after another grows, inpainted over noise with the picture's spectrum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from modules.base.sizes import Size
from modules.imaging.masks import Box
from modules.params.hires import HIRES_MULTIPLE
from modules.params.img2img import ORIGINAL, Img2Img
from modules.params.scripts import OutpaintingMk2
from modules.params.txt2img import counted_on
from modules.pipelines.plan import ImagePlan
from modules.pipelines.result import ExtraParams, Result
from modules.pipelines.scripts.growth import Growth, rounded_up
from modules.pipelines.scripts.script_run import ScriptPart, ScriptRun, plan_of_passes
from modules.pipelines.scripts.spectral import fill_with_texture
from modules.sampling.questions import Interrupted, Task, Wait

BLURRED = 4                 # the painting fades in over so many times the blur asked for


@dataclass(frozen=True)
class GrowingSide:
    """The growth of one side."""

    name: str
    pixels: int
    size: Size          # the picture's size after it
    blur: Size          # in pixels, across and down
    most: Size          # the largest size that is painted at once

    @property
    def whole(self) -> Size:
        """The canvas's size: the picture's, rounded up. It is painted whole and then cropped."""
        return rounded_up(self.size[0]), rounded_up(self.size[1])

    @property
    def across(self) -> bool:
        return self.name in ("left", "right")

    @property
    def window(self) -> Box:
        """The part of the canvas that the model paints, at the growing end."""
        width, height = self.whole
        if self.across:
            width = min(self.most[0], self.size[0]) // HIRES_MULTIPLE * HIRES_MULTIPLE
        else:
            height = min(self.most[1], self.size[1]) // HIRES_MULTIPLE * HIRES_MULTIPLE
        left = self.whole[0] - width if self.name == "right" else 0
        top = self.whole[1] - height if self.name == "down" else 0
        return left, top, left + width, top + height

    @property
    def painted(self) -> Size:
        left, top, right, bottom = self.window
        return right - left, bottom - top

    def new(self, size: Size, within: int) -> Image.Image:
        """Return the mask of the new part: L, white there and `within` times the blur further into the picture.

        size: of the mask, a canvas's or a window's
        """
        reach = self.pixels + within * self.blur[not self.across]
        left = reach if self.name == "left" else 0
        top = reach if self.name == "up" else 0
        right = size[0] - reach if self.name == "right" else self.size[0]
        bottom = size[1] - reach if self.name == "down" else self.size[1]
        mask = Image.new("L", size, "white")
        if left <= right and top <= bottom:
            ImageDraw.Draw(mask).rectangle((left, top, right, bottom), fill="black")
        return mask


@dataclass(frozen=True)
class Outpainting:
    """The growing sides, one pass each."""

    run: ScriptRun[OutpaintingMk2]
    sides: tuple[GrowingSide, ...]


def plans(run: ScriptRun[OutpaintingMk2]) -> Sequence[ImagePlan[Img2Img, Outpainting]]:
    """Return a plan for each image of the batch. Generation data contain the size of the first pass."""
    source = Outpainting(run, tuple(sides(run, run.start.size)))
    width, height = source.sides[0].painted
    params = replace(run.params, inpaint_full_res=False, inpainting_fill=ORIGINAL, width=width, height=height)
    seeds = [counted_on(params.seed, index) for index in range(params.pictures)]
    return [plan_of_passes(run, replace(params, seed=seed), len(source.sides), generate, source) for seed in seeds]


def sides(run: ScriptRun[OutpaintingMk2], size: Size) -> Iterator[GrowingSide]:
    growth = Growth.of(size, run.arguments.pixels, run.arguments.direction)
    blur = blur_of(run)
    for name in ("left", "right", "up", "down"):
        if pixels := getattr(growth, name):
            size = (size[0] + pixels, size[1]) if name in ("left", "right") else (size[0], size[1] + pixels)
            yield GrowingSide(name, pixels, size, blur, (run.params.width, run.params.height))


def blur_of(run: ScriptRun[OutpaintingMk2]) -> Size:
    """Return the blur across and down; 0 in a direction without growth."""
    named, blur = set(run.arguments.direction), run.arguments.mask_blur
    return blur * bool(named & {"left", "right"}), blur * bool(named & {"up", "down"})


def generate(plan: ImagePlan[Img2Img, Outpainting]) -> Task[Result]:
    """Grow one side after another. Interrupted, the sides that were not reached are missing."""
    yield Wait(heavy=True)
    image, extra, complete = plan.source.run.start, ExtraParams(), True
    for number, side in enumerate(plan.source.sides):
        try:
            image, result = yield from grow_side(plan, number, side, image)
        except Interrupted:
            if not number:
                raise
            complete = False
            break
        complete, extra = result.complete, extra or result.extra_params
        if not complete:
            break
    extra |= dict(mk2_infotext(plan.source))
    return Result(np.asarray(image), complete, extra)


def grow_side(
    plan: ImagePlan[Img2Img, Outpainting], number: int, side: GrowingSide, image: Image.Image
) -> Task[tuple[Image.Image, Result]]:
    """Return the picture with one more side grown."""
    large = place_on_canvas(side, image)
    under = fill_with_noise(plan.source.run.arguments, large, side.new(side.whole, 1))
    result = yield from plan.source.run.paint(plan, number, growing_part(side, under))
    result.extra_params.side_images.clear()      # a side's stages are not saved
    under.paste(Image.fromarray(result.pixels), side.window[:2])
    return under.crop((0, 0, *side.size)), result


def place_on_canvas(side: GrowingSide, image: Image.Image) -> Image.Image:
    """Return the picture on its canvas, black where it grows."""
    large = Image.new("RGB", side.whole)
    large.paste(image, (side.pixels if side.name == "left" else 0, side.pixels if side.name == "up" else 0))
    return large


def fill_with_noise(arguments: OutpaintingMk2, large: Image.Image, new: Image.Image) -> Image.Image:
    levels = fill_with_texture(
        np.asarray(large) / 255, np.asarray(new) / 255, arguments.noise_q, arguments.color_variation
    )
    return Image.fromarray((levels * 255).astype(np.uint8))


def growing_part(side: GrowingSide, under: Image.Image) -> ScriptPart:
    """Return what is painted of one side: the painting fades into the picture, and the mask reaches further in."""
    piece = under.crop(side.window)
    across, down = (BLURRED * blur for blur in side.blur)
    changes = {
        "width": side.painted[0], "height": side.painted[1],
        "mask_blur": None, "mask_blur_x": across, "mask_blur_y": down,
    }
    return ScriptPart(piece, side.new(side.whole, 1).crop(side.window), side.new(piece.size, 2), changes=changes)


def mk2_infotext(source: Outpainting) -> Iterator[tuple[str, object]]:
    """Yield the generation data: A1111 has one blur key for both directions, and none if they differ."""
    across, down = (BLURRED * blur for blur in source.sides[0].blur)
    if across or down:
        yield "Mask blur", across if across == down else None
