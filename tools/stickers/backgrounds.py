"""What lies behind the things: plain colours, and five scenes drawn with few shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .colours import PLAIN, Colour

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Background:
    """A background: how captions name it, and how it is drawn at a size in pixels."""

    english: str
    chinese: str
    drawn: Callable[[int, np.random.Generator], Image.Image]


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


def _meadow(side: int, stream: np.random.Generator) -> Image.Image:
    picture = _gradient(side, (130, 195, 245), (205, 232, 250))
    horizon = side * stream.uniform(0.55, 0.72)
    ImageDraw.Draw(picture).rectangle((0, horizon, side, side), fill=(104, 180, 74))
    return picture


def _starry_night(side: int, stream: np.random.Generator) -> Image.Image:
    picture = _gradient(side, (14, 16, 52), (40, 34, 92))
    draw = ImageDraw.Draw(picture)
    for x, y in stream.uniform(0, side, (int(stream.integers(18, 36)), 2)):
        radius = stream.uniform(0.3, 1.1)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 250, 215))
    return picture


def _sunset(side: int, stream: np.random.Generator) -> Image.Image:
    picture = _gradient(side, (92, 60, 130), (255, 150, 70))
    horizon = side * stream.uniform(0.62, 0.78)
    ImageDraw.Draw(picture).rectangle((0, horizon, side, side), fill=(64, 46, 84))
    return picture


def _snow(side: int, stream: np.random.Generator) -> Image.Image:
    picture = _gradient(side, (168, 200, 226), (214, 230, 242))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, side * stream.uniform(0.6, 0.76), side, side), fill=(244, 249, 253))
    for x, y in stream.uniform(0, side, (int(stream.integers(14, 30)), 2)):
        radius = stream.uniform(0.6, 1.6)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 255, 255))
    return picture


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
    Background("in a green meadow", "在绿色草地上", _meadow),
    Background("under a starry night sky", "在星空下", _starry_night),
    Background("at sunset", "在日落时", _sunset),
    Background("in the snow", "在雪中", _snow),
    Background("on the beach", "在海滩上", _beach),
)


def any_background(stream: np.random.Generator) -> Background:
    """White in 35 of 100, another plain colour in 40, a scene in 25."""
    share = stream.random()
    if share < 0.35:
        return WHITE
    kinds = COLOURED if share < 0.75 else SCENES
    return kinds[int(stream.integers(len(kinds)))]
