"""Inpainting in pixels: reading and blurring masks, the masked region, its fill, and the original put over the result.

A mask is an L picture, 255 where to paint.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from modules.base.sizes import Size
from modules.imaging.resize import CROP_AND_RESIZE, JUST_RESIZE, resize_image

Box = tuple[int, int, int, int]      # left, top, right, bottom in pixels; the last two are outside


def read_mask(image: Image.Image, rounded: bool) -> Image.Image:
    """Return a drawn mask as L: its opacity if any of it is transparent, else its brightness.

    Only opacity is rounded, at half.
    """
    if image.mode != "RGBA" or image.getextrema()[-1] == (255, 255):
        return image.convert("L")
    opacity = image.getchannel("A")
    return opacity.point(lambda level: 255 if level > 128 else 0) if rounded else opacity


# Blur --------------------------------------------------------------------------------------------


def blurred(mask: Image.Image, across: float, down: float) -> Image.Image:
    """Apply a Gaussian blur, one direction after the other, each σ in pixels; 0 leaves that direction sharp."""
    levels = np.asarray(mask)
    for axis, sigma in ((1, across), (0, down)):
        if sigma > 0:
            levels = blurred_along(levels, axis, sigma)
    return Image.fromarray(levels)


def blurred_along(levels: np.ndarray, axis: int, sigma: float) -> np.ndarray:
    """Blur (h, w) uint8 along one axis, mirrored at the edges without repeating them."""
    from scipy.ndimage import correlate1d  # slow to import, seldom used

    weighed = correlate1d(levels.astype(np.int32), gaussian(sigma), axis, mode="mirror")
    return ((weighed + 128) >> 8).astype(np.uint8)


def gaussian(sigma: float) -> np.ndarray:
    """Return a Gaussian of 2·⌊2.5σ + ½⌋ + 1 weights in 1/256, as OpenCV has it for 8-bit pictures.

    Rounded from the ends inwards, with rounding errors carried on; the middle takes the rest, so that they sum to 256.
    """
    radius = int(2.5 * sigma + 0.5)
    exact = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    exact *= 256 / exact.sum()
    tail = np.diff(np.rint(np.cumsum(exact[:radius])), prepend=0).astype(np.int32)
    return np.concatenate([tail, [256 - 2 * tail.sum()], tail[::-1]]).astype(np.int32)


# Region ------------------------------------------------------------------------------------------


def region(mask: Image.Image, padding: int) -> Box | None:
    """Return the box of the masked part with padding, within the picture; None if nothing is masked."""
    found = mask.getbbox()
    if not found:
        return None
    left, top, right, bottom = found
    return (
        max(0, left - padding),
        max(0, top - padding),
        min(mask.width, right + padding),
        min(mask.height, bottom + padding),
    )


def in_shape(box: Box, shape: Size, size: Size) -> Box:
    """Return `box` enlarged to the aspect ratio of `shape`, then moved or cut to stay within `size`."""
    left, top, right, bottom = box
    width, height, ratio = right - left, bottom - top, shape[0] / shape[1]
    if width / height > ratio:
        top, bottom = longer(top, bottom, int(width / ratio - height), size[1])
    else:
        left, right = longer(left, right, int(height * ratio - width), size[0])
    return left, top, right, bottom


def longer(start: int, end: int, by: int, limit: int) -> tuple[int, int]:
    """Return an interval lengthened at both ends, between 0 and `limit`."""
    start, end = start - by // 2, end + by - by // 2
    over = max(0, end - limit)
    start, end = start - over, end - over
    under = max(0, -start)
    return start + under, min(end + under, limit)


# Fill --------------------------------------------------------------------------------------------


def fill_masked(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Fill the masked part with the colours around it: blurs of the rest, from wide to narrow, over each other."""
    rest = without(image, mask)
    out = Image.new("RGBA", image.size)
    for radius, times in CASCADE:
        layer = rest.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            out.alpha_composite(layer)
    return out.convert("RGB")


def without(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Return the picture with the masked part cut out: RGBa, colours multiplied by opacity."""
    out = Image.new("RGBa", image.size)
    out.paste(image.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask.convert("L")))
    return out


# The original over the result ---------------------------------------------------------------------


def overlay(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Return the original where it is not masked, RGBA, to be put over the painted picture."""
    return without(image, mask).convert("RGBA")


def sharpened(mask: Image.Image) -> Image.Image:
    """Return the mask twice as strong: a blurred mask then covers the painted part fully."""
    return mask.point(lambda level: min(255, 2 * level))


def composed(painted: Image.Image, box: Box | None, over: Image.Image | None) -> Image.Image:
    """Return the finished picture, RGB: `painted` in its box, with the original over it if there is one."""
    if over is None:
        return painted
    out = (
        place_in_box(painted, box, over.size) if box else resize_image(painted, JUST_RESIZE, over.size).convert("RGBA")
    )
    out.alpha_composite(over)
    return out.convert("RGB")


def masked_part(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Return the masked part of the picture, RGBA, as opaque as the mask."""
    return Image.composite(image.convert("RGBA").convert("RGBa"), Image.new("RGBa", image.size), mask).convert("RGBA")


def place_in_box(image: Image.Image, box: Box, size: Size) -> Image.Image:
    """Return the picture in its box of a transparent picture, RGBA."""
    left, top, right, bottom = box
    out = Image.new("RGBA", size)
    out.paste(resize_image(image, CROP_AND_RESIZE, (right - left, bottom - top)), (left, top))
    return out


CASCADE = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))      # radius in pixels, how often laid over
