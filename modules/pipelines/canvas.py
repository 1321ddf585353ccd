"""A picture made ready to be painted on, and the painting made part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from modules.base.sizes import Size
from modules.imaging import masks
from modules.imaging.colour import corrected, flattened
from modules.imaging.masks import Box
from modules.imaging.resize import JUST_RESIZE, LATENT_RESIZE, RESIZE_AND_FILL, resize_image, scaled_size
from modules.params import img2img
from modules.params.extras import NO_UPSCALER
from modules.params.img2img import Img2Img
from modules.pipelines.upscaling import Enlarger
from modules.sampling.questions import Task
from modules.settings.options import Settings

Load = Callable[[str], Image.Image]      # a picture that a job starts from, by its name; raises InvalidImage

SOFT_EDGE = 4      # pixels: blur of the mask that soft inpainting finds


@dataclass(frozen=True)
class Canvas:
    """All L or RGB. Without a mask the whole picture is painted."""

    image: Image.Image                          # what the model starts from
    mask: Image.Image | None = None             # of its size, 255 where to paint
    original: Image.Image | None = None         # what shows around the painting, in the size of the result
    hole: Image.Image | None = None             # of its size, 255 where the painting shows
    box: Box | None = None                      # where in the original the painting goes, if not everywhere
    colours: Image.Image | None = None          # whose colours the painting is given, if not the image's
    start: Image.Image | None = None            # as it was sent, if it is to be saved


def canvas_for(params: Img2Img, settings: Settings, load: Load, enlarger: Enlarger, name: str) -> Task[Canvas]:
    """The picture of that name. Raises InvalidImage where it, or the mask, is gone."""
    sent = load(name)
    canvas = yield from canvas_of(flattened(sent, settings.img2img_background_color), params, load, enlarger)
    return replace(canvas, start=sent) if settings.save_init_img else canvas


def canvas_of(picture: Image.Image, params: Img2Img, load: Load, enlarger: Enlarger) -> Task[Canvas]:
    """An RGB picture; `enlarger` where it must grow. Raises InvalidImage where the mask is gone."""
    size = params.width, params.height
    if mask := mask_for(params, load):
        if not params.inpaint_full_res:
            return (yield from whole(picture, mask, params, enlarger))
        if box := masks.region(mask, params.inpaint_full_res_padding):
            return (yield from close_up(picture, mask, masks.in_shape(box, size, mask.size), params, enlarger))
    return Canvas(
        picture
        if params.resize_mode == LATENT_RESIZE
        else (yield from brought(picture, params.resize_mode, size, enlarger))
    )


def mask_for(params: Img2Img, load: Load) -> Image.Image | None:
    """The mask as it is to be used: turned about, blurred."""
    if not params.mask:
        return None
    mask = masks.read_mask(load(params.mask), params.rounded)
    return masks.blurred(ImageOps.invert(mask) if params.inpainting_mask_invert else mask, *params.blur)


def whole(picture: Image.Image, mask: Image.Image, params: Img2Img, enlarger: Enlarger) -> Task[Canvas]:
    mode = JUST_RESIZE if params.resize_mode == LATENT_RESIZE else params.resize_mode
    size = params.width, params.height
    picture = yield from brought(picture, mode, size, enlarger)
    mask = resize_image(mask, mode, size).convert("L")
    return Canvas(under(picture, mask, params), mask, picture, masks.sharpened(mask))


def close_up(picture: Image.Image, mask: Image.Image, box: Box, params: Img2Img, enlarger: Enlarger) -> Task[Canvas]:
    size = params.width, params.height
    near = yield from brought(picture.crop(box), RESIZE_AND_FILL, size, enlarger)
    near_mask = resize_image(mask.crop(box), RESIZE_AND_FILL, size).convert("L")
    hole = mask if mask.size == picture.size else resize_image(mask, params.resize_mode, picture.size).convert("L")
    return Canvas(under(near, near_mask, params), near_mask, picture, hole, box)


def brought(picture: Image.Image, mode: int, size: Size, enlarger: Enlarger) -> Task[Image.Image]:
    """`resize_image`, but if it must grow for that, the enlarger does it."""
    if enlarger.name != NO_UPSCALER:
        picture = yield from enlarger.to(picture, scaled_size(mode, picture.size, size))
    return resize_image(picture, mode, size)


def under(picture: Image.Image, mask: Image.Image, params: Img2Img) -> Image.Image:
    """The picture with what the model is to find where it paints."""
    return picture if params.inpainting_fill == img2img.ORIGINAL else masks.fill_masked(picture, mask)


@dataclass(frozen=True)
class Finished:
    """A painting in its place."""

    picture: Image.Image             # RGB, what is kept of the original over it
    painting: Image.Image            # RGB, as it was painted
    box: Box | None                  # where in the picture the painting is, if not everywhere
    mask: Image.Image | None         # L, 255 where the painting shows
    uncorrected: Image.Image | None = None      # the picture before colour correction, if it is to be saved

    def composite(self, mask: Image.Image) -> Image.Image:
        """RGBA, the painting seen where the mask is."""
        painting = masks.place_in_box(self.painting, self.box, self.picture.size) if self.box else self.painting
        return masks.masked_part(painting, resize_image(mask, RESIZE_AND_FILL, painting.size).convert("L"))


def finished(canvas: Canvas, painting: np.ndarray, changed: np.ndarray | None, settings: Settings) -> Finished:
    """The painting (H, W, 3) uint8 in its place in the picture.

    changed: (h, w) uint8 what soft inpainting found, which goes before the mask
    """
    image = plain = Image.fromarray(painting)
    if settings.img2img_color_correction:
        image = corrected(plain, canvas.colours or canvas.image)
    mask = canvas.hole if changed is None else soft_hole(canvas, changed)
    over = None
    if mask is not None and canvas.original is not None and (settings.overlay_inpaint or changed is not None):
        over = masks.overlay(canvas.original, mask)
    both = image is not plain and settings.save_images_before_color_correction
    uncorrected = masks.composed(plain, canvas.box, over) if both else None
    box = None if over is None else canvas.box
    return Finished(masks.composed(image, canvas.box, over), image, box, mask, uncorrected)


def soft_hole(canvas: Canvas, changed: np.ndarray) -> Image.Image:
    hole = (
        resize_image(Image.fromarray(changed), RESIZE_AND_FILL, canvas.image.size)
        .convert("L")
        .filter(ImageFilter.GaussianBlur(SOFT_EDGE))
    )
    return (
        masks.place_in_box(hole, canvas.box, canvas.original.size).convert("L")
        if canvas.box and canvas.original
        else hole
    )
