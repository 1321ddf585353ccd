"""Guidance: answers a sampler's questions by asking the model about each prompt, stage by stage.

A stage's layers stand between the sampler and the guidance: each may change what the sampler asks, and the estimate on
its way back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from modules.sampling.cond_extras import CondExtras
from modules.sampling.control import ControlTimeline
from modules.sampling.flows import Denoise, Flow
from modules.sampling.questions import Cond, Interrupted, Predict, Task, Weights
from modules.sampling.references import Moment
from modules.sampling.regions import RegionalPrompts
from modules.sampling.schedules import ModelSigmas

if TYPE_CHECKING:
    from torch import Tensor


T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Timeline(Generic[T]):
    """A value over time: the conditioning of `[a:b:0.5]` has two entries, that of most prompts one."""

    ends: tuple[float, ...]          # the last model evaluation of each entry
    entries: tuple[T, ...]

    @classmethod
    def always(cls, entry: T) -> Timeline[T]:
        return cls((inf,), (entry,))

    def map(self, change: Callable[[T], U]) -> Timeline[U]:
        """Return the same times with each entry changed."""
        return Timeline(self.ends, tuple(map(change, self.entries)))

    def at(self, evaluation: float) -> T:
        """Return the entry of that evaluation, or the first if there is none."""
        return next(
            (entry for end, entry in zip(self.ends, self.entries, strict=True) if evaluation <= end), self.entries[0]
        )


When = Callable[[int, float], bool]      # a predicate over (model evaluation, σ)


def never(evaluation: int, sigma: float) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Guidance:
    """Classifier-free guidance: towards weighted prompts (`a AND b:0.7`), and away from a negative prompt."""

    positive: tuple[tuple[Timeline[Cond], float], ...]
    negative: Timeline[Cond]
    scale: float
    alone: When = never                      # true where the negative prompt is skipped
    even: Callable[[list[Cond]], list[Cond]] = list      # makes conditionings equally long, the negative prompt's last
    extras: CondExtras = field(default_factory=dict)      # of every row
    control: ControlTimeline | None = None
    regions: RegionalPrompts | None = None

    @property
    def regional_rows(self) -> tuple[Timeline[Cond], ...]:
        """The regions' prompts that are rows of their own, after the positive ones."""
        return self.regions.prompts if self.regions and self.regions.by_estimate else ()

    @property
    def prompted(self) -> int:
        """The number of rows before the negative one."""
        return len(self.positive) + len(self.regional_rows)

    def conds(self, evaluation: int, sigma: float, step: int = 0) -> tuple[Cond, ...]:
        """Return the positive conditionings, then the negative one unless it is skipped.

        All are equally long; the negative one's length counts even if it is skipped.
        step: that of the evaluation before, which control counts by
        """
        schedules = (*(schedule for schedule, _ in self.positive), *self.regional_rows)
        positive = equally_long([schedule.at(evaluation) for schedule in schedules])
        conds = self.even([*positive, self.negative.at(evaluation)])
        if self.regions and not self.regions.by_estimate:
            conds = self.with_region_texts(conds, self.regions, evaluation)
        elif self.regions:
            conds = [
                cond.with_extras(self.regions.row_extras(place - len(self.positive)))
                if len(self.positive) <= place < len(positive) else cond for place, cond in enumerate(conds)
            ]
        if self.control:
            extras = self.control.rows(step, Moment(evaluation, sigma), len(positive), len(conds))
            conds = [cond.with_extras(own) for cond, own in zip(conds, extras, strict=True)]
        if self.alone(evaluation, sigma):
            conds = conds[:-1]
        return tuple(cond.with_extras(self.extras) for cond in conds)

    def with_region_texts(self, conds: list[Cond], regions: RegionalPrompts, evaluation: int) -> list[Cond]:
        """Return the conditionings, as long as the longest region's, the positive ones with the regions' texts."""
        longest = max(regions.lengths(evaluation), *(len(cond.text) for cond in conds))
        extras = regions.extras(evaluation, longest)
        conds = [cond.of_length(longest) for cond in conds]
        return [cond.with_extras(extras) if place < len(self.positive) else cond for place, cond in enumerate(conds)]

    def combine(self, estimates: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the guided and the unprompted estimate.

        Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598), composed over the prompts
        (Liu et al. 2022, arXiv:2206.01714): away + Σ weight · scale · (toward − away).
        Without a negative prompt the first positive one stands in for it, and as in A1111 the scale is 1.
        """
        if self.control:
            estimates = self.control.changed(estimates, self.prompted)
        towards, negative = estimates[: self.prompted], estimates[self.prompted:]
        away, scale = (negative[0], self.scale) if negative else (towards[0], 1.0)
        clean = away
        own, *others = self.regions.shares.to(away) if self.regions and self.regions.by_estimate else (1.0,)
        for toward, (_, weight) in zip(towards, self.positive, strict=False):
            clean = clean + (toward - away) * (weight * scale) * own
        for toward, share in zip(towards[len(self.positive):], others, strict=True):
            clean = clean + (toward - away) * scale * share
        return clean, away


def equally_long(conds: Sequence[Cond]) -> list[Cond]:
    """Lengthen conditionings to the longest by repeating the last token, as A1111 does within a batch."""
    longest = max(len(cond.text) for cond in conds)
    return [cond.of_length(longest) for cond in conds]


def cut_or_lengthened(conds: list[Cond]) -> list[Cond]:
    """Cut or lengthen the negative prompt, the last one, to the others' length: A1111's "Pad conds v0"."""
    *positive, negative = conds
    return [*positive, negative.of_length(len(positive[0].text))]


def padded(empty: Cond, conds: list[Cond]) -> list[Cond]:
    """Lengthen the shorter conditionings by empty text: A1111's "Pad conds"."""
    longest = max(len(cond.text) for cond in conds)
    return [cond.padded(longest, empty) for cond in conds]


