"""A training picture's pixels as one step sees them: upright, scaled, cropped, mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from modules.base.sizes import Size
from modules.imaging.dataset.dataset import TrainingPicture
from modules.imaging.folders import read_picture

# sd-scripts' names of resampling; area is Pillow's box filter, which differs a little from OpenCV's
RESAMPLING = {
    "lanczos": Image.Resampling.LANCZOS, "lanczos4": Image.Resampling.LANCZOS, "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR, "linear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC,
    "cubic": Image.Resampling.BICUBIC, "area": Image.Resampling.BOX, "box": Image.Resampling.BOX,
}
HUE_STEPS = 6       # of 256, by which a varied hue differs at most
GAMMA = 0.05        # by which a varied gamma differs from 1 at most


@dataclass(frozen=True, slots=True)
class PictureSample:
    """A picture at its bucket's size.

    image: RGB; mask: L, white counts whole, or None; crop: where in the scaled picture it begins
    map: RGB, what a ControlNet learns to follow, where it is a file
    """

    image: Image.Image
    mask: Image.Image | None
    crop: Size
    flipped: bool
    map: Image.Image | None = None


def load_sample(picture: TrainingPicture, stream: np.random.Generator) -> PictureSample:
    """Return a picture's pixels for one step; crop, mirroring and colours are drawn from the stream, in this order.

    What is transparent becomes white. Raises InvalidImage or TooLarge.
    """
    crop_draw, flip_draw, colour_draw = stream.random(2), stream.random(), stream.random(2)
    subset, placement = picture.subset, picture.placement
    image, mask = split_alpha(read_picture(picture.path))
    if picture.mask is not None:
        mask = read_picture(picture.mask).convert("L")
    elif not subset.alpha_mask:
        mask = None
    crop = placement.centre
    if subset.random_crop:
        crop = int(crop_draw[0] * (placement.spare[0] + 1)), int(crop_draw[1] * (placement.spare[1] + 1))
    flipped = subset.flip and bool(flip_draw < 0.5)
    image = fit_sample(image, picture, crop, flipped)
    if subset.vary_colours:
        image = varied_colours(image, float(colour_draw[0]), float(colour_draw[1]))
    map_ = fit_sample(split_alpha(read_picture(picture.map))[0], picture, crop, flipped) if picture.map else None
    return PictureSample(image, mask and fit_sample(mask, picture, crop, flipped), crop, flipped, map_)


def varies(picture: TrainingPicture) -> bool:
    """Return whether a picture's pixels differ from step to step, apart from being mirrored."""
    return picture.subset.random_crop or picture.subset.vary_colours


def is_flipped(picture: TrainingPicture, stream: np.random.Generator) -> bool:
    """Return whether `load_sample` will mirror the picture, given a stream of the same numbers."""
    stream.random(2)
    return picture.subset.flip and bool(stream.random() < 0.5)


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return a picture on white, and its transparency if it has any."""
    if image.mode != "RGBA":
        return image.convert("RGB"), None
    alpha = image.getchannel("A")
    white = Image.new("RGB", image.size, "white")
    white.paste(image.convert("RGB"), mask=alpha)
    return white, alpha


def fit_sample(image: Image.Image, picture: TrainingPicture, crop: Size, flipped: bool) -> Image.Image:
    """Return a picture or its mask scaled, cropped and mirrored."""
    placement = picture.placement
    shrinks = placement.scaled[0] < image.width
    filter_ = RESAMPLING.get(picture.subset.interpolation.lower(), RESAMPLING["area" if shrinks else "lanczos"])
    if image.size != placement.scaled:
        image = image.resize(placement.scaled, filter_)
    image = image.crop((*crop, crop[0] + placement.bucket[0], crop[1] + placement.bucket[1]))
    return ImageOps.mirror(image) if flipped else image


def varied_colours(image: Image.Image, hue: float, gamma: float) -> Image.Image:
    """Return a picture with another hue and gamma; both draws are uniform in [0, 1)."""
    hues, saturations, values = image.convert("HSV").split()
    shift = round((2 * hue - 1) * HUE_STEPS)
    exponent = 1 + (2 * gamma - 1) * GAMMA
    hues = hues.point([(level + shift) % 256 for level in range(256)])
    values = values.point([round(255 * (level / 255) ** exponent) for level in range(256)])
    return Image.merge("HSV", (hues, saturations, values)).convert("RGB")
