"""Samplers over the training timesteps. `sigmas` are the timesteps' levels; the last is above 0."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from modules.sampling.flows import Denoise, Flow, Noise, Tuning

if TYPE_CHECKING:
    from torch import Tensor


def ddim(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DDIM. Song, Meng & Ermon 2020, arXiv:2010.02502, eq. 12, written for x/√ᾱ.

    `sigmas` ends above 0, at the first training timestep; there the latent is returned on the network's scale.
    """
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield Denoise(x, sigma, step)
        fresh = ddim_noise(sigma, sigma_next, tune.eta)
        x = denoised + (x - denoised) / sigma * sqrt(sigma_next**2 - fresh**2)
        if fresh:
            x = x + noise(sigma, sigma_next) * fresh
    return x / tune.parametrization.noise_out(sigmas[-1])


def ddim_noise(sigma: float, sigma_next: float, eta: float) -> float:
    """Song et al.'s σ_t(η), eq. 16, on the scale of x/√ᾱ."""
    alpha, alpha_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
    return eta * sqrt((1 - alpha_next) / (1 - alpha) * (1 - alpha / alpha_next) / alpha_next)


def ddim_cfgpp(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DDIM that moves along the unprompted ε. Chung et al. 2024, CFG++, arXiv:2406.08070, Algorithm 2."""
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised, unprompted = yield Denoise(x, sigma, step, apart=True)
        fresh = ddim_noise(sigma, sigma_next, tune.eta)
        x = denoised + (x - unprompted) / sigma * sqrt(sigma_next**2 - fresh**2)
        if fresh:
            x = x + noise(sigma, sigma_next) * fresh
    return x / tune.parametrization.noise_out(sigmas[-1])


def plms(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """Pseudo linear multistep: Adams–Bashforth over ε, begun by one Heun step.

    Liu et al. 2022, arXiv:2202.09778, eq. 12.
    """
    past: list[Tensor] = []      # earlier ε, newest first
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        epsilon = (x - (yield Denoise(x, sigma, step))) / sigma
        if past:
            weights = ADAMS_BASHFORTH[min(len(past), 3)]
            mean = sum((e * w for e, w in zip(past, weights[1:], strict=False)), epsilon * weights[0])
        else:
            ahead = x + epsilon * (sigma_next - sigma)
            mean = (epsilon + (ahead - (yield Denoise(ahead, sigma_next, step))) / sigma_next) / 2
        x = x + mean * (sigma_next - sigma)
        past = [epsilon, *past[:2]]
    return x / tune.parametrization.noise_out(sigmas[-1])


ADAMS_BASHFORTH = {1: (3 / 2, -1 / 2), 2: (23 / 12, -16 / 12, 5 / 12), 3: (55 / 24, -59 / 24, 37 / 24, -9 / 24)}
