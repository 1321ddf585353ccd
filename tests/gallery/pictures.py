"""Picture files for tests: small, each with a colour of its own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from modules.gallery.gallery import Gallery
from modules.gallery.thumbnails import Thumbnails
from modules.imaging.save import png


def infotext(prompt: str = "a red fox", negative: str = "blurry", **pairs: object) -> str:
    given = {"Steps": 20, "Sampler": "Euler a", "CFG scale": 7, "Seed": 42, "Size": "16x16", "Model": "sticker"} | pairs
    return f"{prompt}\nNegative prompt: {negative}\n" + ", ".join(f"{key}: {value}" for key, value in given.items())


def save(path: Path, text: str = "", seed: int = 0, size: tuple[int, int] = (16, 16), day: str = "") -> Path:
    """Write a PNG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(Image.fromarray(pixels), text))
    if day:
        touch(path, day)
    return path


def touch(path: Path, day: str) -> None:
    """Set a file's time to noon of a day."""
    from datetime import datetime

    at = datetime.fromisoformat(f"{day}T12:00:00").timestamp()
    os.utime(path, (at, at))


def gallery(folder: Path) -> Gallery:
    outputs = folder / "outputs"
    outputs.mkdir(exist_ok=True)
    return Gallery(folder / "library.sqlite", outputs, Thumbnails(folder / "thumbnails"))
