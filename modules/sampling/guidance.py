"""Layers around a sampler's flow: each answers the sampler's questions by asking the model better ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Generic, TypeVar

from modules.sampling.flows import Flow
from modules.sampling.questions import Cond, Interrupted, Predict, Task, Weights
from modules.sampling.schedules import Levels

if TYPE_CHECKING:
    from torch import Tensor


T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Timeline(Generic[T]):
    """What there is over time: the meaning of `[a:b:0.5]` has two entries, that of most prompts one."""

    ends: tuple[float, ...]          # the last model evaluation each entry is for
    entries: tuple[T, ...]

    @classmethod
    def always(cls, entry: T) -> Timeline[T]:
        return cls((inf,), (entry,))

    def map(self, change: Callable[[T], U]) -> Timeline[U]:
        """The same times with each entry changed."""
        return Timeline(self.ends, tuple(map(change, self.entries)))

    def at(self, evaluation: int) -> T:
        """The first entry where there is none for it."""
        return next((entry for end, entry in zip(self.ends, self.entries, strict=True) if evaluation <= end), self.entries[0])


When = Callable[[int, float], bool]      # (evaluation, σ) → is it so there?


def never(evaluation: int, sigma: float) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Guidance:
    """Towards some prompts, each with a weight (`a AND b:0.7`), and away from another."""

    positive: tuple[tuple[Timeline[Cond], float], ...]
    negative: Timeline[Cond]
    scale: float
    alone: When = never                      # is the negative prompt left out there?
    even: Callable[[list[Cond]], list[Cond]] = list      # brings the prompts, the negative one last, to one length
    image: Tensor | None = None              # (c, h, w), what an inpainting model is shown beside the latent

    def conds(self, evaluation: int, sigma: float) -> tuple[Cond, ...]:
        """The positive ones, as long as each other, then the negative one unless it is left out; its length counts all the same."""
        positive = equally_long([schedule.at(evaluation) for schedule, _ in self.positive])
        conds = self.even([*positive, self.negative.at(evaluation)])
        if self.alone(evaluation, sigma):
            conds = conds[:-1]
        return tuple(conds if self.image is None else [replace(cond, image=self.image) for cond in conds])

    def combine(self, estimates: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The guided and the unprompted estimate.

        Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598), composed over the prompts
        (Liu et al. 2022, arXiv:2206.01714): away + Σ weight · scale · (toward − away).
        Without a negative prompt the first positive one stands in for it, and as in A1111 the scale is 1.
        """
        towards, negative = estimates[: len(self.positive)], estimates[len(self.positive):]
        away, scale = (negative[0], self.scale) if negative else (towards[0], 1.0)
        clean = away
        for toward, (_, weight) in zip(towards, self.positive, strict=True):
            clean = clean + (toward - away) * (weight * scale)
        return clean, away


def equally_long(conds: Sequence[Cond]) -> list[Cond]:
    """Lengthen conditionings to the longest by repeating the last token, as A1111 does within a batch."""
    longest = max(len(cond.text) for cond in conds)
    return [cond.of_length(longest) for cond in conds]


def cut_or_lengthened(conds: list[Cond]) -> list[Cond]:
    """The negative prompt, the last one, made as long as the others: A1111's "Pad conds v0"."""
    *positive, negative = conds
    return [*positive, negative.of_length(len(positive[0].text))]


def padded(empty: Cond, conds: list[Cond]) -> list[Cond]:
    """The shorter ones followed by empty text: A1111's "Pad conds"."""
    longest = max(len(cond.text) for cond in conds)
    return [cond.padded(longest, empty) for cond in conds]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of sampling by one model. Once it is `over`, `after` tells the next."""

    weights: Timeline[Weights]          # networks may come and go
    guidance: Guidance
    levels: Levels                      # those the model was trained on, which tell its timestep for a σ
    over: When = never
    after: Callable[[], Task[Stage]] | None = None
    before: int = 0                     # steps of the passes before this one, for whoever is watching


def guided(sampler: Flow, stage: Stage, clean: Tensor | None = None) -> Task[Tensor]:
    """Answer a sampler's questions, stage by stage; returns its latent. Prompt editing counts model evaluations.

    clean: what there is to show before the first answer
    """
    evaluation = 0
    try:
        ask = next(sampler)
        while True:
            if stage.after and stage.over(evaluation, ask.sigma):
                stage = yield from stage.after()
            conds = stage.guidance.conds(evaluation, ask.sigma)
            timestep = stage.levels.timestep(ask.sigma)
            estimates = yield Predict(stage.weights.at(evaluation), ask.x, ask.sigma, timestep, conds, stage.before + ask.step, preview=clean)
            clean, away = stage.guidance.combine(estimates)
            evaluation += 1
            ask = sampler.send((clean, away) if ask.apart else clean)
    except StopIteration as done:
        return done.value
    except Interrupted as stop:
        stop.latest = clean
        raise
