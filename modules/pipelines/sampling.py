"""The sampler's flow of a pass: its noise levels, its noise, its parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import inf, sqrt

import numpy as np
from torch import Tensor

from modules.pipelines.plan import Pass, resolved_schedule
from modules.sampling.euler_heun import begun_by_euler
from modules.sampling.flows import Flow, Noise, Tuning
from modules.sampling.guidance import Stage, When, never
from modules.sampling.latent import LatentFormat
from modules.sampling.noise import ImageNoise, Variation, brownian, source
from modules.sampling.questions import ModelFacts
from modules.sampling.schedules import SCHEDULES, ModelSigmas, ScheduleOptions, ddim_levels, sigmas
from modules.sampling.unipc import unipc_levels, unipc_moves

OLD_RANGE = 0.1, 10.0      # of σ, in A1111's first versions
MOST_STRENGTH = 0.999      # keeps at least one step of the schedule out


def sampling(pass_: Pass, facts: ModelFacts, stage: Stage) -> Flow:
    """Return the sampler's flow from this seed's noise, on the device of the stage's conditioning."""
    return start_from_noise(pass_, facts, stage).flow()


@dataclass(frozen=True, eq=False)
class PassStart:
    """The start of a sampler's flow: its noise levels, its noise, and the latent that it begins with.

    first: (C, h, w) unit noise; where there is a picture, times the noise multiplier
    picture: (C, h, w) the latent that is noised; None if the pass begins with noise alone
    extra: (C, h, w) the noise of the setting "extra noise", where it is not `first`
    """

    pass_: Pass
    facts: ModelFacts
    levels: list[float]
    noise: ImageNoise
    first: Tensor
    picture: Tensor | None = None
    extra: Tensor | None = None

    @property
    def begin(self) -> float:
        """The noise level that the picture gets."""
        return remaining(self.pass_, trained_levels(self.pass_, self.facts), self.levels)[0]

    def flow(self) -> Flow:
        """Return the sampler's flow."""
        return noise_flow(self) if self.picture is None else picture_flow(self, self.picture)


def start_from_noise(pass_: Pass, facts: ModelFacts, stage: Stage) -> PassStart:
    """Return the start from this seed's noise, on the device of the stage's conditioning."""
    levels, device = noise_levels(pass_, trained_levels(pass_, facts)), stage.guidance.negative.entries[0].text.device
    noise = image_noise(pass_, facts.latent, device.type)
    return PassStart(pass_, facts, levels, noise, with_filled(noise.first().to(device), facts.levels, stage))


def with_filled(noise: Tensor, trained: ModelSigmas, stage: Stage) -> Tensor:
    """Return a pass's first noise; with a picture whose hole is filled in it, as faint as at the last trained level."""
    filled = stage.guidance.control.filled if stage.guidance.control else None
    if filled is None or filled.shape != noise.shape:
        return noise
    return (filled.to(noise) + trained.highest * noise) / sqrt(1 + trained.highest ** 2)


def noise_flow(start: PassStart) -> Flow:
    pass_, facts, levels = start.pass_, start.facts, start.levels
    alone = pass_.sampler.timesteps or pass_.settings.sgm_noise_multiplier
    x = start.first * (facts.levels.parametrization.noise_in(levels[0]) if alone else levels[0])
    return sampler_flow(pass_, facts, x, levels, on(start.first, fresh_noise(pass_, start.noise, levels)))


@dataclass(frozen=True)
class Strength:
    """The steps of a whole noise schedule, and how many of them are run, minus one."""

    steps: int
    back: int

    @classmethod
    def of(cls, denoising: float, steps: int, all_of_them: bool) -> Strength:
        """Return the steps for a denoising strength.

        steps: those of the whole schedule, of which the share `denoising` is run; with `all_of_them`, the steps to run
        """
        share = min(denoising, MOST_STRENGTH)
        if all_of_them:
            return cls(int(steps / share) if share > 0 else 0, steps - 1)
        return cls(steps, int(share * steps))


