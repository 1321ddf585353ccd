"""Bringing a map to the picture's size: lines stay thin, areas of segments keep their colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from modules.base.sizes import Size
from modules.imaging.control.resampling import AREA, CUBIC, NEAREST, Levels, resampled
from modules.imaging.control.thinning import binary_by_otsu, is_of_thin_lines, ridges, thinned

FEW_COLOURS = 200            # a map of fewer is of segments
DARK, LIGHT = 16, 240        # two colours beyond these are black and white
HALF = 127


def fitted_map(levels: Levels, size: Size, mode: str) -> Levels:
    """Return a map (H, W, 3), or (H, W, 4) with a mask, at width and height.

    mode: one of `params.control.MAP_RESIZE_MODES`
    """
    return FITS[mode](levels, size)


def stretched_map(levels: Levels, size: Size) -> Levels:
    if levels.shape[2] < 4:
        return resized_map(levels, size)
    colours, mask = resized_map(levels[:, :, :3], size), levels[:, :, 3:]
    if size != levels.shape[1::-1]:
        mask = resampled(mask, size, method_for(levels[:, :, :3], size))
    return np.concatenate([colours, np.where(mask > HALF, 255, 0).astype(np.uint8)], axis=2)


def cropped_map(levels: Levels, size: Size) -> Levels:
    """Return the middle of the map, as much as covers the size."""
    width, height = size
    covering = stretched_map(levels, scaled(levels, size, max))
    top, left = (max(0, (covering.shape[axis] - side) // 2) for axis, side in enumerate((height, width)))
    return covering[top:top + height, left:left + width]


def filled_map(levels: Levels, size: Size) -> Levels:
    """Return the whole map in the middle, and around it the median colour of its border, to be painted."""
    width, height = size
    border = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    colour = np.median(border, axis=0).astype(np.uint8)
    colour[3:] = 255
    out = np.tile(colour, (height, width, 1))
    small = stretched_map(levels, scaled(levels, size, min))
    top, left = (max(0, (side - small.shape[axis]) // 2) for axis, side in enumerate((height, width)))
    out[top:top + small.shape[0], left:left + small.shape[1]] = small
    return out


def scaled(levels: Levels, size: Size, choose: Callable[[float, float], float]) -> Size:
    """Return the map's size scaled to the chosen one of the sides' ratios."""
    height, width = levels.shape[:2]
    scale = choose(size[1] / height, size[0] / width)
    return int(np.round(width * scale)), int(np.round(height * scale))


def method_for(levels: Levels, size: Size) -> str:
    """Return the interpolation for a map (H, W, 3)."""
    if 2 < colours_of(levels) < FEW_COLOURS:
        return NEAREST
    return AREA if size[0] * size[1] < levels.shape[0] * levels.shape[1] else CUBIC


def colours_of(levels: Levels) -> int:
    packed = levels.astype(np.uint32) @ np.array([1, 256, 65_536], np.uint32)
    return len(np.unique(packed))


def resized_map(levels: Levels, size: Size) -> Levels:
    """Return the map (H, W, 3) resized; a black and white one stays that."""
    if size == levels.shape[1::-1]:
        return levels
    out = resampled(levels, size, method_for(levels, size))
    if colours_of(levels) != 2 or levels.min() >= DARK or levels.max() <= LIGHT:
        return out
    grey = out.astype(np.float32).mean(axis=2).clip(0, 255).astype(np.uint8)
    if not is_of_thin_lines(levels):
        lit = binary_by_otsu(grey)
    else:
        grown = size[0] * size[1] > levels.shape[0] * levels.shape[1]
        lit = thinned(binary_by_otsu(ridges(grey)), pruned=grown)
    return np.repeat(lit[:, :, None], 3, axis=2)


# by the names of `params.control.MAP_RESIZE_MODES`
FITS: Mapping[str, Callable[[Levels, Size], Levels]] = {
    "Just Resize": stretched_map,
    "Crop and Resize": cropped_map,
    "Resize and Fill": filled_map,
}


def pixel_perfect_resolution(size: Size, frame: Size, filled: bool) -> int:
    """Return the preprocessor's resolution at which its map needs no resizing.

    size: of the picture; frame: of the result; filled: whether the map is to be whole
    """
    ratios = [side / own for side, own in zip(frame, size, strict=True)]
    return int(np.round((min(ratios) if filled else max(ratios)) * min(size)))
