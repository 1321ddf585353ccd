"""`python -m tools.stickers.measure FOLDER`: how well the sticker model does what captions ask, as figures and sheets.

A thing is recognised by the nearest drawing of the emoji sets. How often that is right for drawings themselves is
printed first: the other figures are worth no more than that. The sheets are to be looked at.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from easel import Easel

from .__main__ import HERE, sprites_of, stream_of
from .backgrounds import COLOURED, plain
from .captions import with_article
from .colours import HUES, PLAIN, Colour, held_out
from .compositions import Mix, Sprites, composed, drawn
from .sources import Concept, Sources, fetch, fitted_sprite

SIDE = 32  # of the little picture by which drawings are compared, after its thing is cut out
FOREGROUND = 40  # distance from the background's colour, of 255 · √3, from which a pixel belongs to the thing
EDGE = 20  # step between two pixels that counts half
SHAPE_WEIGHT = 0.7  # of the outline beside the inner edges
TURNS = (-12, -6, 0, 6, 12)


Draw = Callable[..., list[Image.Image]]  # a caption, a seed and a number of pictures → the pictures


@dataclass(frozen=True)
class Asked:
    """A caption with what its picture must show."""

    caption: str
    noun: str
    colour: Colour | None
    background: Colour
    style: str


def foreground(picture: Image.Image) -> np.ndarray:
    """The mask (height × width, bool) of what differs from the picture's frame of two pixels."""
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    frame = np.concatenate(
        [
            pixels[:2].reshape(-1, 3),
            pixels[-2:].reshape(-1, 3),
            pixels[:, :2].reshape(-1, 3),
            pixels[:, -2:].reshape(-1, 3),
        ]
    )
    return np.linalg.norm(pixels - np.median(frame, 0), axis=2) > FOREGROUND  # type: ignore[no-any-return]