class GuidanceLayer(Protocol):
    """A change of a sampler's questions, and of the estimates that it is sent."""

    def ask(self, ask: Denoise) -> Denoise:
        """Return the question as it goes on to the model."""

    def answer(self, ask: Denoise, estimate: Tensor) -> Tensor:
        """Return the estimate (C, h, w) as it goes back; `ask` is the question as it came to this layer."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of sampling by one model. Once it is `over`, `after` returns the next."""

    weights: Timeline[Weights]          # networks may come and go
    guidance: Guidance
    levels: ModelSigmas                      # the noise levels that the model was trained on, for the timestep of a σ
    over: When = never
    after: Callable[[], Task[Stage]] | None = None
    before: int = 0                     # steps of the passes before this one, for progress
    layers: tuple[GuidanceLayer, ...] = ()      # the first is next to the sampler


def guided(sampler: Flow, stage: Stage, clean: Tensor | None = None) -> Task[Tensor]:
    """Answer a sampler's questions, stage by stage; returns its latent. Prompt editing counts model evaluations.

    clean: the preview before the first answer
    """
    evaluation = step = 0
    try:
        ask = next(sampler)
        while True:
            if stage.after and stage.over(evaluation, ask.sigma):
                stage = yield from stage.after()
            asks = layered_asks(stage.layers, ask)
            conds = stage.guidance.conds(evaluation, ask.sigma, step)
            estimates = yield predict_for(stage, evaluation, asks[-1], conds, clean)
            clean, away = stage.guidance.combine(estimates)
            evaluation, step = evaluation + 1, ask.step
            answer = layered_answer(stage.layers, asks, clean)
            if ask.apart:
                answer = stacked_estimates(answer, layered_answer(stage.layers, asks, away))
            ask = sampler.send(answer)
    except StopIteration as done:
        return done.value
    except Interrupted as stop:
        stop.latest = clean
        raise


def stacked_estimates(clean: Tensor, away: Tensor) -> Tensor:
    """Stack two estimates (C, h, w) to (2, C, h, w)."""
    from torch import stack  # an estimate is a tensor, so torch is loaded already

    return stack((clean, away))


def predict_for(
    stage: Stage, evaluation: int, ask: Denoise, conds: tuple[Cond, ...], preview: Tensor | None
) -> Predict:
    step, timestep = stage.before + ask.step, stage.levels.timestep(ask.sigma)
    return Predict(stage.weights.at(evaluation), ask.x, ask.sigma, timestep, conds, step, preview=preview)


def layered_asks(layers: Sequence[GuidanceLayer], ask: Denoise) -> list[Denoise]:
    """Return the question as it comes to each layer, and last as it goes to the model."""
    asks = [ask]
    for layer in layers:
        asks.append(layer.ask(asks[-1]))
    return asks


def layered_answer(layers: Sequence[GuidanceLayer], asks: Sequence[Denoise], estimate: Tensor) -> Tensor:
    """Return the model's estimate as the layers pass it back to the sampler."""
    for layer, ask in zip(reversed(layers), reversed(asks[:-1]), strict=True):
        estimate = layer.answer(ask, estimate)
    return estimate
