"""Named colours, and a drawing brought to one of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

LEAST_SATURATION = 0.62 * 255  # of a recoloured pixel: pale fur takes the colour, too
DARK = 0.22 * 255  # darker pixels are outlines and eyes; they stay
HELD_OUT = 4  # of so many pairs of noun and colour one is never drawn, so that it can be measured


@dataclass(frozen=True)
class Colour:
    """A colour of captions: its English and Chinese names, RGB, and hue in degrees (None: nothing is dyed in it)."""

    name: str
    chinese: str
    rgb: tuple[int, int, int]
    hue: int | None = None


HUES = (
    Colour("red", "红色", (214, 40, 40), 0),
    Colour("orange", "橙色", (240, 130, 30), 28),
    Colour("yellow", "黄色", (250, 215, 50), 50),
    Colour("green", "绿色", (50, 160, 75), 125),
    Colour("teal", "青色", (30, 160, 160), 180),
    Colour("blue", "蓝色", (50, 90, 215), 222),
    Colour("purple", "紫色", (130, 70, 190), 275),
    Colour("pink", "粉色", (245, 150, 190), 328),
)
PLAIN = (
    *HUES,
    Colour("white", "白色", (255, 255, 255)),
    Colour("black", "黑色", (20, 20, 24)),
    Colour("gray", "灰色", (150, 150, 155)),
    Colour("brown", "棕色", (125, 80, 45)),
)


def held_out(noun: str, colour: Colour) -> bool:
    """Whether pictures of this noun in this colour are kept out of training, the same for every seed."""
    return hashlib.sha256(f"{colour.name} {noun}".encode()).digest()[0] % HELD_OUT == 0


def recoloured(sprite: Image.Image, colour: Colour) -> Image.Image:
    """`sprite` (RGBA) with the hue of `colour`; dark pixels and the transparency stay."""
    hue, saturation, value = (np.asarray(band, np.float32) for band in sprite.convert("RGB").convert("HSV").split())
    dyed = value >= DARK
    hue = np.where(dyed, np.float32((colour.hue or 0) * 255 / 360), hue)
    saturation = np.where(dyed, np.maximum(saturation, LEAST_SATURATION), saturation)
    bands = [Image.fromarray(np.rint(band).astype(np.uint8)) for band in (hue, saturation, value)]
    picture = Image.merge("HSV", bands).convert("RGB")
    picture.putalpha(sprite.getchannel("A"))
    return picture
