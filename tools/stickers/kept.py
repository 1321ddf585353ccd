"""`python -m tools.stickers.kept FOLDER`: what a model draws well, drawn by itself, for training to keep."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from easel import Easel

from .__main__ import stream_of
from .colours import PLAIN

SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond")
OF_EACH = 5  # pictures
FIRST_SEED = 100


def shape_captions(stream: np.random.Generator) -> list[str]:
    """`OF_EACH` captions of each shape, its colour and another one behind it drawn by lot."""
    return [
        f"a {shape_colour.name} {shape} on a {behind.name} background"
        for shape in SHAPES
        for shape_colour, behind in (
            (PLAIN[int(one)], PLAIN[int(other)])
            for one, other in (stream.choice(len(PLAIN), 2, replace=False) for _ in range(OF_EACH))
        )
    ]


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tools.stickers.kept")
    options.add_argument("folder", type=Path, help="where pictures and captions go")
    options.add_argument("--models", type=Path, help="the folder of models; Easel's own if left out")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with Easel(models=given.models) as easel:
        for number, caption in enumerate(shape_captions(stream_of(given.seed, 0))):
            drawn = list(easel.txt2img(caption, seed=FIRST_SEED + number, steps=16, cfg_scale=4.5).images)[-1]
            drawn.save(given.folder / f"kept-{number:03}.png")
            (given.folder / f"kept-{number:03}.txt").write_text(caption + "\n", "utf-8")


if __name__ == "__main__":
    main()
