"""Loopback: each loop of img2img starts from the result of the loop before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import cos, pi, sin
from typing import Any

from PIL import Image

from modules.params.img2img import ORIGINAL, Img2Img
from modules.params.scripts import Loopback
from modules.params.txt2img import counted_on
from modules.pipelines.img2img import img2img_pass
from modules.pipelines.plan import ImagePlan
from modules.pipelines.result import Result
from modules.pipelines.scripts.script_run import ScriptPart, ScriptRun
from modules.pipelines.unit_turns import files_in_turn, in_place
from modules.sampling.questions import Interrupted, Task, Wait


@dataclass(eq=False)
class Chain:
    """Results of the loops so far, shared by the images of one job; a missing loop is made again."""

    links: dict[int, Result] = field(default_factory=dict)      # by the loop's number
    making: set[int] = field(default_factory=set)               # loops that some image is making


@dataclass(frozen=True)
class Loops:
    """The loop whose result an image shows."""

    run: ScriptRun[Loopback]
    chain: Chain
    batch: int      # the number of complete batches before this one
    shown: int


def plans(run: ScriptRun[Loopback]) -> Sequence[ImagePlan[Img2Img, Loops]]:
    """Return a plan for each loop; with a batch count, for the last loop of each batch."""
    loops = run.arguments.loops
    if run.params.n_iter > 1:
        return [plan_of(Loops(run, Chain(), batch, loops - 1), range(loops)) for batch in range(run.params.n_iter)]
    chain = Chain()
    return [plan_of(Loops(run, chain, 0, loop), [loop]) for loop in range(loops)]


def plan_of(loops: Loops, passes: Sequence[int]) -> ImagePlan[Img2Img, Loops]:
    """Return the plan of one image.

    passes: the loops made for this image, as long as no earlier result is missing
    """
    run, done, step = loops.run, [], 0
    for loop in passes:
        done.append(img2img_pass(of_loop(run, loops.batch, loop), run.settings, run.files, step))
        step += done[-1].steps
    return ImagePlan(done[-1].params, run.settings, run.files, tuple(done), generate, loops)


def of_loop(run: ScriptRun[Loopback], batch: int, loop: int) -> Img2Img:
    """Return the request with that loop's own seed and strength, as its generation data have them."""
    seed = counted_on(run.params.seed, batch * run.arguments.loops + loop)
    return replace(
        run.params, seed=seed, denoising_strength=loop_strength(run.arguments, run.params.denoising_strength, loop)
    )


def generate(plan: ImagePlan[Img2Img, Loops]) -> Task[Result]:
    chain, shown = plan.source.chain, plan.source.shown
    chain.making.add(shown)
    try:
        while any(loop < shown for loop in chain.making):      # earlier images make those loops
            yield Wait()
        return (yield from looped(plan))
    finally:
        chain.making.discard(shown)


def looped(plan: ImagePlan[Img2Img, Loops]) -> Task[Result]:
    """Make the loops from the newest result up to the loop shown. Interrupted, the newest result is shown."""
    links, shown = plan.source.chain.links, plan.source.shown
    for loop in range(newest(plan.source) + 1, shown + 1):
        try:
            links[loop] = yield from link(plan, loop, links.get(loop - 1))
        except Interrupted:
            if len(plan.passes) == 1 or loop - 1 not in links:
                raise
            return replace(links[loop - 1], complete=False)
        if not links[loop].complete:
            return links[loop]
    return links[shown]


def newest(loops: Loops) -> int:
    """Return the last loop, up to the one shown, that has a result; −1 if none has."""
    return max((loop for loop in loops.chain.links if loop <= loops.shown), default=-1)


def link(plan: ImagePlan[Img2Img, Loops], loop: int, before: Result | None) -> Task[Result]:
    run, several = plan.source.run, len(plan.passes) > 1
    plan = with_own_unit_pictures(plan, plan.source.batch if several else loop)
    p = of_loop(run, plan.source.batch, loop)
    changes: dict[str, Any] = {"seed": p.seed, "denoising_strength": p.denoising_strength}
    if before is not None:
        changes["inpainting_fill"] = ORIGINAL
    told = {
        "Final denoising strength": run.arguments.final_denoising_strength,
        "Denoising curve": run.arguments.denoising_curve,
    }
    start = Image.fromarray(before.pixels) if before else run.start
    part = ScriptPart(start, whole=True, changes=changes, told=told)
    return (yield from run.paint(plan, loop if several else 0, part))


def with_own_unit_pictures(plan: ImagePlan[Img2Img, Loops], number: int) -> ImagePlan[Img2Img, Loops]:
    """Return the plan with the units' pictures of that number, also where a later image makes the loop again."""
    run = plan.source.run
    params = replace(plan.params, control=in_place(run.params, number).control)
    return replace(plan, params=params, files=files_in_turn(run.files, number))


def loop_strength(arguments: Loopback, first: float, loop: int) -> float:
    """Return a loop's denoising strength, from the request's in the first loop to the final one in the last."""
    if arguments.loops == 1:
        return first
    share = STRENGTH_CURVES[arguments.denoising_curve](loop / (arguments.loops - 1))
    return first + (arguments.final_denoising_strength - first) * share


STRENGTH_CURVES: Mapping[str, Callable[[float], float]] = {
    "Linear": lambda share: share,
    "Aggressive": lambda share: sin(share * pi / 2),      # most of the change in the first loops
    "Lazy": lambda share: 1 - cos(share * pi / 2),        # most of the change in the last loops
}
