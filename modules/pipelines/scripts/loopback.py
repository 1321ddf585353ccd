"""Loopback: what img2img made is what it starts from next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import cos, pi, sin

from PIL import Image

from modules.params.img2img import ORIGINAL, Img2Img
from modules.params.scripts import Loopback
from modules.params.txt2img import counted_on
from modules.pipelines.canvas import canvas_of
from modules.pipelines.result import Result
from modules.pipelines.scripts.rounds import Asked, RoundsPlan, painted
from modules.pipelines.upscaling import Enlarger
from modules.sampling.questions import Interrupted, Task, Wait


@dataclass(eq=False)
class Chain:
    """The loops that begin with the same picture, shared by those who show them. What of it is gone is made again."""

    links: dict[int, Result] = field(default_factory=dict)      # by the loop
    making: set[int] = field(default_factory=set)              # loops that somebody is on the way to


@dataclass(frozen=True, kw_only=True)
class LoopPlan(RoundsPlan):
    chain: Chain
    batch: int = 0      # how often all loops were gone through before
    shown: int = 0      # the loop whose picture this one is


def plans(asked: Asked) -> Sequence[LoopPlan]:
    """The picture of every loop; with a batch count, of the last loop of each batch."""
    loops, last = asked.arguments.loops, asked.arguments.loops - 1
    if asked.params.n_iter > 1:
        batches = range(asked.params.n_iter)
        return [LoopPlan.of(asked, of_loop(asked, batch, last), loops, chain=Chain(), batch=batch, shown=last) for batch in batches]
    chain = Chain()
    return [LoopPlan.of(asked, of_loop(asked, 0, loop), 1, chain=chain, shown=loop) for loop in range(loops)]


def of_loop(asked: Asked, batch: int, loop: int) -> Img2Img:
    """The request with that loop's own seed and strength, which its generation data tell."""
    seed = counted_on(asked.params.seed, batch * asked.arguments.loops + loop)
    return replace(asked.params, seed=seed, denoising_strength=strength(asked.arguments, asked.params.denoising_strength, loop))


def picture(plan: LoopPlan) -> Task[Result]:
    chain = plan.chain
    chain.making.add(plan.shown)
    try:
        yield from turn(plan)
        return (yield from looped(plan))
    finally:
        chain.making.discard(plan.shown)


def turn(plan: LoopPlan) -> Task[None]:
    """Wait for the loops before this one."""
    while any(loop < plan.shown for loop in plan.chain.making):
        yield Wait()


def looped(plan: LoopPlan) -> Task[Result]:
    """From the newest picture there is to that of the loop shown. Interrupted, what there is by then is shown."""
    links = plan.chain.links
    for loop in range(newest(plan) + 1, plan.shown + 1):
        try:
            links[loop] = yield from link(plan, loop, links.get(loop - 1))
        except Interrupted:
            if plan.rounds == 1 or loop - 1 not in links:
                raise
            return replace(links[loop - 1], complete=False)
        if not links[loop].complete:
            return links[loop]
    return links[plan.shown]


def newest(plan: LoopPlan) -> int:
    return max((loop for loop in plan.chain.links if loop <= plan.shown), default=-1)


def link(plan: LoopPlan, loop: int, before: Result | None) -> Task[Result]:
    asked, p = plan.asked, of_loop(plan.asked, plan.batch, loop)
    changes = {"seed": p.seed, "denoising_strength": p.denoising_strength}
    if before is not None:
        changes["inpainting_fill"] = ORIGINAL
        p = replace(p, inpainting_fill=ORIGINAL)
    start = Image.fromarray(before.pixels) if before else asked.start
    canvas = yield from canvas_of(start, p, asked.load, Enlarger.of(plan.settings.upscaler_for_img2img, plan.settings, plan.weights))
    canvas = replace(canvas, colours=asked.start, start=start if plan.settings.save_init_img else None)
    drawn = yield from painted(plan, loop if plan.rounds > 1 else 0, canvas, **changes)
    drawn.extra_params["Final denoising strength"] = asked.arguments.final_denoising_strength
    drawn.extra_params["Denoising curve"] = asked.arguments.denoising_curve
    return drawn


def strength(arguments: Loopback, first: float, loop: int) -> float:
    """From the request's in the first loop to the final one in the last."""
    if arguments.loops == 1:
        return first
    share = CURVES[arguments.denoising_curve](loop / (arguments.loops - 1))
    return first + (arguments.final_denoising_strength - first) * share


CURVES: Mapping[str, Callable[[float], float]] = {
    "Linear": lambda share: share,
    "Aggressive": lambda share: sin(share * pi / 2),      # most of the change in the first loops
    "Lazy": lambda share: 1 - cos(share * pi / 2),        # most of it in the last
}
