"""Plain shapes of one colour each, beside the emoji sets' drawings."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
from PIL import Image, ImageDraw

from .colours import Colour
from .sources import SIDE, Concept, Emoji, fitted_sprite

LARGER = 4  # drawn so many times larger, for smooth edges
Corner = tuple[float, float]


def _around(corners: int, inner: float = 1.0) -> tuple[Corner, ...]:
    """Corners on a circle of radius 1, the first on top, every second one at the radius `inner`."""
    turns = [2 * pi * number / corners for number in range(corners)]
    radii = [inner if number % 2 else 1.0 for number in range(corners)]
    return tuple((radius * sin(turn), -radius * cos(turn)) for radius, turn in zip(radii, turns, strict=True))


def _heart() -> tuple[Corner, ...]:
    turns = np.linspace(0, 2 * pi, 120, endpoint=False)
    across = 16 * np.sin(turns) ** 3
    up = 13 * np.cos(turns) - 5 * np.cos(2 * turns) - 2 * np.cos(3 * turns) - np.cos(4 * turns)
    return tuple((float(x) / 17, -float(y) / 17) for x, y in zip(across, up, strict=True))


OUTLINES: dict[str, tuple[str, tuple[Corner, ...]]] = {  # noun → its Chinese name, corners from −1 to 1
    "circle": ("圆形", _around(120)),
    "square": ("正方形", ((-1, -1), (1, -1), (1, 1), (-1, 1))),
    "triangle": ("三角形", _around(3)),
    "star": ("星形", _around(10, 0.45)),
    "heart": ("心形", _heart()),
    "diamond": ("菱形", _around(4)),
}
SHAPES = tuple(Concept(noun, (Emoji("", noun, "geometric", chinese),)) for noun, (chinese, _) in OUTLINES.items())


def shape_sprite(noun: str, colour: Colour) -> Image.Image:
    """The shape in one colour, RGBA, its longer side `SIDE`."""
    side = SIDE * LARGER
    picture = Image.new("RGBA", (side, side), (*colour.rgb, 0))
    corners = [((x + 1) * side / 2, (y + 1) * side / 2) for x, y in OUTLINES[noun][1]]
    ImageDraw.Draw(picture).polygon(corners, (*colour.rgb, 255))
    return fitted_sprite(picture.crop(picture.getchannel("A").getbbox()), SIDE)
