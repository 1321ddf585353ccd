"""Noise schedules: the levels σ of a pass, computed from the model's own levels.

Stable Diffusion was trained on 1,000 discrete levels; between them, timestep and log σ are interpolated
linearly. Every schedule is one function of the step count, the range and the model's levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import atan, log

import numpy as np

from modules.base.errors import Invalid
from modules.base.registry import Registry
from modules.sampling.parametrization import EPSILON, FLOW, Parametrization

# Align Your Steps: levels optimised for each family.
ALIGNED = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)      # SD 1.5's
ALIGNED_SDXL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)


@dataclass(frozen=True, eq=False)
class ModelSigmas:
    """The noise levels that a model was trained on: σ (timesteps,), rising, float32, with the time of each level.

    aligned: its family's levels for Align Your Steps, falling; () if there are none
    alphas_cumprod: the ᾱ (timesteps,) they are computed from, if any
    """

    sigmas: np.ndarray
    aligned: tuple[float, ...] = ALIGNED
    parametrization: Parametrization = EPSILON
    alphas_cumprod: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        alphas_cumprod: np.ndarray,
        aligned: tuple[float, ...] = ALIGNED,
        parametrization: Parametrization = EPSILON,
    ) -> ModelSigmas:
        """Return the levels of ᾱ (timesteps,): σ² = (1 − ᾱ)/ᾱ, in the precision of ᾱ."""
        alphas = np.asarray(alphas_cumprod)
        sigmas = (((1 - alphas) / alphas) ** alphas.dtype.type(0.5)).astype(np.float32)
        return cls(sigmas, aligned, parametrization, alphas)

    def bent(self, half: bool, to_noise: bool) -> ModelSigmas:
        """Return the levels as settings change them.

        half: ᾱ is rounded to half precision; to_noise: the last level is pure noise
        """
        if self.alphas_cumprod is None:
            return self
        alphas = self.alphas_cumprod.astype(np.float16) if half else self.alphas_cumprod
        return ModelSigmas.of(
            without_signal_at_the_end(alphas) if to_noise else alphas, self.aligned, self.parametrization
        )

    def up_to(self, sigma: float) -> ModelSigmas:
        """Return the levels up to σ."""
        return replace(self, sigmas=self.sigmas[self.sigmas <= np.float32(sigma)])

    def every(self, stride: int) -> ModelSigmas:
        """Return the levels of a distilled model, which was trained only on each `stride`-th timestep."""
        return CoarseLevels(self.sigmas[stride - 1::stride], self.aligned, self.parametrization, stride=stride)

    def quantised(self) -> ModelSigmas:
        """Return the same levels, with timesteps rounded to whole ones."""
        return CoarseLevels(self.sigmas, self.aligned, self.parametrization)

    @property
    def lowest(self) -> float:
        return float(self.sigmas[0])

    @property
    def highest(self) -> float:
        return float(self.sigmas[-1])

    def __len__(self) -> int:
        return len(self.sigmas)

    def sigma(self, timestep: float) -> float:
        """Return σ at a timestep, which may be fractional."""
        return float(np.exp(np.interp(timestep, np.arange(len(self)), np.log(self.sigmas.astype(np.float64)))))

    def timestep(self, sigma: float) -> float:
        """Return the timestep of σ, fractional, clamped to the trained range."""
        return float(np.interp(log(sigma), np.log(self.sigmas.astype(np.float64)), np.arange(len(self))))

    @property
    def drawn(self) -> ModelSigmas:
        """The levels on the scale of schedules."""
        return self

    def onto_drawn(self, sigma: float) -> float:
        """Convert σ to the scale of schedules."""
        return sigma

    def from_drawn(self, level: float) -> float:
        """Convert a level on the scale of schedules to σ."""
        return level


@dataclass(frozen=True, eq=False)
class CoarseLevels(ModelSigmas):
    """Levels of a model trained only on each `stride`-th timestep: between two, the nearest is used."""

    stride: int = 1

    def timestep(self, sigma: float) -> float:
        nearest = int(np.argmin(np.abs(np.log(self.sigmas) - log(sigma))))
        return float((nearest + 1) * self.stride - 1)


@dataclass(frozen=True, eq=False)
class FlowLevels(ModelSigmas):
    """Levels of a flow-matching model, σ = t/(1−t); its time is t in thousandths. Schedules are computed on t."""

    aligned: tuple[float, ...] = ()
    parametrization: Parametrization = FLOW

    @classmethod
    def shifted(cls, shift: float) -> FlowLevels:
        """Return evenly spaced times, shifted towards noise: t' = shift·t / (1 + (shift−1)·t).

        Esser et al. 2024, arXiv:2403.03206, eq. 23.
        """
        even = np.arange(1, FLOW_TIMES + 1) / FLOW_TIMES
        times = np.minimum(shift * even / (1 + (shift - 1) * even), LAST_TIME)
        return cls((times / (1 - times)).astype(np.float32))

    def sigma(self, timestep: float) -> float:
        return self.from_drawn(min(timestep / FLOW_TIMES, LAST_TIME))

    def timestep(self, sigma: float) -> float:
        return FLOW_TIMES * self.onto_drawn(sigma)

    def every(self, stride: int) -> ModelSigmas:
        raise Invalid(
            "This sampler is for models that know a few timesteps only.",
            "Choose another, such as Euler.",
            "sampler_name",
        )

    def quantised(self) -> ModelSigmas:
        return self

    @property
    def drawn(self) -> ModelSigmas:
        return ModelSigmas(self.sigmas / (1 + self.sigmas), self.aligned, self.parametrization)

    def onto_drawn(self, sigma: float) -> float:
        return sigma / (1 + sigma)

    def from_drawn(self, level: float) -> float:
        return level / (1 - level)


FLOW_TIMES = 1000
LAST_TIME = 1 - 1e-4      # at 1 the latent is all noise, and σ infinite


def without_signal_at_the_end(alphas_cumprod: np.ndarray) -> np.ndarray:
    """Return ᾱ rescaled so that the last timestep is pure noise. Lin et al. 2023, arXiv:2305.08891, Algorithm 1.

    Its last value would be 0, and σ infinite; as in A1111 it is a small one that keeps σ finite.
    """
    root = np.sqrt(alphas_cumprod)
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    return np.append(root[:-1] ** 2, alphas_cumprod.dtype.type(LEAST_SIGNAL))


LEAST_SIGNAL = 4.8973451890853435e-08


def uniform(steps: int, low: float, high: float, levels: ModelSigmas) -> list[float]:
    """Evenly spaced timesteps over the whole training range, ends included."""
    return [levels.sigma(t) for t in np.linspace(len(levels) - 1, 0, steps)]


def karras(steps: int, low: float, high: float, levels: ModelSigmas, rho: float = 7.0) -> list[float]:
    """Even spacing in σ^(1/ρ). Karras et al. 2022, arXiv:2206.00364, eq. 5."""
    ramp = np.linspace(high ** (1 / rho), low ** (1 / rho), steps)
    return list(ramp**rho)


def exponential(steps: int, low: float, high: float, levels: ModelSigmas) -> list[float]:
    """Even spacing in log σ."""
    return list(np.exp(np.linspace(log(high), log(low), steps)))


def sgm_uniform(steps: int, low: float, high: float, levels: ModelSigmas) -> list[float]:
    """Evenly spaced timesteps without the last one, as in Stability's generative-models."""
    timesteps = np.linspace(levels.timestep(high), levels.timestep(low), steps + 1)[:-1]
    return [levels.sigma(t) for t in timesteps]


