"""Poor man's outpainting: the picture on a larger canvas, its new part inpainted tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from modules.imaging.masks import Box
from modules.params.img2img import FILLS, ORIGINAL, Img2Img
from modules.params.scripts import PoorMansOutpainting
from modules.params.txt2img import counted_on
from modules.pipelines.plan import ImagePlan
from modules.pipelines.result import Result
from modules.pipelines.scripts.growth import Growth, rounded_up
from modules.pipelines.scripts.script_run import ScriptPart, ScriptRun, each_painted, plan_of_passes
from modules.pipelines.scripts.tiles import Grid
from modules.sampling.questions import Task, Wait

PoorMansRun: TypeAlias = ScriptRun[PoorMansOutpainting]
PoorMansPlan: TypeAlias = ImagePlan[Img2Img, PoorMansRun]


def plans(run: PoorMansRun) -> Sequence[PoorMansPlan]:
    """Return the plan of one image, whatever the batch."""
    fill = run.arguments.inpainting_fill
    params = replace(
        run.params, inpainting_fill=int(fill) if fill.isdigit() else FILLS.index(fill), inpaint_full_res=False
    )
    large, growth = place_on_black(run)
    return [plan_of_passes(run, params, len(new_tiles(growth_grid(run, large), growth)), generate, run)]


def generate(plan: PoorMansPlan) -> Task[Result]:
    yield Wait(heavy=True)
    large, growth = place_on_black(plan.source)
    grid = growth_grid(plan.source, large)
    boxes = new_tiles(grid, growth)
    done = yield from each_painted(plan.source, plan, new_parts(plan, large, growth, boxes))
    tiles = {box: large.crop(box) for box in grid.boxes()}
    tiles |= {box: Image.fromarray(result.pixels) for box, result in zip(boxes, done, strict=False)}
    extra = done[0].extra_params
    extra |= dict(poor_mans_infotext(plan))
    return Result(np.asarray(grid.joined(tiles)), all(result.complete for result in done), extra)


def place_on_black(run: PoorMansRun) -> tuple[Image.Image, Growth]:
    """Return the picture in its place on a black canvas of the grown size."""
    start = run.start
    growth = Growth.of(start.size, run.arguments.pixels, run.arguments.direction)
    size = rounded_up(start.width + growth.left + growth.right), rounded_up(start.height + growth.up + growth.down)
    large = Image.new("RGB", size)
    large.paste(start, (growth.left, growth.up))
    return large, growth


def growth_grid(run: PoorMansRun, large: Image.Image) -> Grid:
    return Grid(large.size, (run.params.width, run.params.height), run.arguments.pixels)


def new_tiles(grid: Grid, growth: Growth) -> list[Box]:
    """Return the tiles that contain a new part."""
    right, bottom = grid.size[0] - growth.right, grid.size[1] - growth.down
    return [
        box for box in grid.boxes() if box[0] < growth.left or box[1] < growth.up or box[2] > right or box[3] > bottom
    ]


def new_parts(plan: PoorMansPlan, large: Image.Image, growth: Growth, boxes: list[Box]) -> list[ScriptPart]:
    """Return what is painted of each tile.

    As in A1111, the mask reaches a little into the old picture, and the painting is shown further in.
    """
    blur = plan.source.arguments.mask_blur
    shown, hole = outside(large.size, growth, 2 * blur), outside(large.size, growth, blur // 2)
    softly = {"mask_blur": None, "mask_blur_x": 2 * blur, "mask_blur_y": 2 * blur}
    return [
        ScriptPart(large.crop(box), shown.crop(box), hole.crop(box), changes={**softly, "seed": seed})
        for box, seed in zip(boxes, (counted_on(plan.params.seed, index) for index in range(len(boxes))), strict=True)
    ]


def outside(size: tuple[int, int], growth: Growth, within: int) -> Image.Image:
    """Return the mask of the new part: L, white there and `within` pixels further in on each grown side."""
    mask = Image.new("L", size, "white")
    left, top = (by + within * (by > 0) for by in (growth.left, growth.up))
    right, bottom = (end - by - within * (by > 0) for end, by in zip(size, (growth.right, growth.down), strict=True))
    if left <= right and top <= bottom:
        ImageDraw.Draw(mask).rectangle((left, top, right, bottom), fill="black")
    return mask


def poor_mans_infotext(plan: PoorMansPlan) -> Iterator[tuple[str, object]]:
    """Yield the generation data; as in A1111 without the masked content if it was given by name."""
    if plan.source.arguments.mask_blur:
        yield "Mask blur", 2 * plan.source.arguments.mask_blur
    if plan.params.inpainting_fill != ORIGINAL and plan.source.arguments.inpainting_fill.isdigit():
        yield "Masked content", FILLS[plan.params.inpainting_fill]
