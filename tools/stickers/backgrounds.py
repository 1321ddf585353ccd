"""What lies behind the things: plain colours, and five scenes drawn with few shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .colours import PLAIN, Colour

RGB = tuple[int, int, int]
Drawing = Callable[[int, np.random.Generator], Image.Image]  # a side in pixels, random numbers → the background


@dataclass(frozen=True)
class Background:
    """A background: how captions name it, and how it is drawn at a size in pixels."""

    english: str
    chinese: str
    drawn: Drawing


def plain(colour: Colour) -> Background:
    """One colour, a little lighter or darker each time."""

    def drawn(side: int, stream: np.random.Generator) -> Image.Image:
        shift = 0 if colour.name == "white" else int(stream.integers(-14, 15))
        return Image.new("RGB", (side, side), tuple(int(np.clip(band + shift, 0, 255)) for band in colour.rgb))

    return Background(f"on a {colour.name} background".replace("a orange", "an orange"), f"{colour.chinese}背景", drawn)


def _gradient(side: int, top: RGB, bottom: RGB) -> Image.Image:
    share = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    rows = np.asarray(top, np.float32) * (1 - share) + np.asarray(bottom, np.float32) * share
    return Image.fromarray(np.broadcast_to(np.rint(rows), (side, side, 3)).astype(np.uint8))


def _landscape(sky: tuple[RGB, RGB], ground: RGB, horizon: tuple[float, float]) -> Drawing:
    """A sky, given from its top to its bottom, over a ground that begins between two shares of the side."""

    def drawn(side: int, stream: np.random.Generator) -> Image.Image:
        picture = _gradient(side, *sky)
        ImageDraw.Draw(picture).rectangle((0, side * stream.uniform(*horizon), side, side), fill=ground)
        return picture

    return drawn


def _dotted(behind: Drawing, numbers: tuple[int, int], radii: tuple[float, float], fill: RGB) -> Drawing:
    """A background with dots anywhere: how many, from and below, and their radii in pixels."""

    def drawn(side: int, stream: np.random.Generator) -> Image.Image:
        picture = behind(side, stream)
        draw = ImageDraw.Draw(picture)
        for x, y in stream.uniform(0, side, (int(stream.integers(*numbers)), 2)):
            radius = stream.uniform(*radii)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
        return picture

    return drawn


def _beach(side: int, stream: np.random.Generator) -> Image.Image:
    picture = _gradient(side, (120, 200, 245), (190, 228, 250))
    draw = ImageDraw.Draw(picture)
    sea = side * stream.uniform(0.42, 0.54)
    draw.rectangle((0, sea, side, side), fill=(36, 130, 185))
    draw.rectangle((0, sea + side * 0.18, side, side), fill=(238, 214, 160))
    return picture


WHITE = plain(PLAIN[8])
COLOURED = tuple(plain(colour) for colour in PLAIN if colour.name != "white")
SCENES = (
    Background(
        "in a green meadow",
        "在绿色草地上",
        _landscape(((130, 195, 245), (205, 232, 250)), (104, 180, 74), (0.55, 0.72)),
    ),
    Background(
        "under a starry night sky",
        "在星空下",
        _dotted(lambda side, _: _gradient(side, (14, 16, 52), (40, 34, 92)), (18, 36), (0.3, 1.1), (255, 250, 215)),
    ),
    Background("at sunset", "在日落时", _landscape(((92, 60, 130), (255, 150, 70)), (64, 46, 84), (0.62, 0.78))),
    Background(
        "in the snow",
        "在雪中",
        _dotted(
            _landscape(((168, 200, 226), (214, 230, 242)), (244, 249, 253), (0.6, 0.76)),
            (14, 30),
            (0.6, 1.6),
            (255, 255, 255),
        ),
    ),
    Background("on the beach", "在海滩上", _beach),
)


def any_background(stream: np.random.Generator) -> Background:
    """White in 35 of 100, another plain colour in 40, a scene in 25."""
    share = stream.random()
    if share < 0.35:
        return WHITE
    kinds = COLOURED if share < 0.75 else SCENES
    return kinds[int(stream.integers(len(kinds)))]