def polyexponential(steps: int, low: float, high: float, levels: ModelSigmas, rho: float = 1.0) -> list[float]:
    """A power of an even ramp, in log σ."""
    return list(np.exp(np.linspace(1, 0, steps) ** rho * log(high / low) + log(low)))


def kl_optimal(steps: int, low: float, high: float, levels: ModelSigmas) -> list[float]:
    """Even spacing in arctan σ; the lowest level ends it. Sabour, Fidler & Kreis 2024, arXiv:2404.14507, eq. 32."""
    return list(np.tan(np.linspace(atan(high), atan(low), steps + 1)))


def align_your_steps(steps: int, low: float, high: float, levels: ModelSigmas) -> list[float]:
    """Eleven levels optimised for a family, interpolated evenly in log σ.

    Sabour, Fidler & Kreis 2024, arXiv:2404.14507.
    """
    if not levels.aligned:
        raise Invalid(
            "There is no Align Your Steps for models of this family.", "Choose another schedule type.", "scheduler"
        )
    rising = np.log(levels.aligned[::-1])
    return list(np.exp(np.interp(np.linspace(0, 10, steps), np.arange(11), rising))[::-1])


def simple(steps: int, low: float, high: float, levels: ModelSigmas) -> list[float]:
    """Every so-many-th trained level, from the highest."""
    return [float(levels.sigmas[-1 - int(i * len(levels) / steps)]) for i in range(steps)]


