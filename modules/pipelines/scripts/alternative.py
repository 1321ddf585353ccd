"""img2img alternative test: a picture is inverted to noise, and sampled from it with another prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt

from torch import Tensor

from modules.params.img2img import Img2Img
from modules.params.scripts import Alternative
from modules.pipelines import img2img
from modules.pipelines.canvas import Canvas, finished
from modules.pipelines.img2img import (
    Img2ImgSource,
    collect_images,
    encode_pixels,
    hole_of,
    img2img_infotext,
    mask_layers,
    remember_start,
    shown_stage,
    softly_changed,
    to_unit_tensor,
)
from modules.pipelines.plan import ImagePlan, Pass
from modules.pipelines.result import ExtraParams, Result
from modules.pipelines.sampling import (
    add_noise,
    fresh_noise,
    image_noise,
    noise_levels,
    on,
    remaining,
    sampler_flow,
    trained_levels,
)
from modules.pipelines.scripts.script_run import ScriptRun
from modules.pipelines.txt2img import decode_image, drawn_latent, sampled
from modules.sampling.flows import Denoise, Flow
from modules.sampling.guidance import guided
from modules.sampling.masking import Inpainting
from modules.sampling.noise import ImageNoise
from modules.sampling.questions import ModelFacts, Task
from modules.sampling.schedules import SCHEDULES, sigmas

BACKWARDS = "Euler"


@dataclass(frozen=True)
class Inversion:
    """The input of an image: the picture, and the script's arguments."""

    source: Img2ImgSource
    arguments: Alternative


def plans(run: ScriptRun[Alternative]) -> Sequence[ImagePlan[Img2Img, Inversion]]:
    """Return one plan for each image, with two passes: back to the noise, and forth again."""
    found = img2img.plans(run.params, run.settings, run.files, run.load)
    return [with_inversion(plan, run.arguments) for plan in found]


def with_inversion(plan: ImagePlan[Img2Img, Img2ImgSource], arguments: Alternative) -> ImagePlan[Img2Img, Inversion]:
    back, [forth] = back_pass(plan, arguments), plan.passes
    passes = back, replace(forth, first_step=back.steps)
    return ImagePlan(plan.params, plan.settings, plan.files, passes, generate, Inversion(plan.source, arguments))


def back_pass(plan: ImagePlan[Img2Img, Img2ImgSource], a: Alternative) -> Pass[Img2Img]:
    """Return the pass to the noise: the original prompts, Euler's method, the whole schedule."""
    params = replace(
        plan.params, prompt=a.original_prompt, negative_prompt=a.original_negative_prompt, cfg_scale=a.cfg,
        steps=a.steps, sampler_name=BACKWARDS, scheduler="Automatic", denoising_strength=1.0, refiner_checkpoint="",
    )
    back = img2img.img2img_pass(params, plan.settings, replace(plan.files, refiner=None))
    return replace(back, schedule_steps=a.steps, steps=a.steps)


def overridden(params: Img2Img, arguments: Alternative) -> Img2Img:
    if arguments.override_sampler:
        params = replace(params, sampler_name=BACKWARDS)
    if arguments.override_prompt:
        params = replace(params, prompt=arguments.original_prompt, negative_prompt=arguments.original_negative_prompt)
    if arguments.override_steps:
        params = replace(params, steps=arguments.steps)
    if arguments.override_strength:
        params = replace(params, denoising_strength=1.0)
    return params


def generate(plan: ImagePlan[Img2Img, Inversion]) -> Task[Result]:
    """Make an image as img2img does, with the picture's own inverted noise."""
    back, forth = plan.passes
    source, arguments, extra = plan.source.source, plan.source.arguments, ExtraParams()
    facts = yield forth.facts
    canvas = yield from source.canvases(source.image)
    extra |= dict(img2img_infotext(forth, canvas, facts))
    remember_start(canvas, extra)
    latent = yield from encode_pixels(forth, forth.weights, facts, to_unit_tensor(canvas.image))
    hole, complete = hole_of(forth, canvas, facts.latent.to_network(latent), source.fill_seed), True
    latent = hole.picture
    if forth.schedule_steps:
        noise = yield from inverted(back, canvas, facts, latent, arguments.sigma_adjustment)
        latent, complete = yield from from_own_noise(
            forth, canvas, hole, mix_noise(forth, facts, noise, arguments.randomness), extra
        )
    extra |= dict(alternative_infotext(arguments))
    painting = yield from decode_image(forth, hole.closed(latent), extra)
    return collect_images(
        forth, finished(canvas, painting, softly_changed(forth, hole, latent), plan.settings), complete, extra
    )


