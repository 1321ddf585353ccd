"""Layers around a sampler's flow: each answers the sampler's questions by asking the model better ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modules.sampling.flows import Flow
from modules.sampling.questions import Cond, Interrupted, Predict, Task, Weights
from modules.sampling.schedules import Levels

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one prompt says over time: `[a:b:0.5]` has two entries, most prompts one."""

    ends: tuple[int, ...]            # the last model evaluation each entry is for
    conds: tuple[Cond, ...]

    def at(self, evaluation: int) -> Cond:
        return next((cond for end, cond in zip(self.ends, self.conds, strict=True) if evaluation <= end), self.conds[0])


Alone = Callable[[int, float], bool]


def never(evaluation: int, sigma: float) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Guidance:
    """Towards some prompts, each with a weight (`a AND b:0.7`), and away from another."""

    positive: tuple[tuple[Schedule, float], ...]
    negative: Schedule
    scale: float
    alone: Alone = never      # (evaluation, σ) → is the negative prompt left out there?

    def conds(self, evaluation: int, sigma: float) -> tuple[Cond, ...]:
        """The positive ones, as long as each other, then the negative one unless it is left out."""
        positive = equally_long([schedule.at(evaluation) for schedule, _ in self.positive])
        return tuple(positive) if self.alone(evaluation, sigma) else (*positive, self.negative.at(evaluation))

    def combine(self, estimates: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The guided and the unprompted estimate.

        Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598), composed over the prompts
        (Liu et al. 2022, arXiv:2206.01714): away + Σ weight · scale · (toward − away).
        Without a negative prompt the first positive one stands in for it.
        """
        towards, away = estimates[: len(self.positive)], estimates[len(self.positive):] or estimates[:1]
        clean = away[0]
        for toward, (_, weight) in zip(towards, self.positive, strict=True):
            clean = clean + (toward - away[0]) * (weight * self.scale)
        return clean, away[0]


def equally_long(conds: Sequence[Cond]) -> list[Cond]:
    """Lengthen conditionings to the longest by repeating the last token, as A1111 does within a batch."""
    longest = max(len(cond.text) for cond in conds)
    return [cond.lengthened(longest) for cond in conds]


def guided(sampler: Flow, weights: Weights, guidance: Guidance, levels: Levels) -> Task[Tensor]:
    """Answer a sampler's questions under `guidance`; returns its latent. Prompt editing counts model evaluations.

    levels: those the model was trained on, which tell its timestep for a σ
    """
    clean, evaluation = None, 0
    try:
        ask = next(sampler)
        while True:
            conds = guidance.conds(evaluation, ask.sigma)
            estimates = yield Predict(weights, ask.x, ask.sigma, levels.timestep(ask.sigma), conds, ask.step, preview=clean)
            clean, away = guidance.combine(estimates)
            evaluation += 1
            ask = sampler.send((clean, away) if ask.apart else clean)
    except StopIteration as done:
        return done.value
    except Interrupted as stop:
        stop.latest = clean
        raise
