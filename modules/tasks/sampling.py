"""From a plan to the flow of its sampler: levels, noise, parameters."""

from __future__ import annotations

from functools import partial
from math import inf, sqrt

from torch import Tensor

from modules.sampling.flows import Flow, Noise, Tuning
from modules.sampling.guidance import Alone, never
from modules.sampling.noise import ImageNoise, Variation, brownian, source
from modules.sampling.questions import ModelFacts
from modules.sampling.schedules import SCHEDULES, Levels, Shape, ddim_levels, sigmas
from modules.sampling.unipc import unipc_levels
from modules.settings.options import Settings
from modules.tasks.plan import Plan
from modules.tasks.requests import CELL


def sampling(plan: Plan, facts: ModelFacts, like: Tensor) -> Flow:
    """The sampler's flow from this seed's noise, on the device of `like`."""
    levels = noise_levels(plan, trained_levels(plan, facts))
    noise = image_noise(plan, facts.latent_channels, like.device.type)
    start = sqrt(1 + levels[0] ** 2) if plan.sampler.timesteps or plan.settings.sgm_noise_multiplier else levels[0]
    x = noise.first().to(like.device) * start
    fresh = brownian(plan.params.seed, noise.shape, levels, noise.open_stream) if plan.sampler.brownian else noise.next
    return plan.sampler.flow(x, levels, on(like, fresh), tuning(plan))


def on(like: Tensor, noise: Noise) -> Noise:
    """Noise is drawn on the CPU, the same on every machine, and used where the latent is."""
    return lambda sigma, sigma_next: noise(sigma, sigma_next).to(like.device)


def trained_levels(plan: Plan, facts: ModelFacts) -> Levels:
    """The model's levels, as this sampler may ask for them."""
    return facts.levels if plan.sampler.stride == 1 else facts.levels.every(plan.sampler.stride)


def noise_levels(plan: Plan, levels: Levels) -> list[float]:
    """The levels this picture passes through."""
    s, steps = plan.settings, plan.params.steps
    if plan.sampler.name == "UniPC":
        return unipc_levels(steps, levels, s.uni_pc_skip_type)
    if plan.sampler.timesteps:
        return ddim_levels(steps, levels)
    spare = plan.sampler.spare_level or s.always_discard_next_to_last_sigma
    shape = Shape(s.sigma_min, s.sigma_max, s.rho, s.beta_dist_alpha, s.beta_dist_beta)
    return sigmas(SCHEDULES[plan.schedule], steps, levels, shape, spare)


def image_noise(plan: Plan, channels: int, device: str) -> ImageNoise:
    p, s = plan.params, plan.settings
    variation = Variation(p.subseed, p.subseed_strength, max(0, p.seed_resize_from_w) // CELL, max(0, p.seed_resize_from_h) // CELL)
    shape = (channels, p.height // CELL, p.width // CELL)
    return ImageNoise(p.seed, shape, variation, s.eta_noise_seed_delta, source(s.randn_source, device))


def tuning(plan: Plan) -> Tuning:
    s = plan.settings
    eta = s.eta_ddim if plan.sampler.timesteps else s.eta_ancestral
    return Tuning(
        eta, s.s_churn, s.s_tmin, s.s_tmax or inf, s.s_noise, s.uni_pc_order, s.uni_pc_variant, s.uni_pc_lower_order_final
    )


def negative_left_out(plan: Plan) -> Alone:
    """Where the negative prompt is left out: early, or below a noise level, as the settings say."""
    s = plan.settings
    if not s.skip_early_cond and not s.s_min_uncond:
        return never
    return partial(left_out, s, plan.params.steps)


def left_out(settings: Settings, steps: int, evaluation: int, sigma: float) -> bool:
    if settings.skip_early_cond and evaluation / steps <= settings.skip_early_cond:
        return True
    return sigma < settings.s_min_uncond and (settings.s_min_uncond_all or evaluation % 2 == 1)
