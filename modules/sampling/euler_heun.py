"""Samplers that follow the slope dx/dσ = (x − denoised)/σ: Euler, Heun and their kin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from modules.sampling.flows import Denoise, Flow, Noise, Tuning
from modules.sampling.sampler_steps import ancestral, churned

if TYPE_CHECKING:
    from torch import Tensor

# a sampler: latent, levels, noise, tuning → its flow
Sample: TypeAlias = "Callable[[Tensor, Sequence[float], Noise, Tuning], Flow]"


def euler(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """Euler's method, with optional churn. Karras et al. 2022, arXiv:2206.00364, Algorithm 2 without its correction."""
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma = churned(x, sigma, len(sigmas) - 1, noise, tune)
        slope = (x - (yield Denoise(x, sigma, step))) / sigma
        x = x + slope * (sigma_next - sigma)
    return x


def euler_ancestral(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """Euler's method towards a lower level than the next one, then fresh noise up to it."""
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        down, up = ancestral(sigma, sigma_next, tune.eta)
        slope = (x - (yield Denoise(x, sigma, step))) / sigma
        x = x + slope * (down - sigma)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * up
    return x


def begun_by_euler(sample: Sample, x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """Run a sampler whose first move is Euler's: from a level that is all but infinite no other method is correct."""
    denoised = yield Denoise(x, sigmas[0], 0)
    x = denoised + (x - denoised) * (sigmas[1] / sigmas[0])
    if len(sigmas) < 3:
        return x
    rest = sample(x, sigmas[1:], noise, tune)
    try:
        ask = next(rest)
        while True:
            ask = rest.send((yield replace(ask, step=ask.step + 1)))
    except StopIteration as done:
        return done.value


def heun(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """Heun's second-order method: step with Euler, look, then average the two slopes.

    Karras et al. 2022, arXiv:2206.00364, Algorithm 2. Two questions a step, one on the last.
    """
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma = churned(x, sigma, len(sigmas) - 1, noise, tune)
        slope = (x - (yield Denoise(x, sigma, step))) / sigma
        ahead = x + slope * (sigma_next - sigma)
        if sigma_next > 0:
            slope_ahead = (ahead - (yield Denoise(ahead, sigma_next, step))) / sigma_next
            ahead = x + (slope + slope_ahead) / 2 * (sigma_next - sigma)
        x = ahead
    return x


def dpm_2(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """Midpoint method with DPM-Solver-2's midpoint, in log σ (Lu et al. 2022, arXiv:2206.00927).

    Karras et al. 2022, arXiv:2206.00364. Two questions a step, one on the last.
    """
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x, sigma = churned(x, sigma, len(sigmas) - 1, noise, tune)
        slope = (x - (yield Denoise(x, sigma, step))) / sigma
        if sigma_next > 0:
            middle = sqrt(sigma * sigma_next)
            halfway = x + slope * (middle - sigma)
            slope = (halfway - (yield Denoise(halfway, middle, step))) / middle
        x = x + slope * (sigma_next - sigma)
    return x


def dpm_2_ancestral(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM2's step towards a lower level than the next one, then fresh noise up to it."""
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        down, up = ancestral(sigma, sigma_next, tune.eta)
        slope = (x - (yield Denoise(x, sigma, step))) / sigma
        if down > 0:
            middle = sqrt(sigma * down)
            halfway = x + slope * (middle - sigma)
            slope = (halfway - (yield Denoise(halfway, middle, step))) / middle
        x = x + slope * (down - sigma)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * (tune.s_noise * up)
    return x


def lms(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning, order: int = 4) -> Flow:
    """Linear multistep: integrate the polynomial through the last four slopes (Adams–Bashforth on uneven levels)."""
    slopes: list[Tensor] = []
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        slopes = [(x - (yield Denoise(x, sigma, step))) / sigma, *slopes[:order - 1]]
        passed = [sigmas[step - i] for i in range(len(slopes))]
        for slope, weight in zip(slopes, adams_bashforth(passed, sigma_next), strict=True):
            x = x + slope * weight
    return x


def adams_bashforth(passed: Sequence[float], ahead: float) -> list[float]:
    """Return the integral of each Lagrange basis polynomial on the nodes `passed`, from the first node to `ahead`."""
    weights = []
    for i, node in enumerate(passed):
        others = [other for j, other in enumerate(passed) if j != i]
        basis = np.poly1d(others, r=True) / float(np.prod([node - other for other in others]))
        integral = basis.integ()
        weights.append(float(integral(ahead) - integral(passed[0])))
    return weights


def lcm(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """Latent consistency: each clean estimate becomes the latent, with fresh noise.

    Luo et al. 2023, arXiv:2310.04378, Algorithm 3.
    """
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        x = yield Denoise(x, sigma, step)
        if sigma_next > 0:
            x = x + noise(sigma, sigma_next) * sigma_next
    return x


def restart(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """Heun's method that climbs back to σ ≈ 2 and falls again. Xu et al. 2023, arXiv:2306.14878, Algorithm 1.

    The number of restarts is A1111's: one from 20 steps on, two from 36.
    """
    before = None
    for step, (sigma, sigma_next) in enumerate(restarted(sigmas)):
        if before is not None and before < sigma:
            x = x + noise(before, sigma) * (tune.s_noise * sqrt(sigma**2 - before**2))
        slope = (x - (yield Denoise(x, sigma, step))) / sigma
        ahead = x + slope * (sigma_next - sigma)
        if sigma_next > 0:
            slope_ahead = (ahead - (yield Denoise(ahead, sigma_next, step))) / sigma_next
            ahead = x + (slope + slope_ahead) / 2 * (sigma_next - sigma)
        x, before = ahead, sigma_next
    return x


def restarted(sigmas: Sequence[float]) -> list[tuple[float, float]]:
    """Return the moves of `restart`: those of a shorter Karras schedule, with climbs from 0.1 to 2 inserted."""
    steps = len(sigmas) - 1
    if steps < 20:
        return list(pairwise(sigmas))
    climb, times = (steps // 4, 2) if steps >= 36 else (9, 1)
    levels = [*karras_levels(steps - climb * times, sigmas[-2], sigmas[0]), 0.0]
    bottom, top = (min(range(len(levels)), key=lambda i: abs(levels[i] - goal)) for goal in (0.1, 2.0))
    moves = list(pairwise(levels))
    again = list(pairwise(karras_levels(climb + 1, levels[bottom], levels[top])))
    return moves[:bottom] + (again * times if top < bottom else []) + moves[bottom:]


def karras_levels(steps: int, low: float, high: float, rho: float = 7.0) -> list[float]:
    """Even spacing in σ^(1/ρ). Karras et al. 2022, arXiv:2206.00364, eq. 5."""
    return [float(root) ** rho for root in np.linspace(high ** (1 / rho), low ** (1 / rho), steps)]