def with_strength(pass_: Pass, strength: Strength) -> Pass:
    """Return the pass from a picture noised to that strength."""
    return replace(pass_, schedule_steps=strength.steps, steps=strength.back + 1)


def resumed(pass_: Pass, facts: ModelFacts, picture: Tensor, stage: Stage) -> Flow:
    """Return the sampler's flow from a noised picture (C, h, w): the last steps of the schedule."""
    return start_from_picture(pass_, facts, picture, stage).flow()


def start_from_picture(pass_: Pass, facts: ModelFacts, picture: Tensor, stage: Stage) -> PassStart:
    """Return the start from a picture (C, h, w)."""
    levels = noise_levels(pass_, trained_levels(pass_, facts))
    noise = image_noise(pass_, facts.latent, picture.device.type)
    first = noise.first().to(picture.device)
    first = first if pass_.second else with_filled(first, facts.levels, stage)
    return PassStart(pass_, facts, levels, noise, first * pass_.noise_multiplier, picture)


def picture_flow(start: PassStart, picture: Tensor) -> Flow:
    pass_, facts = start.pass_, start.facts
    begin, rest = remaining(pass_, trained_levels(pass_, facts), start.levels)
    more = pass_.settings.img2img_extra_noise
    strong = start.first * (begin + more) if start.extra is None else start.first * begin + start.extra * more
    x = add_noise(pass_, facts, picture, strong, begin, rest[0])
    return sampler_flow(pass_, facts, x, rest, on(picture, fresh_noise(pass_, start.noise, start.levels)))


def sampler_flow(pass_: Pass, facts: ModelFacts, x: Tensor, levels: list[float], noise: Noise) -> Flow:
    """Return the sampler's flow; if the first level is all but infinite, its first move is Euler's."""
    parametrization = facts.levels.parametrization
    tune = replace(tuning(pass_), parametrization=parametrization)
    if parametrization.euler_first and pass_.sampler.looks_ahead:
        return begun_by_euler(pass_.sampler.flow, x, levels, noise, tune)
    return pass_.sampler.flow(x, levels, noise, tune)


def add_noise(pass_: Pass, facts: ModelFacts, picture: Tensor, noise: Tensor, begin: float, first: float) -> Tensor:
    """Add noise to the picture, scaled as the sampler expects it at its first level.

    A1111's DDIM family scales it for the network as at the level `begin`, and reads it as at the level `first`.
    """
    scale = facts.levels.parametrization.scale
    return (picture + noise) * (scale(first) / scale(begin) if pass_.sampler.timesteps else 1.0)


def remaining(pass_: Pass, trained: ModelSigmas, levels: list[float]) -> tuple[float, list[float]]:
    """Return the level whose noise a picture gets, and the levels from there on.

    A1111's DDIM family begins one level lower than that.
    """
    back = pass_.steps - 1
    if not pass_.sampler.timesteps:
        begins = pass_.schedule_steps - pass_.steps
        # DDIM's schedule may have more steps than asked for, or fewer
        rest = levels[max(0, min(begins, len(levels) - back - 2)):]
        return rest[0], rest
    timesteps = ddim_levels(pass_.schedule_steps + pass_.settings.always_discard_next_to_last_sigma, trained)
    begin, rest = timesteps[-1 - back], timesteps[-max(1, back):]
    if pass_.sampler.name == "UniPC":
        rest = unipc_moves(back, trained.up_to(rest[0]), pass_.settings.uni_pc_skip_type)
    return begin, rest


def fresh_noise(pass_: Pass, noise: ImageNoise, levels: list[float]) -> Noise:
    """Return the noise that the sampler adds on its way.

    A Brownian path spans all `levels`, even if only the last are run.
    """
    return brownian(pass_.params.seed, noise.shape, levels, noise.open_stream) if pass_.sampler.brownian else noise.next


def on(like: Tensor, noise: Noise) -> Noise:
    """Return the noise moved to the device of `like`; it is drawn on the CPU, the same on every machine."""
    return lambda sigma, sigma_next: noise(sigma, sigma_next).to(like.device)


