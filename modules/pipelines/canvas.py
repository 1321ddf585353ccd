"""The canvas of img2img: a picture prepared for painting, and the finished painting put back into it."""

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

Load = Callable[[str], Image.Image]      # reads an input picture of the job by its name; raises InvalidImage

SOFT_EDGE = 4      # pixels of blur on the mask that soft inpainting computes


@dataclass(frozen=True)
class Canvas:
    """The pictures of one img2img pass, all L or RGB. Without a mask the whole picture is painted."""

    image: Image.Image                          # what the model starts from
    mask: Image.Image | None = None             # L, as large as `image`, 255 where to paint
    original: Image.Image | None = None         # the picture around the painting, in the size of the result
    hole: Image.Image | None = None             # L, as large as `original`, 255 where the painting shows
    box: Box | None = None                      # the painting's place in the original; None: everywhere
    colours: Image.Image | None = None          # the picture that colour correction matches; None: `image`
    start: Image.Image | None = None            # the picture as it was sent, if it is to be saved
    sent: Image.Image | None = None             # the picture before it was resized; None: `image`
    drawn: Image.Image | None = None            # L, its mask as it is used, as large as the mask that was sent


def canvas_for(params: Img2Img, settings: Settings, load: Load, enlarger: Enlarger, name: str) -> Task[Canvas]:
    """Return the canvas of the picture of that name. Raises InvalidImage if the picture or the mask is missing."""
    sent = load(name)
    canvas = yield from canvas_of(flattened(sent, settings.img2img_background_color), params, load, enlarger)
    return replace(canvas, start=sent) if settings.save_init_img else canvas


def canvas_of(picture: Image.Image, params: Img2Img, load: Load, enlarger: Enlarger) -> Task[Canvas]:
    """Return the canvas of an RGB picture.

    enlarger: used where the picture must grow. Raises InvalidImage if the mask is missing.
    """
    size = params.width, params.height
    if mask := mask_for(params, load):
        if not params.inpaint_full_res:
            return replace((yield from whole(picture, mask, params, enlarger)), sent=picture, drawn=mask)
        if box := masks.region(mask, params.inpaint_full_res_padding):
            box = masks.in_shape(box, size, mask.size)
            return replace((yield from close_up(picture, mask, box, params, enlarger)), sent=picture, drawn=mask)
    return Canvas(
        picture
        if params.resize_mode == LATENT_RESIZE
        else (yield from brought(picture, params.resize_mode, size, enlarger)),
        sent=picture,
    )


def mask_for(params: Img2Img, load: Load) -> Image.Image | None:
    """Return the mask as it is used: inverted if asked for, and blurred."""
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
    """Resize as `resize_image` does, but enlarge with the enlarger."""
    if enlarger.name != NO_UPSCALER:
        picture = yield from enlarger.to(picture, scaled_size(mode, picture.size, size))
    return resize_image(picture, mode, size)


def under(picture: Image.Image, mask: Image.Image, params: Img2Img) -> Image.Image:
    """Return the picture with its masked part filled as the request wants it."""
    return picture if params.inpainting_fill == img2img.ORIGINAL else masks.fill_masked(picture, mask)


@dataclass(frozen=True)
class Finished:
    """A finished painting, put back into its picture."""

    picture: Image.Image             # RGB, with the original around the painting
    painting: Image.Image            # RGB, as the model painted it
    box: Box | None                  # the painting's place in the picture; None: everywhere
    mask: Image.Image | None         # L, 255 where the painting shows
    uncorrected: Image.Image | None = None      # the picture before colour correction, if it is to be saved

    def composite(self, mask: Image.Image) -> Image.Image:
        """Return the painting as RGBA, transparent outside the mask."""
        painting = masks.place_in_box(self.painting, self.box, self.picture.size) if self.box else self.painting
        return masks.masked_part(painting, resize_image(mask, RESIZE_AND_FILL, painting.size).convert("L"))


def finished(canvas: Canvas, painting: np.ndarray, changed: np.ndarray | None, settings: Settings) -> Finished:
    """Put the painting, (H, W, 3) uint8, back into the picture.

    changed: (h, w) uint8, the mask that soft inpainting computed; it replaces the canvas's
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
