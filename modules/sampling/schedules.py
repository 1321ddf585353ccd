"""Noise schedules: which levels σ a picture passes through, from the model's own levels.

Stable Diffusion was trained on 1,000 discrete levels; between them, timestep and log σ are interpolated
linearly. Every schedule is one function of the step count, the range and the model's levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from modules.base.registry import Registry


@dataclass(frozen=True, eq=False)
class Levels:
    """The noise levels a model was trained on, rising: (timesteps,) σ, float32."""

    sigmas: np.ndarray

    @classmethod
    def of(cls, alphas_cumprod: Sequence[float]) -> Levels:
        """From ᾱ (timesteps,): σ² = (1 − ᾱ)/ᾱ."""
        alphas = np.asarray(alphas_cumprod, dtype=np.float32)
        return cls(((1 - alphas) / alphas) ** np.float32(0.5))

    @property
    def lowest(self) -> float:
        return float(self.sigmas[0])

    @property
    def highest(self) -> float:
        return float(self.sigmas[-1])

    def __len__(self) -> int:
        return len(self.sigmas)

    def sigma(self, timestep: float) -> float:
        """σ at a timestep, fractional ones too."""
        return float(np.exp(np.interp(timestep, np.arange(len(self)), np.log(self.sigmas.astype(np.float64)))))

    def timestep(self, sigma: float) -> float:
        """The timestep, fractional, whose level is σ; clamped to the trained range."""
        return float(np.interp(log(sigma), np.log(self.sigmas.astype(np.float64)), np.arange(len(self))))


def uniform(steps: int, low: float, high: float, levels: Levels) -> list[float]:
    """Evenly spaced timesteps over the whole training range, ends included."""
    return [levels.sigma(t) for t in np.linspace(len(levels) - 1, 0, steps)]


def karras(steps: int, low: float, high: float, levels: Levels, rho: float = 7.0) -> list[float]:
    """Even in σ^(1/ρ). Karras et al. 2022, arXiv:2206.00364, eq. 5."""
    ramp = np.linspace(high ** (1 / rho), low ** (1 / rho), steps)
    return list(ramp**rho)


def exponential(steps: int, low: float, high: float, levels: Levels) -> list[float]:
    """Even in log σ."""
    return list(np.exp(np.linspace(log(high), log(low), steps)))


def sgm_uniform(steps: int, low: float, high: float, levels: Levels) -> list[float]:
    """Evenly spaced timesteps, the last one left out: as Stability's generative-models spaces them."""
    timesteps = np.linspace(levels.timestep(high), levels.timestep(low), steps + 1)[:-1]
    return [levels.sigma(t) for t in timesteps]


def ddim_levels(steps: int, levels: Levels) -> list[float]:
    """The levels of DDIM's timesteps 1, 1+k, 1+2k … with k = timesteps // steps, falling; none is 0."""
    timesteps = np.minimum(np.arange(0, len(levels), max(1, len(levels) // steps)) + 1, len(levels) - 1)
    return [float(levels.sigmas[t]) for t in reversed(timesteps)]


@dataclass(frozen=True)
class Schedule:
    name: str
    levels: Callable[..., list[float]] | None      # None: the sampler chooses
    aliases: tuple[str, ...] = ()
    rho: float | None = None                       # its default ρ, where it has one
    ends_at_zero: bool = True                      # 0 follows its last level


SCHEDULES = Registry("schedule type", (
    Schedule("Automatic", None, ("automatic",)),
    Schedule("Uniform", uniform),
    Schedule("Karras", karras, rho=7.0),
    Schedule("Exponential", exponential),
    Schedule("SGM Uniform", sgm_uniform, ("sgm_uniform", "SGMUniform")),
))


def sigmas(schedule: Schedule, steps: int, levels: Levels) -> list[float]:
    """The levels of one pass, high to low: `steps` moves, so steps + 1 figures."""
    found = schedule.levels(steps, levels.lowest, levels.highest, levels)
    return [float(sigma) for sigma in found] + [0.0] * schedule.ends_at_zero
