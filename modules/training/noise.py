"""The noise that a training picture is drowned in, each number a function of seed, step and place in the batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from modules.base.streams import stream

COARSER = 2.0, 4.0      # how many times coarser each further noise of `multires` is, drawn evenly


@dataclass(frozen=True, slots=True)
class NoiseRules:
    """How noise is drawn. Names as sd-scripts'.

    offset: of a channel as a whole; adaptive: how much of the latent's mean is added to it
    multires, discount: coarser noises, each weighing so much less
    perturbation: noise that the network sees and is not to predict (Ning et al. 2023, arXiv:2301.11706)
    first, last: timesteps from and below which one is drawn
    """

    offset: float = 0.0
    offset_varies: bool = False
    adaptive: float = 0.0
    multires: int = 0
    discount: float = 0.3
    perturbation: float = 0.0
    perturbation_varies: bool = False
    first: int = 0
    last: int = 1000


@dataclass(frozen=True, slots=True)
class DrawPlace:
    """Whose random numbers: a run's seed, its step, and a picture's place in the step's batch."""

    seed: int
    step: int
    slot: int

    def draws(self, purpose: str) -> np.random.Generator:
        return stream(self.seed, purpose, self.step, self.slot)

    def normal(self, purpose: str, shape: tuple[int, ...]) -> Tensor:
        """Return unit normal numbers, float32."""
        return torch.from_numpy(self.draws(purpose).standard_normal(shape, np.float32))


def timestep_at(place: DrawPlace, rules: NoiseRules) -> int:
    """Return a picture's timestep, drawn evenly."""
    return int(place.draws("timestep").integers(rules.first, rules.last))


def noise_at(place: DrawPlace, latent: Tensor, rules: NoiseRules) -> Tensor:
    """Return the noise (C, h, w) that a picture's latent gets and the network is to predict, float32 on the CPU."""
    noise = place.normal("noise", tuple(latent.shape))
    if rules.offset:
        noise = noise + offset_at(place, latent.cpu(), rules)
    return with_coarser(noise, place, rules) if rules.multires else noise


def offset_at(place: DrawPlace, latent: Tensor, rules: NoiseRules) -> Tensor:
    """Return one number for each channel, (C, 1, 1). Guttenberg 2023, "Diffusion with offset noise"."""
    draws = place.draws("offset")
    strength = rules.offset * (draws.random() if rules.offset_varies else 1.0)
    size = (strength + rules.adaptive * latent.mean((1, 2), keepdim=True).abs()).clamp(min=0)
    return size * torch.from_numpy(draws.standard_normal((len(latent), 1, 1), np.float32))


def with_coarser(noise: Tensor, place: DrawPlace, rules: NoiseRules) -> Tensor:
    """Return the noise with coarser noises added, of unit deviation. Whitaker 2023, "Multi-resolution noise"."""
    draws, (channels, height, width) = place.draws("coarse noise"), noise.shape
    h, w = height, width
    for level in range(rules.multires):
        ratio = draws.uniform(*COARSER)
        h, w = max(1, int(height / ratio**level)), max(1, int(width / ratio**level))
        coarse = torch.from_numpy(draws.standard_normal((1, channels, h, w), np.float32))
        noise = noise + rules.discount**level * F.interpolate(coarse, (height, width), mode="bilinear")[0]
        if h == w == 1:
            break
    return noise / noise.std()


def perturbed(noise: Tensor, place: DrawPlace, rules: NoiseRules) -> Tensor:
    """Return the noise that the network is shown, which differs from the one it is to predict."""
    if not rules.perturbation:
        return noise
    draws = place.draws("perturbation")
    strength = rules.perturbation * (draws.random() if rules.perturbation_varies else 1.0)
    return noise + strength * torch.from_numpy(draws.standard_normal(tuple(noise.shape), np.float32))