def from_own_noise(
    pass_: Pass, canvas: Canvas, hole: Inpainting, noise: Tensor, extra: ExtraParams
) -> Task[tuple[Tensor, bool]]:
    """Return the latent sampled from the picture with that noise, and whether it is complete."""
    facts = yield pass_.facts
    layers = mask_layers(pass_, hole, trained_levels(pass_, facts))
    stage = yield from shown_stage(pass_, canvas, facts, extra, layers)
    flow = begun(pass_, facts, hole.picture, noise)
    return (yield from drawn_latent(pass_, sampled(flow, stage)))


def inverted(pass_: Pass, canvas: Canvas, facts: ModelFacts, latent: Tensor, adjusted: bool) -> Task[Tensor]:
    """Return the unit noise from which Euler's method would end at the latent (C, h, w)."""
    levels = trained_levels(pass_, facts)
    rising = sigmas(SCHEDULES["Uniform"], pass_.steps, levels)[::-1]
    stage = yield from shown_stage(pass_, canvas, facts, ExtraParams())
    found = yield from guided(from_below(latent, rising) if adjusted else from_above(latent, rising), stage)
    return found / rising[-1] if adjusted else found / found.std()


def from_above(x: Tensor, rising: Sequence[float]) -> Flow:
    """Run Euler's method backwards in time.

    The slope of each step is taken at the level it goes to, of the latent it comes from.
    Song et al. 2021, arXiv:2010.02502, §4.3: a deterministic sampler can be run the other way.
    """
    for step, (low, high) in enumerate(pairwise(rising)):
        x = x + (x - (yield Denoise(x, high, step))) / high * (high - low)
    return x


def from_below(x: Tensor, rising: Sequence[float]) -> Flow:
    """Run Euler's method backwards in time, with the slope at the level each step comes from.

    At level 0 there is no slope, so the first step changes nothing.
    """
    for step, (low, high) in enumerate(pairwise(rising)):
        if low > 0:
            x = x + (x - (yield Denoise(x, low, step))) / low * (high - low)
    return x


def mix_noise(pass_: Pass, facts: ModelFacts, own: Tensor, share: float) -> Tensor:
    """Mix the picture's own unit noise with a share of the seed's noise; the mix has unit strength too."""
    if not share:
        return own
    drawn = image_noise(pass_, facts.latent, own.device.type).first().to(own)
    return ((1 - share) * own + share * drawn) / sqrt(share**2 + (1 - share) ** 2)


def begun(pass_: Pass, facts: ModelFacts, latent: Tensor, noise: Tensor) -> Flow:
    """Return the sampler's flow from the inverted noise.

    If it does not start at the highest level, some of the picture is left in it, as in A1111.
    """
    trained = trained_levels(pass_, facts)
    levels = noise_levels(pass_, trained)
    begin, rest = remaining(pass_, trained, levels)
    unit = noise - latent / trained.highest
    x = add_noise(pass_, facts, latent, unit * (begin + pass_.settings.img2img_extra_noise), begin, rest[0])
    fresh = fresh_noise(pass_, seeded(pass_, facts, latent), levels)
    return sampler_flow(pass_, facts, x, rest, on(latent, fresh))


def seeded(pass_: Pass, facts: ModelFacts, latent: Tensor) -> ImageNoise:
    """Return the seed's noise without its first draw, which is an image's usual start."""
    noise = image_noise(pass_, facts.latent, latent.device.type)
    noise.first()
    return noise


def alternative_infotext(arguments: Alternative) -> Iterator[tuple[str, object]]:
    yield "Decode prompt", arguments.original_prompt
    yield "Decode negative prompt", arguments.original_negative_prompt
    yield "Decode CFG scale", arguments.cfg
    yield "Decode steps", arguments.steps
    yield "Randomness", arguments.randomness
    yield "Sigma Adjustment", arguments.sigma_adjustment
