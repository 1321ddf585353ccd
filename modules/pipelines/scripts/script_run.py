"""Common parts of the scripts that make an image by several passes of img2img."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, TypeVar

from PIL import Image

from modules.imaging import masks
from modules.imaging.colour import flattened
from modules.library.library import Library
from modules.params.img2img import Img2Img
from modules.params.txt2img import counted_on
from modules.pipelines import img2img
from modules.pipelines.canvas import Canvas, Load, canvas_of, under
from modules.pipelines.img2img import img2img_pass
from modules.pipelines.plan import Files, ImagePlan, PicturePart
from modules.pipelines.result import Result
from modules.pipelines.upscaling import Enlarger
from modules.sampling.questions import Interrupted, Task, ready
from modules.settings.options import Settings

A = TypeVar("A")      # the declared class of the script's arguments
S = TypeVar("S")      # the type of a script's task's input
Generate: TypeAlias = Callable[[ImagePlan[Img2Img, S]], Task[Result]]


@dataclass(frozen=True)
class ScriptPart:
    """What one pass of a script paints: a picture, RGB, and where in it.

    shown: L, white where the painting shows, before its blur; hole: L, white where the model paints
    whole: true for the request's own picture, with its mask and its size; then there are no masks here
    changes: fields of the request that differ; told: generation data
    tile: which part of a larger picture it is, if it is one
    """

    image: Image.Image
    shown: Image.Image | None = None
    hole: Image.Image | None = None
    whole: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, object] = field(default_factory=dict)
    tile: PicturePart | None = None

    def params(self, plan: ImagePlan[Img2Img, Any]) -> Img2Img:
        """Return the request that the part is painted by."""
        return replace(plan.params, **self.changes) if self.whole else replace(plan.params, **self.changes, mask="")


def paint_parts(
    run: ScriptRun[Any], plan: ImagePlan[Img2Img, Any], number: int, parts: Sequence[ScriptPart]
) -> Task[list[Result]]:
    """Paint parts, the first with the plan's pass of that number."""
    tasks = (paint_part(run, plan, place, part) for place, part in enumerate(parts, number))
    return (yield from until_interrupted(tasks))


def until_interrupted(tasks: Iterable[Task[list[Result]]]) -> Task[list[Result]]:
    """Carry out one task after another, and return all their results.

    Interrupted, there are fewer results, and the last is not complete. Raises Interrupted if there is none.
    """
    done: list[Result] = []
    for task in tasks:
        try:
            done += yield from task
        except Interrupted:
            if not done:
                raise
            done[-1] = replace(done[-1], complete=False)
        if not done[-1].complete:
            break
    return done


def paint_part(
    run: ScriptRun[Any], plan: ImagePlan[Img2Img, Any], number: int, part: ScriptPart
) -> Task[list[Result]]:
    """Run one pass on the part's canvas, and return its one result. Its mask is not returned."""
    params, planned = part.params(plan), plan.passes[number]
    canvas = yield from canvas_of_part(run, plan, part)
    files = with_tile(plan.files, part.tile)
    pass_ = replace(img2img_pass(params, plan.settings, files, planned.first_step), moments=planned.moments)
    result = yield from img2img.paint(pass_, ready(canvas), params.seed)
    result.extra_params.update(part.told)
    return [replace(result, returned=())]


def with_tile(files: Files, tile: PicturePart | None) -> Files:
    """Return the files whose ControlNet units see the part of their pictures that is painted."""
    return replace(files, control=tuple(replace(unit, tile=tile) for unit in files.control)) if tile else files


def canvas_of_part(run: ScriptRun[Any], plan: ImagePlan[Img2Img, Any], part: ScriptPart) -> Task[Canvas]:
    """Return the canvas of a part. Raises InvalidImage if the request's mask is missing."""
    params, s = part.params(plan), plan.settings
    if part.whole:
        enlarger = Enlarger.of(s.upscaler_for_img2img, s, plan.passes[0].weights)
        canvas = yield from canvas_of(part.image, params, run.load, enlarger)
        return replace(canvas, colours=run.start, start=part.image if s.save_init_img else None)
    if part.hole is None or part.shown is None:
        return Canvas(part.image)
    shown = masks.sharpened(masks.blurred(part.shown, *params.blur))
    return Canvas(under(part.image, part.hole, params), part.hole, part.image, shown)


ScriptParts: TypeAlias = Sequence[ScriptPart]
Painter: TypeAlias = "Callable[[ScriptRun[Any], ImagePlan[Img2Img, Any], int, ScriptParts], Task[list[Result]]]"


@dataclass(frozen=True)
class ScriptRun(Generic[A]):
    """A request for a script, with the script's arguments and the files it uses."""

    params: Img2Img
    arguments: A
    settings: Settings
    files: Files
    library: Library
    load: Load            # reads the input pictures
    painter: Painter = paint_parts

    @property
    def start(self) -> Image.Image:
        """The first input picture, RGB; these scripts use only one. Raises InvalidImage."""
        return flattened(self.load(self.params.init_images[0]), self.settings.img2img_background_color)

    def paint(self, plan: ImagePlan[Img2Img, Any], number: int, part: ScriptPart) -> Task[Result]:
        """Paint one part, with the plan's pass of that number."""
        [result] = yield from self.painter(self, plan, number, [part])
        return result


def painted_by(plan: ImagePlan[Img2Img, Any], painter: Painter) -> ImagePlan[Img2Img, Any]:
    """Return a script's plan with somebody else who paints its parts."""
    source = plan.source
    if isinstance(source, ScriptRun):
        return replace(plan, source=replace(source, painter=painter))
    return replace(plan, source=replace(source, run=replace(source.run, painter=painter)))


def plan_of_passes(
    run: ScriptRun[Any], params: Img2Img, passes: int, generate: Generate[S], source: S
) -> ImagePlan[Img2Img, S]:
    """Return the plan of an image of so many passes; the script changes each of them as it needs."""
    usual = img2img_pass(params, run.settings, run.files)
    each = tuple(replace(usual, first_step=number * usual.steps) for number in range(passes))
    return ImagePlan(params, run.settings, run.files, each, generate, source)


def one_plan_a_seed(
    run: ScriptRun[A], params: Img2Img, passes: int, generate: Generate[ScriptRun[A]]
) -> list[ImagePlan[Img2Img, ScriptRun[A]]]:
    """Return as many plans as the batch count says, each with a seed of its own."""
    seeds = [counted_on(params.seed, index) for index in range(params.n_iter)]
    return [plan_of_passes(run, replace(params, seed=seed), passes, generate, run) for seed in seeds]


def each_painted(
    run: ScriptRun[Any], plan: ImagePlan[Img2Img, Any], parts: Sequence[ScriptPart], together: int = 1
) -> Task[list[Result]]:
    """Paint one part after another, or so many together.

    Interrupted, there are fewer results, and the last is not complete.
    """
    done = yield from until_interrupted(
        run.painter(run, plan, first, parts[first : first + together]) for first in range(0, len(parts), together)
    )
    for result in done:
        result.extra_params.side_images.clear()      # a part's stages are not saved
    return done
