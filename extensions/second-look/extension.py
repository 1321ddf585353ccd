"""Second look: a finished picture is drawn over again, a little. It shows a flow: a listener that asks the engine."""

from __future__ import annotations

from typing import Annotated

from easel import Extension, Number, Param, Picture, Slider, Text, draw, moments, upscale
from easel.moments import Flow

ext = Extension(
    "second-look", version="1.0.0", licence="Apache-2.0", kinds=("txt2img",), after=("warm-light",),
    about="Enlarges the finished picture, draws over it, and brings it back to its size: finer details.",
)


@ext.arguments
class Look:
    strength: Annotated[float, Param("Strength", Slider(0, 0.9, 0.05), "How much may change; 0 is off.")] = 0.0
    enlarge: Annotated[float, Param("Enlarge", Slider(1, 2, 0.25), "How much larger it is drawn over.")] = 1.5
    looks: Annotated[int, Param("Looks", Number(1, 4), "How often it is drawn over.")] = 1
    prompt: Annotated[str, Param("Prompt", Text(1), "What is drawn over it; empty is the picture's own.")] = ""


@ext.active
def wanted(a: Look) -> bool:
    return a.strength > 0


@ext.on(moments.finished)
def look_again(picture: Picture, a: Look) -> Flow[Picture]:
    image = picture.image
    for number in range(a.looks):
        larger = yield from upscale(image, a.enlarge)
        again = yield from draw(
            start=larger, denoising_strength=a.strength, seed=picture.plan.seed + number, prompt=a.prompt or None,
        )
        image = again.image.resize(picture.image.size)
    return picture.replace(image=image)
