"""Common parts of the scripts that make an image by several passes of img2img."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

from PIL import Image

from modules.imaging.colour import flattened
from modules.library.library import Library
from modules.params.img2img import Img2Img
from modules.params.txt2img import counted_on
from modules.pipelines import img2img
from modules.pipelines.canvas import Canvas, Load
from modules.pipelines.img2img import img2img_pass
from modules.pipelines.plan import Files, ImagePlan
from modules.pipelines.result import Result
from modules.sampling.questions import Interrupted, Task, ready
from modules.settings.options import Settings

A = TypeVar("A")      # the declared class of the script's arguments
S = TypeVar("S")      # the type of a script's task's input
Generate: TypeAlias = Callable[[ImagePlan[Img2Img, S]], Task[Result]]


@dataclass(frozen=True)
class ScriptRun(Generic[A]):
    """A request for a script, with the script's arguments and the files it uses."""

    params: Img2Img
    arguments: A
    settings: Settings
    files: Files
    library: Library
    load: Load            # reads the input pictures

    @property
    def start(self) -> Image.Image:
        """The first input picture, RGB; these scripts use only one. Raises InvalidImage."""
        return flattened(self.load(self.params.init_images[0]), self.settings.img2img_background_color)


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


def paint_canvas(plan: ImagePlan[Img2Img, Any], number: int, canvas: Canvas, **changes: Any) -> Task[Result]:
    """Run one pass on that canvas, with changes to the request. Its mask is not returned."""
    params = replace(plan.params, **changes)
    planned = plan.passes[number]
    pass_ = replace(img2img_pass(params, plan.settings, plan.files, planned.first_step), moments=planned.moments)
    result = yield from img2img.paint(pass_, ready(canvas), params.seed)
    return replace(result, returned=())


def each_painted(plan: ImagePlan[Img2Img, Any], canvases: list[Canvas], seeds: list[int]) -> Task[list[Result]]:
    """Run one pass for each canvas, which contains its mask.

    Interrupted, there are fewer results, and the last is not complete.
    """
    done: list[Result] = []
    for number, (canvas, seed) in enumerate(zip(canvases, seeds, strict=True)):
        try:
            done.append((yield from paint_canvas(plan, number, canvas, seed=seed, mask="")))
            done[-1].extra_params.side_images.clear()      # a part's stages are not saved
        except Interrupted:
            if not done:
                raise
            done[-1] = replace(done[-1], complete=False)
        if not done[-1].complete:
            break
    return done
