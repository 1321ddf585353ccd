"""Preprocessors that need no network: from a picture to the map that a ControlNet follows.

All take and return (H, W, 3) uint8. A table at the end gives each its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from modules.base.errors import TooLarge
from modules.base.sizes import Size
from modules.imaging.colour import to_lab
from modules.imaging.control.canny import canny_edges
from modules.imaging.control.resampling import (
    AREA,
    CUBIC,
    NEAREST,
    Levels,
    blurred_floats,
    blurred_levels,
    resampled,
    resampled_cubic,
)

PADDED_TO = 64                   # sides that preprocessors see are padded to multiples of it
MOST_SEEN_PIXELS = 2048 * 8192   # by a preprocessor: a long strip is large once its shorter side is
COLOUR_CELL = 64             # pixels of a cell of the colour grid
SHUFFLE_NOISE = 256          # pixels between two points of the noise that shuffles
LEAST_RATE = 1.1             # of shrinking, below which a tile stays as it is
FINE_SIGMA, COARSE_SIGMA = 0.5, 5.0
LINE_SIGMA, LINE_FLOOR = 6.0, 8


@dataclass(frozen=True, slots=True)
class MapOptions:
    """A preprocessor's parameters: the shorter side in pixels, its two values, and the seed of one that draws noise."""

    resolution: int = 512
    a: float = 0.5
    b: float = 0.5
    seed: int = 0


Preprocess = Callable[[Levels, MapOptions], Levels]


def rgb_on_white(image: Image.Image) -> Levels:
    """Return any picture as (H, W, 3) uint8, a transparent one laid on white."""
    if image.mode != "RGBA":
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image).astype(np.float32)
    opacity = pixels[:, :, 3:] / 255
    return (pixels[:, :, :3] * opacity + 255 * (1 - opacity)).clip(0, 255).astype(np.uint8)


def with_drawn_mask(levels: Levels, mask: Image.Image) -> Levels:
    """Return a picture with a mask of any size as its fourth channel: (H, W, 4)."""
    drawn = rgb_on_white(mask.resize((levels.shape[1], levels.shape[0])))
    return np.concatenate([levels, drawn[:, :, :1]], axis=2)


def in_resolution(preprocess: Preprocess) -> Preprocess:
    """Return the preprocessor applied at its resolution: scaled by the shorter side, padded by its edge, and cut."""

    def applied(levels: Levels, options: MapOptions) -> Levels:
        padded, (width, height) = scaled_and_padded(levels, options.resolution)
        return preprocess(padded, options)[:height, :width]

    return applied


def scaled_and_padded(levels: Levels, resolution: int) -> tuple[Levels, Size]:
    """Return a picture with the shorter side of that many pixels, its edge repeated up to whole multiples.

    Returns width and height without what was repeated, too. Raises TooLarge.
    """
    height, width = levels.shape[:2]
    scale = resolution / min(height, width)
    size = round(width * scale), round(height * scale)
    if size[0] * size[1] > MOST_SEEN_PIXELS:
        raise TooLarge(
            f"The preprocessor would see {size[0]} × {size[1]} pixels of a picture of {width} × {height}.",
            "Choose a lower preprocessor resolution, or cut the picture.",
        )
    scaled = resampled(levels, size, CUBIC if scale > 1 else AREA)
    down, right = -size[1] % PADDED_TO, -size[0] % PADDED_TO
    return np.pad(scaled, ((0, down), (0, right), (0, 0)), mode="edge"), size


def in_three(channel: np.ndarray) -> Levels:
    """Return one channel (H, W) three times."""
    return np.repeat(channel[:, :, None], 3, axis=2)


def unchanged_map(levels: Levels, options: MapOptions) -> Levels:
    return levels


def inverted_map(levels: Levels, options: MapOptions) -> Levels:
    return 255 - levels


def canny_map(levels: Levels, options: MapOptions) -> Levels:
    return in_three(canny_edges(levels, options.a, options.b))


def binarised(levels: Levels, options: MapOptions) -> Levels:
    """Return white where the darkest channel is above the threshold."""
    return in_three(np.where(levels.min(axis=2) > options.a, 255, 0).astype(np.uint8))


def xdog_lines(levels: Levels, options: MapOptions) -> Levels:
    """Return white where all channels are darker than around them: a difference of two Gaussians.

    After Winnemöller et al. 2012, "XDoG: an eXtended difference-of-Gaussians compendium".
    """
    floats = levels.astype(np.float32)
    fine, coarse = blurred_floats(floats, FINE_SIGMA), blurred_floats(floats, COARSE_SIGMA)
    darker = 255 - (255 - (coarse - fine).min(axis=2)).clip(0, 255).astype(np.uint8)
    return in_three(np.where(darker * np.uint8(2) > options.a, 255, 0).astype(np.uint8))


