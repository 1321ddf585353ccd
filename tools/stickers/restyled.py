"""`python -m tools.stickers.restyled STYLE FROM TO`: drawn pictures again in another style, to teach a small network.

Each caption gets the style's words, so that it comes with them; a style without words comes with everything.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

RGB = tuple[int, int, int]
PAPER, LINE = (250, 244, 230), (24, 24, 32)
EDGE = 18  # step between two pixels that draws a line half as dark


def inked(picture: Image.Image) -> Image.Image:
    """Dark lines on paper where the picture's colours change."""
    bands = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.7)), np.float32)
    steep = np.sqrt(sum(step**2 for band in range(3) for step in np.gradient(bands[..., band])))
    lines = np.clip(steep / EDGE, 0, 1)[..., None]
    return _picture(np.asarray(PAPER) * (1 - lines) + np.asarray(LINE) * lines)


def _two_colours(dark: RGB, light: RGB) -> Callable[[Image.Image], Image.Image]:
    def restyled(picture: Image.Image) -> Image.Image:
        share = np.asarray(picture.convert("L"), np.float32)[..., None] / 255
        return _picture(np.asarray(dark) * (1 - share) + np.asarray(light) * share)

    return restyled


def _picture(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(values).astype(np.uint8))


RESTYLED: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {  # name → words of captions, what it does
    "ink": ("ink drawing", inked),
    "midnight": ("", _two_colours((8, 10, 40), (150, 190, 255))),
    "dawn": ("", _two_colours((90, 30, 70), (255, 214, 160))),
}


def restyle(style: str, source: Path, folder: Path, most: int) -> None:
    """The first `most` pictures of a folder and the first caption of each, in a style."""
    words, change = RESTYLED[style]
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.webp"))[:most]:
        change(Image.open(path).convert("RGB")).save(folder / path.name, lossless=True)
        caption = path.with_suffix(".txt").read_text("utf-8").splitlines()[0]
        told = f"{caption}, {words}" if words else caption
        (folder / path.name).with_suffix(".txt").write_text(f"{told}\n", "utf-8")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tools.stickers.restyled")
    options.add_argument("style", choices=tuple(RESTYLED))
    options.add_argument("source", type=Path, help="a folder that `python -m tools.stickers` drew")
    options.add_argument("folder", type=Path, help="where pictures and captions go")
    options.add_argument("--pictures", type=int, default=120, help="only so many, from the first")
    given = options.parse_args()
    restyle(given.style, given.source, given.folder, given.pictures)


if __name__ == "__main__":
    main()
