"""txt2img: one picture as one flow of questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, sqrt

import numpy as np
from torch import Tensor

from modules.params.txt2img import Txt2Img
from modules.prompts import grammar
from modules.sampling.flows import Flow, Noise, Tuning
from modules.sampling.guidance import Guidance, Schedule, guided
from modules.sampling.noise import ImageNoise, Variation, brownian
from modules.sampling.questions import Decode, Encode, Facts, Interrupted, ModelFacts, Reading, Task, Weights
from modules.sampling.samplers import SAMPLERS, Sampler
from modules.sampling.schedules import SCHEDULES, ddim_levels, sigmas
from modules.settings.options import Settings
from modules.tasks.requests import CELL


@dataclass(frozen=True)
class Plan:
    """One picture of a request, decided: its own seeds, and what it shares with its siblings."""

    params: Txt2Img          # with this picture's seed and subseed
    settings: Settings
    weights: Weights

    @property
    def sampler(self) -> Sampler:
        return SAMPLERS[self.params.sampler_name]

    @property
    def evaluations(self) -> int:
        """Model calls as prompt editing counts them."""
        return self.params.steps * self.sampler.evaluations


@dataclass(frozen=True)
class Drawn:
    """A picture, (H, W, 3) uint8; not `whole` if it was interrupted on the way."""

    pixels: np.ndarray
    whole: bool = True


def plans(params: Txt2Img, settings: Settings, weights: Weights) -> list[Plan]:
    """One plan a picture. Seeds count up; with a variation, its seed does instead."""
    varied = params.subseed_strength > 0
    return [
        Plan(replace(params, seed=params.seed + index * (not varied), subseed=params.subseed + index), settings, weights)
        for index in range(params.pictures)
    ]


def picture(plan: Plan) -> Task[Drawn]:
    """Read the prompts, sample a latent, decode it. Interrupted in mid-air, decode what there is."""
    facts = yield Facts(plan.weights)
    guidance = yield from read_prompts(plan)
    flow = sampling(plan, facts, like=guidance.negative.conds[0])
    try:
        latent = yield from guided(flow, plan.weights, guidance)
        return Drawn((yield Decode(plan.weights, latent)))
    except Interrupted as stop:
        if stop.latest is None:
            raise
        return Drawn((yield Decode(plan.weights, stop.latest)), whole=False)


def read_prompts(plan: Plan) -> Task[Guidance]:
    """Both prompts as conditionings over time. Tags and comments are not drawn."""
    prompt, _ = grammar.take_networks(grammar.strip_comments(plan.params.prompt))
    negative = grammar.strip_comments(plan.params.negative_prompt)
    positive = []
    for text, weight in grammar.compose(prompt):
        schedule = yield from read(plan, text)
        positive.append((schedule, weight))
    away = yield from read(plan, negative)
    return Guidance(tuple(positive), away, plan.params.cfg_scale)


def read(plan: Plan, text: str) -> Task[Schedule]:
    entries = grammar.schedule(text, plan.evaluations, old=plan.settings.use_old_scheduling)
    reading = Reading(plan.settings.emphasis, plan.settings.CLIP_stop_at_last_layers, plan.settings.comma_padding_backtrack)
    conds = yield Encode(plan.weights, tuple(text for _, text in entries), reading)
    return Schedule(tuple(end for end, _ in entries), tuple(conds))


def sampling(plan: Plan, facts: ModelFacts, like: Tensor) -> Flow:
    """The sampler's flow from this seed's noise, on the device of `like`."""
    levels = noise_levels(plan, facts)
    source = image_noise(plan, facts.latent_channels)
    start = sqrt(1 + levels[0] ** 2) if plan.sampler.timesteps or plan.settings.sgm_noise_multiplier else levels[0]
    x = source.first().to(like.device) * start
    fresh = brownian(plan.params.seed, source.shape, levels) if plan.sampler.brownian else source.next
    return plan.sampler.flow(x, levels, on(like, fresh), tuning(plan))


def on(like: Tensor, noise: Noise) -> Noise:
    """Noise is drawn on the CPU, the same on every machine, and used where the latent is."""
    return lambda sigma, sigma_next: noise(sigma, sigma_next).to(like.device)


def noise_levels(plan: Plan, facts: ModelFacts) -> list[float]:
    if plan.sampler.timesteps:
        return ddim_levels(plan.params.steps, facts.levels)
    return sigmas(SCHEDULES[schedule_type(plan)], plan.params.steps, facts.levels, plan.sampler.spare_level)


def schedule_type(plan: Plan) -> str:
    """What "Automatic" comes to for this sampler."""
    return plan.sampler.schedule if plan.params.scheduler == "Automatic" else plan.params.scheduler


def image_noise(plan: Plan, channels: int) -> ImageNoise:
    p = plan.params
    variation = Variation(p.subseed, p.subseed_strength, max(0, p.seed_resize_from_w) // CELL, max(0, p.seed_resize_from_h) // CELL)
    return ImageNoise(p.seed, (channels, p.height // CELL, p.width // CELL), variation, plan.settings.eta_noise_seed_delta)


def tuning(plan: Plan) -> Tuning:
    s = plan.settings
    eta = s.eta_ddim if plan.sampler.timesteps else s.eta_ancestral
    return Tuning(eta, s.s_churn, s.s_tmin, s.s_tmax or inf, s.s_noise)