def outlines(picture: Image.Image) -> np.ndarray | None:
    """The thing's shape and inner edges, `SIDE` × `SIDE` values each, of length 1; None if nothing is there."""
    mask = foreground(picture)
    if mask.sum() < 40:
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    side = max(box[2] - box[0], box[3] - box[1])
    middle = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
    square = (middle[0] - side // 2, middle[1] - side // 2, middle[0] - side // 2 + side, middle[1] - side // 2 + side)
    shape = np.asarray(
        Image.fromarray((mask * 255).astype(np.uint8)).crop(square).resize((SIDE, SIDE), Image.Resampling.BOX),
        np.float32,
    )
    return _unit(
        np.concatenate(
            [SHAPE_WEIGHT * _unit(shape.ravel()), _unit(_edges(picture.convert("RGB").crop(square)).ravel())]
        )
    )


def _edges(square: Image.Image) -> np.ndarray:
    """How steep the colours are, from 0 to 255, a little blurred, so that a shift of one pixel is near."""
    colours = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    steep = np.sqrt(sum(step**2 for band in range(3) for step in np.gradient(colours[..., band])))
    edges = Image.fromarray((255 * steep / (steep + EDGE)).astype(np.uint8))
    return np.asarray(edges.filter(ImageFilter.GaussianBlur(0.8)), np.float32)


def _unit(values: np.ndarray) -> np.ndarray:
    values = values - values.mean()
    return values / (np.linalg.norm(values) + 1e-9)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Recogniser:
    """Drawings as they may stand in a picture, and the noun of each."""

    known: np.ndarray  # drawings × features
    nouns: tuple[str, ...]

    def noun(self, picture: Image.Image) -> str:
        """The noun of the nearest drawing; empty for a picture without a thing."""
        seen = outlines(picture)
        return "" if seen is None else self.nouns[int(np.argmax(self.known @ seen))]


def recogniser(sprites: Sprites) -> Recogniser:
    """All drawings, both ways round, upright and turned a little, on white."""
    known, nouns = [], []
    for (noun, _, _), sprite in sprites.items():
        for turn, mirrored in itertools.product(TURNS, (False, True)):
            turned = (sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else sprite).rotate(
                turn, Image.Resampling.BICUBIC, expand=True
            )
            picture = _framed(turned, (120, 120, 255) if _pale(sprite) else (255, 255, 255))
            seen = outlines(picture)
            if seen is not None:
                known.append(seen)
                nouns.append(noun)
    return Recogniser(np.stack(known), tuple(nouns))


def _framed(sprite: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """The drawing as large as in a picture, on one colour."""
    sprite = fitted_sprite(sprite, 100)
    picture = Image.new("RGB", (128, 128), colour)
    picture.paste(sprite, ((128 - sprite.width) // 2, (128 - sprite.height) // 2), sprite)
    return picture


def _pale(sprite: Image.Image) -> bool:
    pixels = np.asarray(sprite, np.float32)
    return bool(np.average(pixels[..., :3].min(2), weights=pixels[..., 3] + 1e-6) > 200)


def nearest(colours: Sequence[Colour], rgb: np.ndarray) -> Colour:
    """The colour of least distance."""
    return min(colours, key=lambda colour: float(np.linalg.norm(np.asarray(colour.rgb) - rgb)))


def dominant(picture: Image.Image) -> Colour | None:
    """The one of `HUES` that most coloured pixels of the thing are nearest to, by hue; None without such pixels."""
    mask = foreground(picture)
    hue, saturation, value = (np.asarray(band, np.float32) for band in picture.convert("HSV").split())
    seen = mask & (saturation > 80) & (value > 60)
    if seen.sum() < 20:
        return None
    away = [np.abs((hue[seen] * 360 / 255 - float(colour.hue or 0) + 180) % 360 - 180) for colour in HUES]
    return HUES[int(np.bincount(np.argmin(np.stack(away), 0), minlength=len(HUES)).argmax())]


def asked_for(concepts: Sequence[Concept], number: int, seed: int) -> list[Asked]:
    """`number` captions of one dyed thing each, every pair of noun and colour of those that training never saw."""
    stream = stream_of(seed, 0)
    pairs = [(concept, colour) for concept in concepts for colour in HUES if held_out(concept.noun, colour)]
    chosen = stream.permutation(len(pairs))[:number]
    return [_asked(*pairs[int(pair)], stream) for pair in chosen]


def _asked(concept: Concept, colour: Colour, stream: np.random.Generator) -> Asked:
    others = [each for each in PLAIN if each is not colour and each.name != "white"]
    background = others[int(stream.integers(len(others)))]
    style = ("3d", "flat")[int(stream.integers(2))]
    return Asked(
        f"{with_article(f'{colour.name} {concept.noun}')} {plain(background).english}, {style} style",
        concept.noun,
        colour,
        background,
        style,
    )


def sheet(pictures: Iterable[Image.Image], captions: Iterable[str], columns: int = 10) -> Image.Image:
    """Pictures in rows with the beginning of each caption below."""
    shown = list(zip(pictures, captions, strict=True))
    whole = Image.new("RGB", (columns * 132, -(-len(shown) // columns) * 146), "white")
    draw = ImageDraw.Draw(whole)
    for number, (picture, caption) in enumerate(shown):
        corner = number % columns * 132, number // columns * 146
        whole.paste(picture.convert("RGB"), corner)
        draw.text((corner[0], corner[1] + 130), caption[:24], fill="black")
    return whole


def spread(pictures: Sequence[Image.Image]) -> tuple[float, float, float]:
    """Of one caption's pictures: deviation of the thing's middle in pixels, its share of the area; mean difference"""
    masks = [foreground(picture) for picture in pictures]
    middles = np.array([np.argwhere(mask).mean(0) for mask in masks if mask.any()])
    values = [np.asarray(picture.convert("RGB"), np.float32) for picture in pictures]
    differences = [np.abs(one - other).mean() for one, other in itertools.combinations(values, 2)]
    deviation = float(np.linalg.norm(middles.std(0))) if len(middles) else 0.0
    return deviation, float(np.std([mask.mean() for mask in masks])), float(np.mean(differences))


def recognised_drawings(known: Recogniser, concepts: Sequence[Concept], sprites: Sprites, number: int) -> float:
    """The share of composed single things, moved, turned and dyed as in training, that the recogniser names."""
    right = 0
    for each in range(number):
        stream = stream_of(77, each)
        composition = composed(concepts, ("3d", "flat"), Mix(pairs=0, several=0), stream)
        thing = composition.things[0]
        seen_on = [one for one in COLOURED if thing.colour is None or thing.colour.name not in one.english]
        composition = replace(composition, background=seen_on[each % len(seen_on)])
        right += known.noun(drawn(composition, sprites, 128, stream)) == thing.concept.noun
    return right / number


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tools.stickers.measure")
    options.add_argument("folder", type=Path, help="where the sheets go")
    options.add_argument("--models", type=Path, help="the folder of models; Easel's own if left out")
    options.add_argument("--checkpoint", help="the name of the model in it")
    options.add_argument("--captions", type=int, default=100)
    options.add_argument("--concepts", type=Path, default=HERE / "concepts.txt", help="the nouns and their drawings")
    options.add_argument("--nouns", type=int)
    options.add_argument("--cache", type=Path, default=Path("cache/stickers"))
    given = options.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    fetch(given.cache)
    sources = Sources(given.cache)
    concepts = sources.concepts(given.concepts.read_text("utf-8"))[: given.nouns]
    sprites = sprites_of(sources, concepts, ("3d", "flat"))
    known = recogniser(sprites)
    print(f"drawings themselves recognised: {recognised_drawings(known, concepts, sprites, 300):.0%}")
    settings = {"sd_model_checkpoint": given.checkpoint} if given.checkpoint else None
    with Easel(models=given.models) as easel:

        def draw(caption: str, seed: int, number: int = 1) -> list[Image.Image]:
            return list(easel.txt2img(caption, seed=seed, n_iter=number, settings=settings).images)[-number:]

        report(given.folder, draw, known, asked_for(concepts, given.captions, 5))


def report(folder: Path, draw: Draw, known: Recogniser, asked: Sequence[Asked]) -> None:
    """Every figure printed, every sheet written."""
    pictures = [draw(each.caption, 1000 + number)[0] for number, each in enumerate(asked)]
    sheet(pictures, [each.caption for each in asked]).save(folder / "held-out.png")
    objects = [known.noun(picture) == each.noun for picture, each in zip(pictures, asked, strict=True)]
    colours = [dominant(picture) is each.colour for picture, each in zip(pictures, asked, strict=True)]
    frames = [nearest(PLAIN, _frame(picture)) is each.background for picture, each in zip(pictures, asked, strict=True)]
    print(
        f"{len(asked)} captions of pairs never drawn: thing {np.mean(objects):.0%}, "
        f"its colour {np.mean(colours):.0%}, background {np.mean(frames):.0%}"
    )
    rows = [draw(f"{with_article(each.noun)}, {each.style} style", 2000, 8) for each in asked[:20]]
    sheet(itertools.chain(*rows), [each.noun for each in asked[:20] for _ in range(8)], 8).save(folder / "seeds.png")
    middle, area, difference = np.mean([spread(row) for row in rows], 0)
    print(
        f"8 seeds of {len(rows)} captions: middle {middle:.1f} px, area {area:.1%} of the picture, "
        f"difference of two {difference:.1f} of 255"
    )


def _frame(picture: Image.Image) -> np.ndarray:
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    return np.median(np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3)]), 0)  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