def normal(steps: int, low: float, high: float, levels: ModelSigmas) -> list[float]:
    """Evenly spaced timesteps between the timesteps of the highest and the lowest level."""
    return [levels.sigma(t) for t in np.linspace(levels.timestep(high), levels.timestep(low), steps)]


def ddim_uniform(steps: int, low: float, high: float, levels: ModelSigmas) -> list[float]:
    """The levels of timesteps 1, 1+k, 1+2k …; there may be more than `steps`."""
    return [float(sigma) for sigma in levels.sigmas[1::max(1, len(levels) // steps)][::-1]]


def beta(
    steps: int, low: float, high: float, levels: ModelSigmas, alpha: float = 0.6, beta: float = 0.6
) -> list[float]:
    """Quantiles of the Beta distribution, stretched over σ as in A1111. Lee et al. 2024, arXiv:2407.12173."""
    from scipy.stats import beta as distribution  # slow to import, seldom used

    return list(low + distribution.ppf(np.linspace(1, 0, steps), alpha, beta) * (high - low))


def ddim_levels(steps: int, levels: ModelSigmas) -> list[float]:
    """The levels of DDIM's timesteps 1, 1+k, 1+2k … with k = timesteps // steps, falling; none is 0."""
    timesteps = np.minimum(np.arange(0, len(levels), max(1, len(levels) // steps)) + 1, len(levels) - 1)
    return [float(levels.sigmas[t]) for t in reversed(timesteps)]


@dataclass(frozen=True)
class Schedule:
    name: str
    levels: Callable[..., list[float]]
    aliases: tuple[str, ...] = ()
    options: tuple[str, ...] = ()     # fields of ScheduleOptions that it uses, beside the ends
    ends_at_zero: bool = True         # 0 follows its last level


SCHEDULES = Registry("schedule type", (
    Schedule("Automatic", uniform, ("automatic",)),      # replaced by the sampler's own schedule
    Schedule("Uniform", uniform),
    Schedule("Karras", karras, options=("rho",)),
    Schedule("Exponential", exponential),
    Schedule("Polyexponential", polyexponential, options=("rho",)),
    Schedule("SGM Uniform", sgm_uniform, ("sgm_uniform", "SGMUniform")),
    Schedule("KL Optimal", kl_optimal, ("kl_optimal",), ends_at_zero=False),
    Schedule("Align Your Steps", align_your_steps, ("align_your_steps",)),
    Schedule("Simple", simple),
    Schedule("Normal", normal),
    Schedule("DDIM", ddim_uniform, ("ddim_uniform",)),
    Schedule("Beta", beta, options=("alpha", "beta")),
))


@dataclass(frozen=True)
class ScheduleOptions:
    """A user's options of a schedule; 0 leaves a value to the model or the schedule."""

    low: float = 0.0
    high: float = 0.0
    rho: float = 0.0
    alpha: float = 0.6      # of the Beta distribution
    beta: float = 0.6


def sigmas(
    schedule: Schedule, steps: int, levels: ModelSigmas,
    shape: ScheduleOptions = ScheduleOptions(), discard_next_to_last_sigma: bool = False,
) -> list[float]:
    """Return the levels of one pass, high to low: `steps` moves, so steps + 1 levels (DDIM's schedule may have more).

    discard_next_to_last_sigma: computed for one step more and without its last level but one, for samplers that need a
        longer last step
    """
    how = {name: getattr(shape, name) for name in schedule.options if getattr(shape, name)}
    low, high = (levels.onto_drawn(end) for end in (shape.low or levels.lowest, shape.high or levels.highest))
    try:
        found = schedule.levels(steps + discard_next_to_last_sigma, low, high, levels.drawn, **how)
    except OverflowError as error:
        raise Invalid(
            f"These settings bend the schedule {schedule.name} beyond all numbers.", "Set rho to 0, its default.", "rho"
        ) from error
    whole = [levels.from_drawn(float(level)) for level in found] + [0.0] * schedule.ends_at_zero
    return whole[:-2] + whole[-1:] if discard_next_to_last_sigma else whole
