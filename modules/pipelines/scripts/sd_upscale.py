"""SD upscale: the picture enlarged, then drawn over tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from modules.base.errors import Invalid
from modules.models.upscaling.upscaler import NONE, target
from modules.params.extras import LONGEST, MOST_PIXELS
from modules.params.scripts import SdUpscale
from modules.params.txt2img import counted_on
from modules.pipelines.canvas import Canvas
from modules.pipelines.result import Result
from modules.pipelines.scripts.rounds import Asked, RoundsPlan, each_painted, one_a_picture
from modules.pipelines.scripts.tiles import Grid, Size
from modules.pipelines.upscaling import Enlarger
from modules.sampling.questions import Task, Wait

MOST_TILES = 1_000
UNMASKED = "SD upscale draws over the whole picture: the mask was left out."


def plans(asked: Asked) -> Sequence[RoundsPlan]:
    """Raises UnknownName for the upscaler, Invalid for tiles that cannot be."""
    asked = replace(asked, arguments=replace(asked.arguments, upscaler=chosen(asked)))
    size = enlarged_size(asked.arguments, asked.start.size)
    if max(size) > LONGEST or size[0] * size[1] > MOST_PIXELS:
        raise Invalid(f"The picture would become one of {size[0]}×{size[1]}.", f"{MOST_PIXELS:,} pixels are the most.", field="script_args")
    tiles = len(grid_of(asked, size).boxes())
    if tiles > MOST_TILES:
        raise Invalid(f"That makes {tiles:,} tiles.", f"Make width and height larger: {MOST_TILES:,} are the most.", field="width")
    return one_a_picture(asked, asked.params, tiles)


def chosen(asked: Asked) -> str:
    """The upscaler's name, whether it was asked for by its name or its place in the list."""
    wanted, names = asked.arguments.upscaler, asked.library.upscalers()
    by_place = {str(place): name for place, name in enumerate(names)}
    return asked.library.upscaler(by_place.get(wanted, wanted))


def enlarged_size(arguments: SdUpscale, size: Size) -> Size:
    return size if arguments.upscaler == NONE else target(Image.new("1", size), arguments.scale_factor)


def grid_of(asked: Asked, size: Size) -> Grid:
    return Grid(size, (asked.params.width, asked.params.height), asked.arguments.overlap)


def picture(plan: RoundsPlan) -> Task[Result]:
    """Tiles that were not reached stay as the upscaler made them."""
    yield Wait(heavy=True)
    large = yield from enlarged(plan)
    grid = grid_of(plan.asked, large.size)
    boxes = grid.boxes()
    tiles = {box: large.crop(box) for box in boxes}
    done = yield from each_painted(plan, [Canvas(tile) for tile in tiles.values()], seeds(plan, len(boxes)))
    tiles |= {box: Image.fromarray(drawn.pixels) for box, drawn in zip(boxes, done, strict=False)}
    told = done[0].extra_params
    told |= {"SD upscale overlap": plan.asked.arguments.overlap, "SD upscale upscaler": plan.asked.arguments.upscaler}
    told.notes += [UNMASKED] * bool(plan.params.mask)
    return Result(np.asarray(grid.joined(tiles)), all(drawn.complete for drawn in done), told)


def seeds(plan: RoundsPlan, tiles: int) -> list[int]:
    """A1111 draws tiles in batches: within one the seed counts up, and the next begins one after the first's."""
    size = plan.params.batch_size
    return [counted_on(plan.params.seed, index // size + index % size) for index in range(tiles)]


def enlarged(plan: RoundsPlan) -> Task[Image.Image]:
    start, arguments = plan.asked.start, plan.asked.arguments
    if arguments.upscaler == NONE:
        return start
    return (yield from Enlarger.of(arguments.upscaler, plan.settings).by(start, arguments.scale_factor))