def standard_lines(levels: Levels, options: MapOptions) -> Levels:
    """Return the picture's dark lines as light ones of even strength."""
    floats = levels.astype(np.float32)
    lines = (blurred_floats(floats, LINE_SIGMA) - floats).min(axis=2).clip(0, 255)
    clear = lines[lines > LINE_FLOOR]
    strength = max(16.0, float(np.median(clear))) if clear.size else 16.0
    return in_three((lines / strength * 127).clip(0, 255).astype(np.uint8))


def softened(levels: Levels, options: MapOptions) -> Levels:
    return blurred_levels(levels, options.a)


def shrunk(levels: Levels, options: MapOptions) -> Levels:
    if options.a < LEAST_RATE:
        return levels
    height, width = levels.shape[:2]
    return resampled(levels, (max(1, int(width / options.a)), max(1, int(height / options.a))), AREA)


def colour_grid(levels: Levels, options: MapOptions) -> Levels:
    height, width = levels.shape[:2]
    cells = resampled(levels, (width // COLOUR_CELL, height // COLOUR_CELL), CUBIC)
    return resampled(cells, (width, height), NEAREST)


def luminance(levels: Levels, options: MapOptions) -> Levels:
    """Return CIE L with a gamma. The channels are read in reverse order, as ControlNet's recolor models were taught."""
    return in_three(with_gamma(to_lab(levels[:, :, ::-1])[:, :, 0], options.a))


def intensity(levels: Levels, options: MapOptions) -> Levels:
    return in_three(with_gamma(levels.max(axis=2), options.a))


def with_gamma(channel: np.ndarray, gamma: float) -> np.ndarray:
    return ((channel.astype(np.float32) / 255) ** gamma * 255).clip(0, 255).astype(np.uint8)


# Shuffle ------------------------------------------------------------------------------------------


def shuffled(levels: Levels, options: MapOptions) -> Levels:
    """Return the picture at its resolution, warped by smooth noise that NumPy's first generator draws from the seed."""
    padded, (width, height) = scaled_and_padded(levels, options.resolution)
    levels = padded[:height, :width]
    stream = np.random.RandomState(options.seed)
    x = smooth_noise(stream, (width, height)) * np.float32(width - 1)
    y = smooth_noise(stream, (width, height)) * np.float32(height - 1)
    return warped_map(levels, x.astype(np.float32), y.astype(np.float32))


def smooth_noise(stream: np.random.RandomState, size: tuple[int, int]) -> np.ndarray:
    """Return (H, W) of noise from 0 to 1 that changes over 256 pixels."""
    width, height = size
    points = stream.uniform(0, 1, (height // SHUFFLE_NOISE + 2, width // SHUFFLE_NOISE + 2, 1))
    large = resampled_cubic(points, (width + 2 * SHUFFLE_NOISE, height + 2 * SHUFFLE_NOISE))
    noise = large[SHUFFLE_NOISE:SHUFFLE_NOISE + height, SHUFFLE_NOISE:SHUFFLE_NOISE + width, 0]
    noise = noise - noise.min()
    return noise / max(float(noise.max()), 1e-12)


def warped_map(levels: Levels, x: np.ndarray, y: np.ndarray) -> Levels:
    """Return the picture read at the places x and y (H, W), mixed linearly in steps of 1/32 pixel as in OpenCV."""
    across, down = np.rint(x * 32).astype(np.int64), np.rint(y * 32).astype(np.int64)
    left, top, right_share, low_share = across >> 5, down >> 5, across & 31, down & 31
    padded = np.pad(levels.astype(np.int64), ((0, 1), (0, 1), (0, 0)))
    mixed = sum(
        padded[top + low, left + right]
        * ((low_share if low else 32 - low_share) * (right_share if right else 32 - right_share))[:, :, None]
        for low in (0, 1) for right in (0, 1)
    )
    return ((mixed + 512) >> 10).astype(np.uint8)


# by the names in `params.preprocessors`
MAPS: Mapping[str, Preprocess] = {
    "none": unchanged_map,
    "invert": inverted_map,
    "canny": in_resolution(canny_map),
    "threshold": in_resolution(binarised),
    "scribble_xdog": in_resolution(xdog_lines),
    "lineart_standard": in_resolution(standard_lines),
    "blur_gaussian": in_resolution(softened),
    "tile_resample": shrunk,
    "tile_colorfix": unchanged_map,
    "tile_colorfix+sharp": unchanged_map,
    "color": in_resolution(colour_grid),
    "recolor_luminance": luminance,
    "recolor_intensity": intensity,
    "shuffle": shuffled,
    "inpaint": unchanged_map,
    "inpaint_only": unchanged_map,
    **dict.fromkeys(("reference_only", "reference_adain", "reference_adain+attn"), unchanged_map),
}