def trained_levels(pass_: Pass, facts: ModelFacts) -> ModelSigmas:
    """Return the model's noise levels, as the settings change them and as this sampler may use them."""
    s = pass_.settings
    levels = facts.levels.bent(s.use_downcasted_alpha_bar, s.sd_noise_schedule == "Zero Terminal SNR")
    if pass_.sampler.stride > 1:
        return levels.every(pass_.sampler.stride)
    return levels.quantised() if s.enable_quantization else levels


def noise_levels(pass_: Pass, levels: ModelSigmas) -> list[float]:
    """Return the noise levels of this image's schedule."""
    s, steps = pass_.settings, pass_.schedule_steps
    if pass_.sampler.name == "UniPC":
        return unipc_levels(steps, levels, s.uni_pc_skip_type)
    if pass_.sampler.timesteps:
        return ddim_levels(steps + s.always_discard_next_to_last_sigma, levels)
    spare = pass_.sampler.discard_next_to_last_sigma or s.always_discard_next_to_last_sigma
    low, high = (
        (s.sigma_min or OLD_RANGE[0], s.sigma_max or OLD_RANGE[1])
        if s.use_old_karras_scheduler_sigmas
        else (s.sigma_min, s.sigma_max)
    )
    shape = ScheduleOptions(low, high, s.rho, s.beta_dist_alpha, s.beta_dist_beta)
    return sigmas(SCHEDULES[resolved_schedule(pass_.params)], steps, levels, shape, spare)


def image_noise(pass_: Pass, latent: LatentFormat, device: str) -> ImageNoise:
    p, s, cell = pass_.params, pass_.settings, latent.cell
    variation = Variation(
        p.subseed, p.subseed_strength, max(0, p.seed_resize_from_w) // cell, max(0, p.seed_resize_from_h) // cell
    )
    shape = (latent.channels, p.height // cell, p.width // cell)
    return ImageNoise(p.seed, shape, variation, s.eta_noise_seed_delta, source(s.randn_source, device))


def tuning(pass_: Pass) -> Tuning:
    s = pass_.settings
    eta = s.eta_ddim if pass_.sampler.timesteps else s.eta_ancestral
    return Tuning(
        eta,
        s.s_churn,
        s.s_tmin,
        s.s_tmax or inf,
        s.s_noise,
        s.uni_pc_order,
        s.uni_pc_variant,
        s.uni_pc_lower_order_final,
    )


def refiner_takes_over(pass_: Pass, levels: ModelSigmas) -> When:
    """Return the predicate for the refiner: a share of the training timesteps, or of the evaluations, is done."""
    return partial(far_enough, pass_, levels)


def far_enough(pass_: Pass, levels: ModelSigmas, evaluation: int, sigma: float) -> bool:
    if pass_.settings.refiner_switch_by_sample_steps:
        done = evaluation / pass_.evaluations
    else:
        nearest = int(np.argmin(np.abs(levels.sigmas - sigma)))
        done = (len(levels) - 1 - nearest) / len(levels)
    return done >= pass_.params.refiner_switch_at


def negative_left_out(pass_: Pass, levels: ModelSigmas, infotext: dict[str, object]) -> When:
    """Return the predicate for skipping the negative prompt: early, or below a noise level, as the settings say.

    infotext: generation data, where NGMS is noted once it skips
    """
    s = pass_.settings
    if not s.skip_early_cond and not s.s_min_uncond:
        return never
    return partial(skips_uncond, pass_, levels, infotext)


def skips_uncond(pass_: Pass, levels: ModelSigmas, infotext: dict[str, object], evaluation: int, sigma: float) -> bool:
    s = pass_.settings
    if s.skip_early_cond and evaluation / pass_.evaluations <= s.skip_early_cond:
        return True
    level = levels.timestep(sigma) if pass_.sampler.timesteps else sigma      # A1111's DDIM family counts timesteps
    below = level < s.s_min_uncond and (s.s_min_uncond_all or evaluation % 2 == 1)
    if below:
        infotext |= {"NGMS": s.s_min_uncond} | ({"NGMS all steps": True} if s.s_min_uncond_all else {})
    return below
