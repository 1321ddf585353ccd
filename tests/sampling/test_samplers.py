"""Truths every sampler must hold to, whatever the model."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from modules.sampling.flows import Denoise, Tuning
from modules.sampling.sampler_steps import ancestral
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES, ModelSigmas, ddim_levels, karras, sigmas

BETAS = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
LEVELS = ModelSigmas.of(np.cumprod(1 - BETAS).astype(np.float32))
NO_NOISE = Tuning(eta=0.0)
every_sampler = pytest.mark.parametrize("sampler", list(SAMPLERS), ids=lambda s: s.name)


def noise_of(seed):
    stream = torch.Generator().manual_seed(seed)
    return lambda sigma, sigma_next: torch.randn(4, 8, 8, generator=stream, dtype=torch.float64)


def drive(flow, denoiser):
    """Answer a flow's questions by arithmetic; returns its latent and what it asked."""
    asked = []
    ask = next(flow)
    try:
        while True:
            asked.append(ask)
            clean = denoiser(ask.x, ask.sigma)
            ask = flow.send((clean, clean) if ask.apart else clean)
    except StopIteration as done:
        return done.value, asked


def levels_for(sampler, steps):
    return ddim_levels(steps, LEVELS) if sampler.timesteps else sigmas(SCHEDULES["Karras"], steps, LEVELS)


@every_sampler
def test_a_model_that_knows_the_answer_is_believed(sampler):
    """If the data is one point, its denoiser is constant;
    every sampler must end as near it as its last level allows.
    """
    point = torch.linspace(-1, 1, 256, dtype=torch.float64).reshape(4, 8, 8)
    levels = levels_for(sampler, 20)
    start = point + noise_of(1)(0, 0) * levels[0]
    end, _ = drive(sampler.flow(start, levels, noise_of(2), Tuning()), lambda x, sigma: point)
    if sampler.timesteps:      # ends at the first training timestep, on the training scale
        end = end * math.sqrt(1 + levels[-1] ** 2)
    assert (end - point).abs().max() <= 6 * min(level for level in levels if level > 0)


@every_sampler
def test_questions_fall_through_the_schedule(sampler):
    levels = levels_for(sampler, 12)
    _, asked = drive(
        sampler.flow(noise_of(1)(0, 0) * levels[0], levels, noise_of(2), Tuning()), lambda x, sigma: x / (1 + sigma**2)
    )
    assert all(isinstance(ask, Denoise) for ask in asked)
    assert [ask.step for ask in asked] == sorted(ask.step for ask in asked)
    assert asked[0].sigma == pytest.approx(levels[0])
    assert all(min(level for level in levels if level) * 0.999 <= ask.sigma <= levels[0] * 1.001 for ask in asked)
    if sampler.name != "DPM adaptive":      # it takes what it needs
        assert len(asked) <= sampler.evaluations * (len(levels) - 1) + 1      # PLMS begins with a Heun step


def gaussian_error(sampler, steps, std=0.5):
    """Error of a noiseless solve on Gaussian data, whose flow is x(σ) = x(σ₀)·√((σ²+s²)/(σ₀²+s²)).

    Levels are even in log σ and end above zero, so that the order is not hidden by the last step.
    """
    levels = list(np.exp(np.linspace(math.log(10.0), math.log(0.05), steps + 1)))
    start = torch.tensor([[[1.0]]], dtype=torch.float64) * levels[0]
    end, _ = drive(
        sampler.flow(start, levels, noise_of(0), NO_NOISE), lambda x, sigma: x * std**2 / (std**2 + sigma**2)
    )
    exact = start * math.sqrt((levels[-1] ** 2 + std**2) / (levels[0] ** 2 + std**2))
    return float((end - exact).abs())


@pytest.mark.parametrize("sampler", [s for s in SAMPLERS if s.order], ids=lambda s: s.name)
def test_error_falls_with_the_declared_order(sampler):
    """Halving the step must divide the error by 2**order."""
    coarse, fine = gaussian_error(sampler, 80), gaussian_error(sampler, 160)
    assert math.log2(coarse / fine) == pytest.approx(sampler.order, abs=0.25)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_an_ancestral_step_keeps_the_noise_level(eta):
    for sigma, sigma_next in pairwise(karras(10, 0.03, 14.6, LEVELS)):
        down, up = ancestral(sigma, sigma_next, eta)
        assert math.hypot(down, up) == pytest.approx(sigma_next)


def test_ddim_without_noise_is_euler_over_its_own_levels():
    levels = ddim_levels(10, LEVELS)
    start = noise_of(3)(0, 0) * levels[0]
    model = lambda x, sigma: x / (1 + sigma**2) + 0.1
    ddim, _ = drive(SAMPLERS["DDIM"].flow(start, levels, noise_of(4), NO_NOISE), model)
    euler, _ = drive(SAMPLERS["Euler"].flow(start, levels, noise_of(4), NO_NOISE), model)
    assert torch.allclose(ddim * math.sqrt(1 + levels[-1] ** 2), euler)


def test_ancestral_samplers_without_eta_are_their_plain_forms():
    levels = karras(12, 0.03, 14.6, LEVELS) + [0.0]
    start = noise_of(5)(0, 0) * levels[0]
    model = lambda x, sigma: x / (1 + sigma**2) + 0.1
    plain, _ = drive(SAMPLERS["Euler"].flow(start, levels, noise_of(6), NO_NOISE), model)
    ancestor, _ = drive(SAMPLERS["Euler a"].flow(start, levels, noise_of(6), NO_NOISE), model)
    assert torch.allclose(plain, ancestor)
