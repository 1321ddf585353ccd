"""Discs, ellipses and lines on a picture, to the pixel as OpenCV draws them: maps of poses are compared pixel by pixel.

Pictures are (H, W, 3) uint8 and are drawn on; what lies beyond them is cut off. Points are (x, y) in whole pixels.
A thick line that leaves the picture may differ from OpenCV's by a pixel here and there, as that clips it first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from modules.imaging.control.resampling import Levels

Pixel = tuple[int, int]
StrokeColour = tuple[int, int, int]
FULL_TURN, QUARTER_TURN = 360, 90      # degrees
# OpenCV's ellipses have a corner at each degree, by a table of sines with seven decimals
SINES = np.round(np.sin(np.radians(np.arange(FULL_TURN + QUARTER_TURN + 1))), 7).astype(np.float32).astype(np.float64)
FIXED = 16                             # binary digits after the point, in which the outlines of thick lines are walked
PIXEL, HALF_PIXEL = 1 << FIXED, 1 << FIXED >> 1


def draw_disc(levels: Levels, centre: Pixel, radius: int, colour: StrokeColour) -> None:
    """Fill a circle by the midpoint algorithm."""
    across, down, error = radius, 0, 0
    x, y = centre
    pixels: list[Pixel] = []
    while across >= down:
        for half, row in ((across, down), (down, across)):
            pixels += [(x - half, y - row), (x + half, y - row), (x - half, y + row), (x + half, y + row)]
        down += 1
        error += 2 * down - 1
        if error > 0:
            error -= 2 * across - 1
            across -= 1
    fill_between(levels, pixels, colour)


def draw_ellipse(levels: Levels, centre: Pixel, axes: tuple[int, int], angle: int, colour: StrokeColour) -> None:
    """Fill an ellipse.

    axes: half of its width and half of its height, in pixels
    angle: by which it is turned clockwise, in degrees
    """
    turned, at = angle % FULL_TURN, np.arange(FULL_TURN + 1)
    cosines = SINES[::-1]      # of 0 to 450 degrees
    x, y = axes[0] * cosines[at], axes[1] * SINES[at]
    across = centre[0] + x * cosines[turned] - y * SINES[turned]
    down = centre[1] + x * SINES[turned] + y * cosines[turned]
    corners = list(zip(np.rint(across).astype(int).tolist(), np.rint(down).astype(int).tolist(), strict=True))
    fill_between(levels, (pixel for ends in pairwise(corners) for pixel in line_pixels(*ends)), colour)


def draw_thick_line(levels: Levels, start: Pixel, end: Pixel, thickness: int, colour: StrokeColour) -> None:
    """Draw a line of several pixels, an even number of them, with round ends."""
    across, down = start[0] - end[0], start[1] - end[1]
    half = thickness * HALF_PIXEL
    if length := math.hypot(across, down):
        aside, along = round(down * half / length), round(across * half / length)
        corners = [
            (x * PIXEL + side * aside, y * PIXEL - side * along)
            for (x, y), sides in ((start, (1, -1)), (end, (-1, 1))) for side in sides
        ]
        edges = list(pairwise([*corners, corners[0]]))
        fill_between(levels, (pixel for ends in edges for pixel in (*edge_pixels(*ends), *crossings(*ends))), colour)
    for point in (start, end):
        draw_disc(levels, point, (half + HALF_PIXEL) >> FIXED, colour)


def fill_between(levels: Levels, outline: Iterable[Pixel], colour: StrokeColour) -> None:
    """Fill each row between the first and the last of its pixels."""
    rows: dict[int, tuple[int, int]] = {}
    for x, y in outline:
        left, right = rows.get(y, (x, x))
        rows[y] = min(left, x), max(right, x)
    height, width = levels.shape[:2]
    for y, (left, right) in rows.items():
        if 0 <= y < height and right >= 0 and left < width:
            levels[y, max(0, left):right + 1] = colour


def line_pixels(start: Pixel, end: Pixel) -> Iterator[Pixel]:
    """Yield the pixels of a line of one pixel: from the left; halfway between two, the former is taken (Bresenham)."""
    (left, top), (right, bottom) = sorted((start, end), key=lambda point: point[0])
    across, down, sign = right - left, abs(bottom - top), 1 if bottom >= top else -1
    longer, shorter = max(across, down), min(across, down)
    for step in range(longer + 1):
        aside = (2 * shorter * step + longer - 1) // (2 * longer) if longer else 0
        yield (left + step, top + sign * aside) if across >= down else (left + aside, top + sign * step)


def edge_pixels(start: Pixel, end: Pixel) -> Iterator[Pixel]:
    """Yield the pixels of a line whose ends are in fixed point."""
    major = 0 if abs(end[0] - start[0]) > abs(end[1] - start[1]) else 1
    first, last = sorted((start, end), key=lambda point: point[major])
    extent = last[major] - first[major]
    slope = toward_zero((last[1 - major] - first[1 - major]) << FIXED, extent | 1)
    yield (last[0] + HALF_PIXEL) >> FIXED, (last[1] + HALF_PIXEL) >> FIXED
    for step in range((extent >> FIXED) + 1):
        along = ((first[major] + HALF_PIXEL) >> FIXED) + step
        aside = (first[1 - major] + HALF_PIXEL + step * slope) >> FIXED
        yield (along, aside) if major == 0 else (aside, along)


def crossings(start: Pixel, end: Pixel) -> Iterator[Pixel]:
    """Yield where a polygon's edge, whose ends are in fixed point, crosses rows, as a scan over them meets it."""
    upper, lower = sorted((start, end), key=lambda point: point[1])
    top, bottom = (upper[1] + HALF_PIXEL) >> FIXED, (lower[1] + HALF_PIXEL) >> FIXED
    if top < bottom:
        slope = toward_zero(2 * (lower[0] - upper[0]) + bottom - top, 2 * (bottom - top))
        for row in range(top, bottom):
            yield (upper[0] + HALF_PIXEL + (row - top) * slope) >> FIXED, row


def toward_zero(dividend: int, divisor: int) -> int:
    """Return the whole part of a quotient, as processors divide; divisor: above zero."""
    return dividend // divisor if dividend >= 0 else -(-dividend // divisor)
