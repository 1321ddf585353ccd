"""From a plan to the flow of its sampler: levels, noise, parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf, sqrt

import numpy as np
from torch import Tensor

from modules.pipelines.plan import Plan
from modules.requests.resolve import CELL
from modules.sampling.flows import Flow, Noise, Tuning
from modules.sampling.guidance import When, never
from modules.sampling.noise import ImageNoise, Variation, brownian, source
from modules.sampling.questions import ModelFacts
from modules.sampling.schedules import SCHEDULES, Levels, Shape, ddim_levels, sigmas, without_signal_at_the_end
from modules.sampling.unipc import unipc_levels, unipc_moves

OLD_RANGE = 0.1, 10.0      # of σ, in A1111's first versions
MOST_STRENGTH = 0.999      # so that something of the schedule is left out


def sampling(plan: Plan, facts: ModelFacts, like: Tensor) -> Flow:
    """The sampler's flow from this seed's noise, on the device of `like`."""
    levels = noise_levels(plan, trained_levels(plan, facts))
    noise = image_noise(plan, facts.latent_channels, like.device.type)
    start = sqrt(1 + levels[0] ** 2) if plan.sampler.timesteps or plan.settings.sgm_noise_multiplier else levels[0]
    x = noise.first().to(like.device) * start
    return plan.sampler.flow(x, levels, on(like, fresh_noise(plan, noise, levels)), tuning(plan))


@dataclass(frozen=True)
class Strength:
    """How far back into the noise a picture goes, of `steps` from there to nothing all but one counted."""

    steps: int
    back: int

    @classmethod
    def of(cls, denoising: float, steps: int, all_of_them: bool) -> Strength:
        """`steps` are those of the whole way, of which a share is gone; or `all_of_them` are to be gone."""
        share = min(denoising, MOST_STRENGTH)
        if all_of_them:
            return cls(int(steps / share) if share > 0 else 0, steps - 1)
        return cls(steps, int(share * steps))


def resumed(plan: Plan, facts: ModelFacts, picture: Tensor, back: int, noise_strengths: tuple[float, float]) -> Flow:
    """The sampler's flow from a picture (C, h, w) with noise on it: the last `back` + 1 of the plan's steps.

    noise_strengths: what multiplies the noise, and how much of it comes on top
    """
    trained = trained_levels(plan, facts)
    levels = noise_levels(plan, trained)
    begin, rest = remaining(plan, trained, levels, back)
    noise = image_noise(plan, facts.latent_channels, picture.device.type)
    multiplier, extra = noise_strengths
    x = noised(plan, picture, noise.first().to(picture.device) * multiplier * (begin + extra), begin, rest[0])
    return plan.sampler.flow(x, rest, on(picture, fresh_noise(plan, noise, levels)), tuning(plan))


def noised(plan: Plan, picture: Tensor, noise: Tensor, begin: float, first: float) -> Tensor:
    """The picture with noise on it, as the sampler takes it at its first level.

    A1111's DDIM family brings it to the training scale as for the level it `begin`s at, and takes it for that of another.
    """
    scale = sqrt((1 + first**2) / (1 + begin**2)) if plan.sampler.timesteps else 1.0
    return (picture + noise) * scale


def remaining(plan: Plan, trained: Levels, levels: list[float], back: int) -> tuple[float, list[float]]:
    """The level whose noise a picture gets, and the levels from there on. A1111's DDIM family begins one lower than that."""
    if not plan.sampler.timesteps:
        begins = plan.params.steps - back - 1
        rest = levels[max(0, min(begins, len(levels) - back - 2)):]      # DDIM's schedule may be longer than that, or shorter
        return rest[0], rest
    timesteps = ddim_levels(plan.params.steps + plan.settings.always_discard_next_to_last_sigma, trained)
    begin, rest = timesteps[-1 - back], timesteps[-max(1, back):]
    if plan.sampler.name == "UniPC":
        known = Levels(trained.sigmas[trained.sigmas <= np.float32(rest[0])], trained.sdxl)
        rest = unipc_moves(back, known, plan.settings.uni_pc_skip_type)
    return begin, rest


def fresh_noise(plan: Plan, noise: ImageNoise, levels: list[float]) -> Noise:
    """What the sampler adds on its way; a Brownian path spans all `levels`, even if only the last are passed through."""
    return brownian(plan.params.seed, noise.shape, levels, noise.open_stream) if plan.sampler.brownian else noise.next


def on(like: Tensor, noise: Noise) -> Noise:
    """Noise is drawn on the CPU, the same on every machine, and used where the latent is."""
    return lambda sigma, sigma_next: noise(sigma, sigma_next).to(like.device)


def trained_levels(plan: Plan, facts: ModelFacts) -> Levels:
    """The model's levels, as the settings bend them and as this sampler may ask for them."""
    s = plan.settings
    alphas = facts.alphas_cumprod.astype(np.float16) if s.use_downcasted_alpha_bar else facts.alphas_cumprod
    if s.sd_noise_schedule == "Zero Terminal SNR":
        alphas = without_signal_at_the_end(alphas)
    levels = Levels.of(alphas, facts.sdxl)
    if plan.sampler.stride > 1:
        return levels.every(plan.sampler.stride)
    return levels.quantised() if s.enable_quantization else levels


def noise_levels(plan: Plan, levels: Levels) -> list[float]:
    """The levels this picture passes through."""
    s, steps = plan.settings, plan.params.steps
    if plan.sampler.name == "UniPC":
        return unipc_levels(steps, levels, s.uni_pc_skip_type)
    if plan.sampler.timesteps:
        return ddim_levels(steps + s.always_discard_next_to_last_sigma, levels)
    spare = plan.sampler.spare_level or s.always_discard_next_to_last_sigma
    low, high = (s.sigma_min or OLD_RANGE[0], s.sigma_max or OLD_RANGE[1]) if s.use_old_karras_scheduler_sigmas else (s.sigma_min, s.sigma_max)
    shape = Shape(low, high, s.rho, s.beta_dist_alpha, s.beta_dist_beta)
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


def refiner_takes_over(plan: Plan, levels: Levels) -> When:
    """When enough is sampled for the refiner: a share of the training timesteps, or of the model evaluations."""
    return partial(far_enough, plan, levels)


def far_enough(plan: Plan, levels: Levels, evaluation: int, sigma: float) -> bool:
    if plan.settings.refiner_switch_by_sample_steps:
        done = evaluation / plan.calls
    else:
        nearest = int(np.argmin(np.abs(levels.sigmas - sigma)))
        done = (len(levels) - 1 - nearest) / len(levels)
    return done >= plan.params.refiner_switch_at


def negative_left_out(plan: Plan, levels: Levels, told: dict[str, object]) -> When:
    """Where the negative prompt is left out: early, or below a noise level, as the settings say; `told` where that one counts."""
    s = plan.settings
    if not s.skip_early_cond and not s.s_min_uncond:
        return never
    return partial(left_out, plan, levels, told)


def left_out(plan: Plan, levels: Levels, told: dict[str, object], evaluation: int, sigma: float) -> bool:
    s = plan.settings
    if s.skip_early_cond and evaluation / plan.calls <= s.skip_early_cond:
        return True
    level = levels.timestep(sigma) if plan.sampler.timesteps else sigma      # A1111's DDIM family speaks of timesteps
    below = level < s.s_min_uncond and (s.s_min_uncond_all or evaluation % 2 == 1)
    if below:
        told |= {"NGMS": s.s_min_uncond} | ({"NGMS all steps": True} if s.s_min_uncond_all else {})
    return below
