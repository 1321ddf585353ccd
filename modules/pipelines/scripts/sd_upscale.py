"""SD upscale: the picture is enlarged, then sampled again tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from PIL import Image

from modules.base.errors import Invalid
from modules.base.sizes import Size
from modules.models.upscaling.upscaler import target_size
from modules.params.extras import LONGEST_SIDE, MOST_OUTPUT_PIXELS, NO_UPSCALER
from modules.params.img2img import Img2Img
from modules.params.scripts import SdUpscale
from modules.params.txt2img import counted_on
from modules.pipelines.plan import ImagePlan, PicturePart
from modules.pipelines.result import Result
from modules.pipelines.scripts.script_run import ScriptPart, ScriptRun, each_painted, one_plan_a_seed
from modules.pipelines.scripts.tiles import Grid
from modules.pipelines.upscaling import Enlarger
from modules.sampling.questions import Task, Wait

SdUpscaleRun: TypeAlias = ScriptRun[SdUpscale]
SdUpscalePlan: TypeAlias = ImagePlan[Img2Img, SdUpscaleRun]
MOST_TILES = 1_000
UNMASKED = "SD upscale draws over the whole picture: the mask was left out."


def plans(run: SdUpscaleRun) -> Sequence[SdUpscalePlan]:
    """Return the plans. Raises UnknownName for the upscaler, Invalid for impossible tiles."""
    run = replace(run, arguments=replace(run.arguments, upscaler=upscaler_name(run)))
    size = enlarged_size(run.arguments, run.start.size)
    if max(size) > LONGEST_SIDE or size[0] * size[1] > MOST_OUTPUT_PIXELS:
        raise Invalid(
            f"The picture would become one of {size[0]}×{size[1]}.",
            f"{MOST_OUTPUT_PIXELS:,} pixels are the most.",
            field="script_args",
        )
    tiles = len(upscale_grid(run, size).boxes())
    if tiles > MOST_TILES:
        raise Invalid(
            f"That makes {tiles:,} tiles.", f"Make width and height larger: {MOST_TILES:,} are the most.", field="width"
        )
    return one_plan_a_seed(run, run.params, tiles, generate)


def upscaler_name(run: SdUpscaleRun) -> str:
    """Return the upscaler's name, which may be given by its place in the list."""
    wanted, names = run.arguments.upscaler, run.library.upscalers()
    by_place = {str(place): name for place, name in enumerate(names)}
    return run.library.upscaler(by_place.get(wanted, wanted))


def enlarged_size(arguments: SdUpscale, size: Size) -> Size:
    return size if arguments.upscaler == NO_UPSCALER else target_size(Image.new("1", size), arguments.scale_factor)


def upscale_grid(run: SdUpscaleRun, size: Size) -> Grid:
    return Grid(size, (run.params.width, run.params.height), run.arguments.overlap)


def generate(plan: SdUpscalePlan) -> Task[Result]:
    """Make the image. Interrupted, the tiles that were not reached stay as the upscaler made them."""
    yield Wait(heavy=True)
    large = yield from upscale_start(plan)
    grid = upscale_grid(plan.source, large.size)
    boxes = grid.boxes()
    tiles = {box: large.crop(box) for box in boxes}
    told = {
        "SD upscale overlap": plan.source.arguments.overlap, "SD upscale upscaler": plan.source.arguments.upscaler,
    }
    parts = [
        ScriptPart(tile, changes={"seed": seed}, told=told, tile=PicturePart(box, large.size))
        for (box, tile), seed in zip(tiles.items(), seeds(plan, len(boxes)), strict=True)
    ]
    done = yield from each_painted(plan.source, plan, parts, plan.params.batch_size)
    tiles |= {box: Image.fromarray(result.pixels) for box, result in zip(boxes, done, strict=False)}
    extra = done[0].extra_params
    extra.notes += [UNMASKED] * bool(plan.params.mask)
    return Result(np.asarray(grid.joined(tiles)), all(result.complete for result in done), extra)


def seeds(plan: SdUpscalePlan, tiles: int) -> list[int]:
    """Return each tile's seed.

    As in A1111 it counts up within a batch, and each batch starts one above the start of the batch before.
    """
    size = plan.params.batch_size
    return [counted_on(plan.params.seed, index // size + index % size) for index in range(tiles)]


def upscale_start(plan: SdUpscalePlan) -> Task[Image.Image]:
    start, arguments = plan.source.start, plan.source.arguments
    if arguments.upscaler == NO_UPSCALER:
        return start
    return (yield from Enlarger.of(arguments.upscaler, plan.settings).by(start, arguments.scale_factor))
