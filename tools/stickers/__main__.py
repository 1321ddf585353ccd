"""`python -m tools.stickers FOLDER`: pictures with captions, and what they were made of."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from .captions import captions
from .colours import HUES, held_out
from .compositions import Composition, Mix, Sprites, composed, drawn
from .sources import PACKAGES, STYLES, Concept, Sources, fetch

HERE = Path(__file__).parent


def stream_of(seed: int, number: int) -> np.random.Generator:
    """The random numbers of one picture, independent of how many are drawn."""
    return np.random.Generator(np.random.Philox(key=[seed, number]))


def sprites_of(
    sources: Sources, concepts: tuple[Concept, ...], styles: tuple[str, ...]
) -> dict[tuple[str, int, str], Image.Image]:
    """Every drawing in every style. One that a set lacks is a LookupError that names it."""
    sprites = {}
    for concept in concepts:
        for number, emoji in enumerate(concept.emoji):
            for style in styles:
                sprite = sources.sprite(emoji, style)
                if sprite is None:
                    raise LookupError(
                        f"{STYLES[style].name} has no drawing of {emoji.label!r}; take it out of concepts.txt."
                    )
                sprites[concept.noun, number, style] = sprite
    return sprites


def write(
    folder: Path, number: int, composition: Composition, sprites: Sprites, stream: np.random.Generator, side: int
) -> None:
    """One picture, lossless, and beside it its captions, one a line."""
    drawn(composition, sprites, side, stream).save(folder / f"{number:05}.webp", lossless=True, method=2)
    (folder / f"{number:05}.txt").write_text("\n".join(captions(composition, stream)) + "\n", "utf-8")


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m tools.stickers", description="Pictures and captions to train the sticker model from."
    )
    options.add_argument("folder", type=Path, help="where pictures and captions go; must be empty or new")
    options.add_argument("--pictures", type=int, default=24_000)
    options.add_argument("--side", type=int, default=128, help="pixels of a picture's side")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--styles", nargs="+", choices=tuple(STYLES), default=["3d", "flat"])
    options.add_argument("--concepts", type=Path, default=HERE / "concepts.txt", help="the nouns and their drawings")
    options.add_argument("--nouns", type=int, help="only so many of them, from the top")
    for name, share in asdict(Mix()).items():
        options.add_argument(f"--{name}", type=float, default=share, help="share from 0 to 1")
    options.add_argument("--cache", type=Path, default=Path("cache/stickers"), help="where fetched packages lie")
    given = options.parse_args()

    given.folder.mkdir(parents=True, exist_ok=True)
    if any(given.folder.iterdir()):
        options.error(f"{given.folder} is not empty: name a new folder")
    fetch(given.cache)
    sources, mix = Sources(given.cache), Mix(**{name: getattr(given, name) for name in asdict(Mix())})
    concepts = sources.concepts(given.concepts.read_text("utf-8"))[: given.nouns]
    sprites = sprites_of(sources, concepts, tuple(given.styles))
    for number in range(given.pictures):
        stream = stream_of(given.seed, number)
        write(given.folder, number, composed(concepts, given.styles, mix, stream), sprites, stream, given.side)
    made_of = {
        "packages": [asdict(package) for package in PACKAGES],
        "mix": asdict(mix),
        "styles": given.styles,
        "seed": given.seed,
        "pictures": given.pictures,
        "side": given.side,
        "nouns": [concept.noun for concept in concepts],
        "held_out": [
            f"{colour.name} {concept.noun}" for concept in concepts for colour in HUES if held_out(concept.noun, colour)
        ],
    }
    (given.folder / "made-of.json").write_text(json.dumps(made_of, indent=1), "utf-8")


if __name__ == "__main__":
    main()
