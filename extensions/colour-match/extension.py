"""Colour match: img2img's result in the colours of the picture it started from.

The same as Easel's setting “Apply color correction to img2img results”, to the bit, on the API that extensions have: here it is an argument of
each picture, as strong as somebody wants, written into the generation data, and an axis of a plot.
"""

from __future__ import annotations

from typing import Annotated

from easel import Extension, Param, Picture, Slider, moments

ext = Extension(
    "colour-match", version="1.0.0", licence="Apache-2.0", kinds=("img2img",),
    about="Gives the result the colours of the picture it started from.",
)


@ext.arguments
class Match:
    amount: Annotated[float, Param("Amount", Slider(0, 1, 0.05), "How far the colours follow; 0 is off.")] = 0.0


@ext.active
def wanted(a: Match) -> bool:
    return a.amount > 0


@ext.on(moments.finished)
def match(picture: Picture, a: Match) -> Picture:
    if picture.start is None:
        return picture
    matched = picture.in_colours_of(picture.start)
    return matched if a.amount == 1 else picture.blended(matched, a.amount)
