"""Losses: how far a prediction is off, for each element, and how much each picture counts.

T is the number of timesteps, σ the noise level with σ² = 1/snr. All arguments are (rows, …).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

TIMESTEP_COUNT = 1000
LARGEST_SNR = 1000.0      # of the debiased estimation


@dataclass(frozen=True, slots=True)
class LossRules:
    """How errors are measured and weighed. Names as sd-scripts'; 0 is off."""

    kind: str = "l2"
    huber_schedule: str = "snr"
    huber_c: float = 0.1
    huber_scale: float = 1.0
    min_snr_gamma: float = 0.0
    debiased: bool = False
    scale_v_like_noise: bool = False
    v_like: float = 0.0


def element_loss(predicted: Tensor, target: Tensor, limit: Tensor, kind: str) -> Tensor:
    """Return the loss of each element (rows, C, h, w); limit: of Huber's, (rows, 1, 1, 1)."""
    return LOSS_KINDS[kind](predicted - target, limit)


def huber(error: Tensor, limit: Tensor) -> Tensor:
    """Return 2c(√(d² + c²) − c): squared near 0, straight far away."""
    return 2 * limit * ((error**2 + limit**2).sqrt() - limit)


def smooth_l1(error: Tensor, limit: Tensor) -> Tensor:
    """Return 2(√(d² + c²) − c)."""
    return 2 * ((error**2 + limit**2).sqrt() - limit)


LOSS_KINDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l2": lambda error, limit: error**2,
    "l1": lambda error, limit: error.abs(),
    "huber": huber,
    "smooth_l1": smooth_l1,
}


def huber_limit(rules: LossRules, timesteps: Tensor, snr: Tensor) -> Tensor:
    """Return c at each row's noise, (rows, 1, 1, 1)."""
    c = rules.huber_c
    if rules.huber_schedule == "exponential":
        limit = torch.exp(timesteps.float() * (log(c) / TIMESTEP_COUNT))
    elif rules.huber_schedule == "snr":
        limit = (1 - c) / (1 + snr.clamp(min=1e-12) ** -0.5) ** 2 + c
    else:
        limit = torch.full_like(snr, c)
    return (limit * rules.huber_scale).view(-1, 1, 1, 1)


def noise_weights(rules: LossRules, snr: Tensor, velocity: bool) -> Tensor:
    """Return how much each row counts by its signal-to-noise ratio, (rows,)."""
    weights, like_noise = torch.ones_like(snr), snr / (snr + 1)
    if rules.min_snr_gamma:
        weights = weights * min_snr(snr, rules.min_snr_gamma, velocity)
    if velocity and rules.scale_v_like_noise:
        weights = weights * like_noise
    if rules.v_like:
        weights = weights * (1 + rules.v_like / like_noise)
    if rules.debiased:
        weights = weights * (1 / (snr + 1) if velocity else snr.clamp(max=LARGEST_SNR) ** -0.5)
    return weights


def min_snr(snr: Tensor, gamma: float, velocity: bool) -> Tensor:
    """Return min(snr, γ)/snr, for velocity min(snr, γ)/(snr + 1). Hang et al. 2023, arXiv:2303.09556."""
    # at an snr of 0 the first is its limit, 1
    return snr.clamp(max=gamma) / (snr + 1) if velocity else (gamma / snr.clamp(min=1e-12)).clamp(max=1)
