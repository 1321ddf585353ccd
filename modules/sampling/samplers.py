"""Samplers: each one function from its paper's formulas, and one line in the table at the end.

`x` is (C, h, w) with noise of standard deviation σ added to the clean latent ("variance exploding" scale);
`sigmas` fall, the last is usually 0. No torch here: a sampler is arithmetic on whatever it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import expm1, inf, log, sqrt
from typing import TYPE_CHECKING

from modules.base.registry import Registry
from modules.sampling.flows import Denoise, Flow, Noise, Tuning

if TYPE_CHECKING:
    from torch import Tensor


def ancestral(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """Split the move σ → σ_next into a deterministic move to the first figure and fresh noise of the second.

    The two make up σ_next: down² + up² = σ_next²; up is η times what DDPM would add (Ho et al. 2020).
    """
    if not eta:
        return sigma_next, 0.0
    up = min(sigma_next, eta * sqrt(sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2))
    return sqrt(sigma_next**2 - up**2), up


def churned(x: Tensor, sigma: float, steps: int, noise: Noise, tune: Tuning) -> tuple[Tensor, float]:
    """Raise the noise level a little before a step: Karras et al. 2022, arXiv:2206.00364, Algorithm 2."""
    gamma = min(tune.s_churn / steps, sqrt(2) - 1) if tune.s_tmin <= sigma <= tune.s_tmax else 0.0
    fresh = noise(sigma, sigma) * tune.s_noise if tune.s_churn else None      # drawn at every step, used or not, as A1111 does
    if not gamma:
        return x, sigma
    sigma_hat = sigma * (gamma + 1)
    return x + fresh * sqrt(sigma_hat**2 - sigma**2), sigma_hat


def log_snr(sigma: float) -> float:
    """λ = −log σ: the clock of the DPM-Solver family."""
    return -log(sigma) if sigma else inf


def exponential_step(x: Tensor, denoised: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """Solve the data-prediction ODE exactly for a constant `denoised`: Lu et al. 2022, arXiv:2211.01095, eq. 9."""
    return x * (sigma_next / sigma) - denoised * expm1(log_snr(sigma) - log_snr(sigma_next))


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


def dpmpp_2m(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver++(2M): extrapolate the clean estimate from the last two. Lu et al. 2022, arXiv:2211.01095, Algorithm 2."""
    previous, h_previous = None, 0.0
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = estimate = yield Denoise(x, sigma, step)
        h = log_snr(sigma_next) - log_snr(sigma)
        if previous is not None and sigma_next > 0:
            ratio = h / (2 * h_previous)
            estimate = denoised * (1 + ratio) - previous * ratio
        x = exponential_step(x, estimate, sigma, sigma_next)
        previous, h_previous = denoised, h
    return x


def dpmpp_sde(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DPM-Solver++ (SDE), second order: an ancestral half step, a look, an ancestral whole step.

    The midpoint is the geometric mean of σ and σ_next. Lu et al. 2022, arXiv:2211.01095, with the noise of its SDE form.
    """
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield Denoise(x, sigma, step)
        if sigma_next == 0:
            x = denoised
            continue
        middle = sqrt(sigma * sigma_next)
        down, up = ancestral(sigma, middle, tune.eta)
        ahead = exponential_step(x, denoised, sigma, down) + noise(sigma, middle) * (tune.s_noise * up)
        denoised = yield Denoise(ahead, middle, step)
        down, up = ancestral(sigma, sigma_next, tune.eta)
        x = exponential_step(x, denoised, sigma, down) + noise(sigma, sigma_next) * (tune.s_noise * up)
    return x


def ddim(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """DDIM. Song, Meng & Ermon 2020, arXiv:2010.02502, eq. 12, written for x/√ᾱ.

    `sigmas` ends above 0, at the first training timestep; there the latent is returned on the training scale, √ᾱ·x.
    """
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        denoised = yield Denoise(x, sigma, step)
        fresh = ddim_noise(sigma, sigma_next, tune.eta)
        x = denoised + (x - denoised) / sigma * sqrt(sigma_next**2 - fresh**2)
        if fresh:
            x = x + noise(sigma, sigma_next) * fresh
    return x / sqrt(1 + sigmas[-1] ** 2)


def ddim_noise(sigma: float, sigma_next: float, eta: float) -> float:
    """Song et al.'s σ_t(η), eq. 16, on the scale of x/√ᾱ."""
    alpha, alpha_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
    return eta * sqrt((1 - alpha_next) / (1 - alpha) * (1 - alpha / alpha_next) / alpha_next)


@dataclass(frozen=True)
class Sampler:
    """A row of the table: what the driver must know to set a flow up."""

    name: str
    flow: Callable[[Tensor, Sequence[float], Noise, Tuning], Flow]
    aliases: tuple[str, ...] = ()
    schedule: str = "Uniform"        # what "Automatic" means for it
    order: int = 0                   # of convergence, where it is deterministic
    evaluations: int = 1             # model calls a step, as prompt editing counts them
    brownian: bool = False           # its noise comes from a Brownian tree, not from the image's generator
    ancestral: bool = False          # η matters, and with it A1111's "ENSD"
    timesteps: bool = False          # walks training timesteps and ignores the schedule type
    options: tuple[str, ...] = ()    # fields of Tuning that it listens to


CHURN = ("s_churn", "s_tmin", "s_tmax", "s_noise")

SAMPLERS = Registry("sampler", (
    Sampler("DPM++ 2M", dpmpp_2m, ("k_dpmpp_2m",), "Karras", order=2),
    Sampler("DPM++ SDE", dpmpp_sde, ("k_dpmpp_sde",), "Karras", evaluations=2, brownian=True, options=("eta", "s_noise")),
    Sampler("Euler a", euler_ancestral, ("k_euler_a", "k_euler_ancestral"), ancestral=True, options=("eta",)),
    Sampler("Euler", euler, ("k_euler",), order=1, options=CHURN),
    Sampler("Heun", heun, ("k_heun",), order=2, evaluations=2, options=CHURN),
    Sampler("DDIM", ddim, ("ddim",), "Automatic", timesteps=True, options=("eta",)),
))
