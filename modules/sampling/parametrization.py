"""Parametrizations: how a network's input and output relate to the noisy latent and the clean estimate.

In all of sampling a latent is x = clean + σ·noise. A network was trained on a scale of its own, x / scale(σ), and
predicts something of which the clean estimate follows. Arithmetic on whatever it is given: no torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Parametrization(ABC):
    """One way to train a denoiser; its `ModelSigmas` (`sampling/schedules.py`) convert σ to the network's time.

    name: as in the metadata of files
    euler_first: the highest level is all but infinite, so that only Euler's method may make the first move
    """

    name: str
    euler_first: bool = False

    @abstractmethod
    def scale(self, sigma: float) -> float:
        """Return how many times as large as the network's input the latent is."""

    @abstractmethod
    def clean(self, x: Tensor, out: Tensor, sigma: Tensor, seen: Tensor) -> Tensor:
        """Return the clean estimate for the network's output on x · seen; `seen` is 1 / scale(σ). All (rows, …)."""

    def input_scale(self, sigma: float) -> float:
        """Return the factor of a latent before the network."""
        return 1 / self.scale(sigma)

    def noise_in(self, sigma: float) -> float:
        """Return the factor of unit noise in a latent of noise alone."""
        return self.scale(sigma)

    def noise_out(self, sigma: float) -> float:
        """Return the divisor of a latent that sampling leaves at σ."""
        return self.scale(sigma)


class Diffusion(Parametrization):
    """Variance-preserving diffusion: the network sees √ᾱ·clean + √(1−ᾱ)·noise, with σ² = (1−ᾱ)/ᾱ.

    Ho et al. 2020, arXiv:2006.11239.
    """

    def scale(self, sigma: float) -> float:
        return sqrt(1 + sigma**2)


class EpsilonPrediction(Diffusion):
    """The network predicts the noise."""

    def clean(self, x: Tensor, out: Tensor, sigma: Tensor, seen: Tensor) -> Tensor:
        return x - out * sigma


class VelocityPrediction(Diffusion):
    """The network predicts √ᾱ·noise − √(1−ᾱ)·clean. Salimans & Ho 2022, arXiv:2202.00512."""

    def clean(self, x: Tensor, out: Tensor, sigma: Tensor, seen: Tensor) -> Tensor:
        return x * seen**2 - out * (sigma * seen)


class FlowMatching(Parametrization):
    """Flow matching: the network sees (1−t)·clean + t·noise and predicts noise − clean; σ = t/(1−t).

    Lipman et al. 2022, arXiv:2210.02747; Liu et al. 2022, arXiv:2209.03003.
    """

    def scale(self, sigma: float) -> float:
        return 1 + sigma

    def clean(self, x: Tensor, out: Tensor, sigma: Tensor, seen: Tensor) -> Tensor:
        return (x - out * sigma) * seen

    def noise_in(self, sigma: float) -> float:
        return sigma


EPSILON = EpsilonPrediction("epsilon")
VELOCITY = VelocityPrediction("v_prediction")
FLOW = FlowMatching("flow", euler_first=True)
PARAMETRIZATIONS: Mapping[str, Parametrization] = {each.name: each for each in (EPSILON, VELOCITY, FLOW)}
