"""img2img alternative test: back from the picture to the noise it would come from, and forth again to another picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt

from torch import Tensor

from modules.params.img2img import Img2Img
from modules.params.scripts import Alternative
from modules.pipelines.canvas import Canvas, finished
from modules.pipelines.img2img import (
    Img2ImgPlan,
    described,
    encoded,
    hole_of,
    img2img_plans,
    masked,
    pixels_of,
    remember_start,
    shown,
    shown_stage,
    softly_changed,
)
from modules.pipelines.plan import Plan
from modules.pipelines.result import ExtraParams, Result
from modules.pipelines.sampling import fresh_noise, image_noise, noise_levels, noised, on, remaining, trained_levels, tuning
from modules.pipelines.scripts.rounds import Asked
from modules.pipelines.txt2img import decoded, sampled
from modules.sampling.flows import Denoise, Flow
from modules.sampling.guidance import guided
from modules.sampling.masking import Hole
from modules.sampling.noise import ImageNoise
from modules.sampling.questions import ModelFacts, Task
from modules.sampling.schedules import SCHEDULES, sigmas

BACKWARDS = "Euler"


@dataclass(frozen=True, kw_only=True)
class AlternativePlan(Img2ImgPlan):
    arguments: Alternative

    @property
    def back(self) -> BackPlan:
        """The way to the noise: the original prompts, by Euler's method, all of it."""
        a = self.arguments
        params = replace(
            self.params, prompt=a.original_prompt, negative_prompt=a.original_negative_prompt, cfg_scale=a.cfg,
            steps=a.steps, sampler_name=BACKWARDS, scheduler="Automatic", denoising_strength=1.0, refiner_checkpoint="",
        )
        return BackPlan(params, self.settings, replace(self.files, refiner=None), self.canvases, self.filling)

    @property
    def passes(self) -> list[Plan]:
        return [self.back, self]

    @property
    def moves_before(self) -> int:
        return self.back.moves


@dataclass(frozen=True)
class BackPlan(Img2ImgPlan):
    @property
    def moves(self) -> int:
        return self.params.steps


def plans(asked: Asked) -> Sequence[AlternativePlan]:
    found = img2img_plans(asked.params, asked.settings, asked.files, asked.load)
    return [AlternativePlan(plan.params, plan.settings, plan.files, plan.canvases, plan.filling, arguments=asked.arguments) for plan in found]


def overridden(params: Img2Img, arguments: Alternative) -> Img2Img:
    changes: dict[str, object] = {}
    if arguments.override_sampler:
        changes["sampler_name"] = BACKWARDS
    if arguments.override_prompt:
        changes |= {"prompt": arguments.original_prompt, "negative_prompt": arguments.original_negative_prompt}
    if arguments.override_steps:
        changes["steps"] = arguments.steps
    if arguments.override_strength:
        changes["denoising_strength"] = 1.0
    return replace(params, **changes)


def picture(plan: AlternativePlan) -> Task[Result]:
    """As img2img, but the noise on the picture is its own."""
    facts = yield plan.facts
    canvas, extra = (yield from plan.canvases(plan.params.init_images[0])), ExtraParams()
    extra |= dict(described(plan, canvas, facts))
    remember_start(canvas, extra)
    latent = yield from encoded(plan, plan.weights, pixels_of(canvas.image))
    hole = hole_of(plan, canvas, latent * facts.scaling_factor)
    latent, whole = (yield from forth(plan, canvas, facts, hole, extra)) if plan.strength.steps else (hole.picture, True)
    extra |= dict(decoding(plan.arguments))
    painting = yield from decoded(plan, hole.closed(latent), extra)
    return shown(plan, finished(canvas, painting, softly_changed(plan, hole, latent), plan.settings), whole, extra)


def forth(plan: AlternativePlan, canvas: Canvas, facts: ModelFacts, hole: Hole, extra: ExtraParams) -> Task[tuple[Tensor, bool]]:
    """The way back and forth: the latent, and whether it is whole."""
    noise = yield from inverted(plan.back, canvas, facts, hole.picture, plan.arguments.sigma_adjustment)
    stage = yield from shown_stage(plan, canvas, facts, extra)
    flow = begun(plan, facts, hole.picture, mixed(plan, facts, noise))
    return (yield from sampled(masked(plan, flow, hole, stage), stage))


def inverted(plan: BackPlan, canvas: Canvas, facts: ModelFacts, latent: Tensor, adjusted: bool) -> Task[Tensor]:
    """(C, h, w) latent → the unit noise that Euler's method would begin with to end there."""
    levels = trained_levels(plan, facts)
    rising = sigmas(SCHEDULES["Uniform"], plan.params.steps, levels)[::-1]
    stage = yield from shown_stage(plan, canvas, facts, ExtraParams())
    found = yield from guided(from_below(latent, rising) if adjusted else from_above(latent, rising), stage)
    return found / rising[-1] if adjusted else found / found.std()


def from_above(x: Tensor, rising: Sequence[float]) -> Flow:
    """Euler's method backwards in time; the slope of each step is that at the level it goes to, of the latent it comes from.

    Song et al. 2021, arXiv:2010.02502, §4.3: a deterministic sampler can be run the other way.
    """
    for step, (low, high) in enumerate(pairwise(rising)):
        x = x + (x - (yield Denoise(x, high, step))) / high * (high - low)
    return x


def from_below(x: Tensor, rising: Sequence[float]) -> Flow:
    """The same with the slope at the level each step comes from; at none there is no slope, so the first step goes nowhere."""
    for step, (low, high) in enumerate(pairwise(rising)):
        if low > 0:
            x = x + (x - (yield Denoise(x, low, step))) / low * (high - low)
    return x


def mixed(plan: AlternativePlan, facts: ModelFacts, own: Tensor) -> Tensor:
    """The picture's own unit noise with a share of the seed's, as strong as each alone."""
    share = plan.arguments.randomness
    if not share:
        return own
    drawn = image_noise(plan, facts.latent_channels, own.device.type).first().to(own)
    return ((1 - share) * own + share * drawn) / sqrt(share**2 + (1 - share) ** 2)


def begun(plan: AlternativePlan, facts: ModelFacts, latent: Tensor, noise: Tensor) -> Flow:
    """The sampler's flow from where that noise is all there is. At lower levels, as in A1111, some of the picture is left."""
    trained = trained_levels(plan, facts)
    steps, back = plan.strength.steps, plan.strength.back
    whole_way = replace(plan, params=replace(plan.params, steps=steps))
    levels = noise_levels(whole_way, trained)
    begin, rest = remaining(whole_way, trained, levels, back)
    unit = noise - latent / trained.highest
    x = noised(plan, latent, unit * (begin + plan.settings.img2img_extra_noise), begin, rest[0])
    return plan.sampler.flow(x, rest, on(latent, fresh_noise(whole_way, seeded(plan, facts, latent), levels)), tuning(plan))


def seeded(plan: AlternativePlan, facts: ModelFacts, latent: Tensor) -> ImageNoise:
    """The seed's noise, of which the first draw, a picture's usual start, is gone."""
    noise = image_noise(plan, facts.latent_channels, latent.device.type)
    noise.first()
    return noise


def decoding(arguments: Alternative) -> Iterator[tuple[str, object]]:
    yield "Decode prompt", arguments.original_prompt
    yield "Decode negative prompt", arguments.original_negative_prompt
    yield "Decode CFG scale", arguments.cfg
    yield "Decode steps", arguments.steps
    yield "Randomness", arguments.randomness
    yield "Sigma Adjustment", arguments.sigma_adjustment
