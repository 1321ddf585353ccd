"""UniPC: a predictor and a corrector that share each answer. Zhao et al. 2023, arXiv:2302.04867, Algorithms 5 to 8.

Written for the clean estimate and for x/√ᾱ, so that it uses σ like every other sampler here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import expm1, factorial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modules.sampling.flows import Denoise, Flow, Noise, Tuning
from modules.sampling.sampler_steps import exponential_step, log_snr
from modules.sampling.schedules import ModelSigmas

if TYPE_CHECKING:
    from torch import Tensor


class Estimate(NamedTuple):
    denoised: Tensor
    sigma: float


def unipc(x: Tensor, sigmas: Sequence[float], noise: Noise, tune: Tuning) -> Flow:
    """Multistep UniPC with B(h) = h or e^h − 1.

    The last level is above 0; there the latent returns to the training scale.
    tune: `order`, `variant` ("bh1", "bh2", "vary_coeff"), `lower_order_final`
    """
    moves = len(sigmas) - 1
    past = [Estimate((yield Denoise(x, sigmas[0], 0)), sigmas[0])]      # newest first
    for step in range(1, moves + 1):
        order = min(tune.order, len(past), moves + 1 - step if tune.lower_order_final and step >= tune.order else step)
        past = past[:order]
        predicted = unipc_predict(x, past, sigmas[step], tune.variant)
        if step == moves:
            x = predicted
            break
        answer = Estimate((yield Denoise(predicted, sigmas[step], step)), sigmas[step])
        x = correct(x, past, answer, tune.variant)
        past = [answer, *past][:tune.order]
    return x / tune.parametrization.noise_out(sigmas[-1])


def unipc_predict(x: Tensor, past: Sequence[Estimate], sigma: float, variant: str) -> Tensor:
    """UniP: extrapolate through the estimates so far."""
    return combine(x, past, past[1:], sigma, variant, weights(past, sigma, variant, len(past) - 1))


def correct(x: Tensor, past: Sequence[Estimate], answer: Estimate, variant: str) -> Tensor:
    """UniC: the same step again, with the new answer."""
    return combine(x, past, [*past[1:], answer], answer.sigma, variant, weights(past, answer.sigma, variant, len(past)))


def combine(
    x: Tensor, past: Sequence[Estimate], others: Sequence[Estimate], sigma: float, variant: str, shares: Sequence[float]
) -> Tensor:
    """Return the exact step for a constant estimate, plus B(h) · Σ share · (difference / its distance)."""
    newest = past[0]
    out = exponential_step(x, newest.denoised, newest.sigma, sigma)
    h = log_snr(sigma) - log_snr(newest.sigma)
    for other, share in zip(others, shares, strict=True):
        distance = (log_snr(other.sigma) - log_snr(newest.sigma)) / h
        out = out - (other.denoised - newest.denoised) * (scale(h, variant) * share / distance)
    return out


def scale(h: float, variant: str) -> float:
    """Return B(h) for data prediction; 1 for the variant whose shares contain it."""
    return {"bh1": -h, "bh2": expm1(-h), "vary_coeff": 1.0}[variant]


def weights(past: Sequence[Estimate], sigma: float, variant: str, unknowns: int) -> list[float]:
    """Return the unknown shares of one step.

    Solve the order conditions Σ rᵢᵏ⁻¹ · share = φₖ₊₁(h) · k! / B(h). One unknown is 1/2, as the authors set it.
    """
    if unknowns < 1:
        return []
    if variant == "vary_coeff":
        return varying_weights(past, sigma, unknowns)
    if unknowns == 1:
        return [0.5]
    h = log_snr(sigma) - log_snr(past[0].sigma)
    distances = [(log_snr(other.sigma) - log_snr(past[0].sigma)) / h for other in past[1:]] + [1.0]
    nodes = np.array(distances[:unknowns])
    matrix = np.vander(nodes, unknowns, increasing=True).T
    right = [phi(k + 1, -h) * factorial(k) / scale(h, variant) for k in range(1, unknowns + 1)]
    return [float(share) for share in np.linalg.solve(matrix, right)]


def varying_weights(past: Sequence[Estimate], sigma: float, unknowns: int) -> list[float]:
    """UniPC_v: coefficients that vary with the step, eq. 11. The corrector's last one is as A1111 computes it."""
    h = log_snr(sigma) - log_snr(past[0].sigma)
    distances = np.array([(log_snr(other.sigma) - log_snr(past[0].sigma)) / h for other in past[1:]] + [1.0])
    columns = [distances[:unknowns] ** k / factorial(k + 1) for k in range(unknowns)]
    inverse = np.linalg.inv(np.stack(columns, axis=1))
    phis = np.array([phi(k + 2, -h) for k in range(unknowns)])
    if unknowns < len(distances):
        return [float(share) for share in phis @ inverse]
    shares = phis[:-1] @ inverse[:-1, :-1]
    return [*map(float, shares), float(phis[-1] * inverse[max(unknowns - 2, 0), -1])]


def phi(k: int, z: float) -> float:
    """z · φₖ(z), where φ₁(z) = (e^z − 1)/z and φₖ₊₁(z) = (φₖ(z) − 1/k!)/z."""
    value = expm1(z)
    for i in range(1, k):
        value = value / z - 1 / factorial(i)
    return value


def unipc_levels(steps: int, levels: ModelSigmas, skip: str = "time_uniform") -> list[float]:
    """Return UniPC's levels, from the highest to the lowest trained one, as many moves as DDIM has timesteps."""
    return unipc_moves(-(-len(levels) // max(1, len(levels) // steps)), levels, skip)


def unipc_moves(moves: int, levels: ModelSigmas, skip: str = "time_uniform") -> list[float]:
    """Return the levels of so many moves through all of `levels`.

    skip: "time_uniform", "time_quadratic" or "logSNR"; between timesteps, log ᾱ is interpolated
    """
    if skip == "logSNR":
        return [float(sigma) for sigma in np.geomspace(levels.highest, levels.lowest, moves + 1)]
    power = 2 if skip == "time_quadratic" else 1
    times = np.linspace(1, (1 / len(levels)) ** (1 / power), moves + 1) ** power
    log_alphas = -np.log1p(levels.sigmas.astype(np.float64) ** 2)
    between = np.interp(times * len(levels) - 1, np.arange(len(levels)), log_alphas)
    return [float(sigma) for sigma in np.sqrt(np.expm1(-between))]
