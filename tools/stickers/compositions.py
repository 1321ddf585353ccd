"""What a picture shows, chosen by a stream of random numbers, and its drawing.

A composition is a value: captions are written from the same one that is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from .backgrounds import Background, any_background
from .colours import HUES, PLAIN, Colour, held_out, recoloured
from .shapes import SHAPES, shape_sprite
from .sources import Concept, fitted_sprite

USUAL_SIZE = 0.82  # of the picture's side, in the middle, upright: where nothing is varied
RELATIONS = ("next to", "to the left of", "to the right of", "above", "below", "in front of")


@dataclass(frozen=True)
class Place:
    """Where a thing stands: its middle and its longer side as shares of the picture's side, its turn in degrees."""

    x: float = 0.5
    y: float = 0.5
    size: float = USUAL_SIZE
    turn: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True)
class Thing:
    """A noun in one of its drawings, perhaps dyed."""

    concept: Concept
    drawing: int
    place: Place
    colour: Colour | None = None


@dataclass(frozen=True)
class Composition:
    """All of a picture: its things from back to front, how the second stands to the first, its style and background."""

    things: tuple[Thing, ...]
    style: str  # empty for a plain shape
    background: Background
    relation: str | None = None  # of `RELATIONS`; None with one thing, or with several of one noun


@dataclass(frozen=True)
class Mix:
    """How much of what: shares of pictures, from 0 to 1."""

    jitter: float = 1.0  # how far sizes, places and turns go from the usual ones
    dyed: float = 0.4  # things in a colour that the caption names
    pairs: float = 0.2  # two different things
    several: float = 0.1  # two to four of one noun
    shapes: float = 0.0  # a plain shape in one colour
    mirrored: float = 0.5  # things the other way round
    turned: float = 1.0  # how far things are turned, if they leave the usual places


Sprites = Mapping[tuple[str, int, str], Image.Image]  # noun, number of the drawing, style


def composed(concepts: Sequence[Concept], styles: Sequence[str], mix: Mix, stream: np.random.Generator) -> Composition:
    """A composition drawn by lot."""
    kind = stream.random()
    style = styles[int(stream.integers(len(styles)))]
    background = any_background(stream)
    first = _thing(concepts, mix, stream)
    if kind < mix.pairs:
        others = [concept for concept in concepts if concept is not first.concept]
        relation = RELATIONS[int(stream.integers(len(RELATIONS)))]
        return Composition(_related(first, _thing(others, mix, stream), relation, stream), style, background, relation)
    if kind < mix.pairs + mix.several:
        return Composition(_in_a_row(first, int(stream.integers(2, 5)), stream), style, background)
    if kind < mix.pairs + mix.several + mix.shapes:
        return Composition((_shape(background, mix, stream),), "", background)
    return Composition((first,), style, background)


def _shape(behind: Background, mix: Mix, stream: np.random.Generator) -> Thing:
    concept = SHAPES[int(stream.integers(len(SHAPES)))]
    colours = [
        colour for colour in PLAIN if colour.name not in behind.english.split() and not held_out(concept.noun, colour)
    ]
    return Thing(concept, 0, _place(mix, stream), colours[int(stream.integers(len(colours)))])


def _thing(concepts: Sequence[Concept], mix: Mix, stream: np.random.Generator) -> Thing:
    concept = concepts[int(stream.integers(len(concepts)))]
    colours = [colour for colour in HUES if not held_out(concept.noun, colour)]
    dyed = stream.random() < mix.dyed and bool(colours)
    return Thing(
        concept,
        int(stream.integers(len(concept.emoji))),
        _place(mix, stream),
        colours[int(stream.integers(len(colours)))] if dyed else None,
    )


def _place(mix: Mix, stream: np.random.Generator) -> Place:
    """With `jitter` size, place and turn leave the usual; one in twenty goes over the edge."""
    jitter = mix.jitter
    size = stream.uniform(USUAL_SIZE - 0.32 * jitter, USUAL_SIZE + 0.12 * jitter)
    free = max(0.0, 1 - size) / 2 + (0.12 * jitter if stream.random() < 0.05 else 0)
    x, y = 0.5 + free * jitter * stream.uniform(-1, 1, 2)
    turn, mirrored = 14 * jitter * mix.turned * stream.uniform(-1, 1), stream.random() < mix.mirrored
    return Place(float(x), float(y), float(size), float(turn), bool(mirrored))


def _related(first: Thing, second: Thing, relation: str, stream: np.random.Generator) -> tuple[Thing, Thing]:
    """The two things where `relation` says, the first is named before the word; later ones hide earlier ones."""
    sizes = stream.uniform(0.34, 0.5, 2)
    near, far = stream.uniform(0.24, 0.3), stream.uniform(0.7, 0.76)
    across = stream.uniform(0.42, 0.58, 2)
    if relation == "next to":
        relation = ("to the left of", "to the right of")[int(stream.integers(2))]
    if relation == "in front of":
        front = replace(first.place, x=float(across[0]), y=0.66, size=float(sizes[0]))
        behind = replace(second.place, x=float(across[1]), y=0.42, size=float(sizes[1]) + 0.2)
        return replace(second, place=behind), replace(first, place=front)
    one, other = (near, far) if relation in ("to the left of", "above") else (far, near)
    if relation in ("above", "below"):
        spots = ((across[0], one), (across[1], other))
    else:
        spots = ((one, across[0]), (other, across[1]))
    return tuple(
        replace(thing, place=replace(thing.place, x=float(x), y=float(y), size=float(size)))  # type: ignore[return-value]
        for thing, (x, y), size in zip((first, second), spots, sizes, strict=True)
    )


def _in_a_row(thing: Thing, number: int, stream: np.random.Generator) -> tuple[Thing, ...]:
    """`number` of one thing, two in a row, so that they can be counted."""
    spots = (
        ((0.27, 0.5), (0.73, 0.5)) if number == 2 else ((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73))[:number]
    )
    if number == 3:
        spots = (*spots[:2], (0.5, 0.73))
    shift = stream.uniform(-0.03, 0.03, (number, 2))
    size = float(stream.uniform(0.36, 0.44))
    return tuple(
        replace(thing, place=replace(thing.place, x=x + float(dx), y=y + float(dy), size=size))
        for (x, y), (dx, dy) in zip(spots, shift, strict=True)
    )


def drawn(composition: Composition, sprites: Sprites, side: int, stream: np.random.Generator) -> Image.Image:
    """The picture, RGB, `side` pixels square."""
    picture = composition.background.drawn(side, stream)
    for thing in composition.things:
        _paste(picture, _sprite(thing, composition.style, sprites), thing.place)
    return picture


def _sprite(thing: Thing, style: str, sprites: Sprites) -> Image.Image:
    if thing.concept in SHAPES and thing.colour:
        return shape_sprite(thing.concept.noun, thing.colour)
    sprite = sprites[thing.concept.noun, thing.drawing, style]
    return recoloured(sprite, thing.colour) if thing.colour else sprite


def _paste(picture: Image.Image, sprite: Image.Image, place: Place) -> None:
    if place.mirrored:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    sprite = fitted_sprite(sprite, place.size * picture.width)
    if place.turn:
        sprite = sprite.rotate(place.turn, Image.Resampling.BICUBIC, expand=True)
    corner = round(place.x * picture.width - sprite.width / 2), round(place.y * picture.height - sprite.height / 2)
    picture.paste(sprite, corner, sprite)
