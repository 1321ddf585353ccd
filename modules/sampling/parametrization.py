"""How a network is asked for a clean estimate: what it sees of a latent, and what its output means.

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
    """One way to train a denoiser. σ ↔ the time that the network is told is its `ModelSigmas`'
    (`sampling/schedules.py`).

    name: as metadata of files have it
    euler_first: the highest level is all but infinite, so that only Euler's method may make the first move
    """

    name: str
    euler_first: bool = False

    @abstractmethod
    def scale(self, sigma: float) -> float:
        """How many times as large a latent is as the network sees it."""

    @abstractmethod
    def clean(self, x: Tensor, out: Tensor, sigma: Tensor, seen: Tensor) -> Tensor:
        """The clean estimate by the network's output for x · seen; `seen` is 1 / scale(σ). All (rows, …)."""

    def input_scale(self, sigma: float) -> float:
        """What a latent is multiplied by before the network sees it."""
        return 1 / self.scale(sigma)

    def noise_in(self, sigma: float) -> float:
        """What unit noise is multiplied by to be a latent that is noise alone."""
        return self.scale(sigma)

    def noise_out(self, sigma: float) -> float:
        """What a latent that sampling leaves at σ is divided by."""
        return self.scale(sigma)


class Diffusion(Parametrization):
    """A variance that stays: the network sees √ᾱ·clean + √(1−ᾱ)·noise, with σ² = (1−ᾱ)/ᾱ. Ho et al. 2020,
    arXiv:2006.11239.
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
    """A straight way: the network sees (1−t)·clean + t·noise and predicts noise − clean; σ = t/(1−t).

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
