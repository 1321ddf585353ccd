"""Learning rates over the steps of a run: factors of the rate that was asked for, and A1111's lists of rates."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi, sqrt

from modules.base.errors import Invalid

Factor = Callable[["RateSchedule", float], float]      # schedule, step → factor


@dataclass(frozen=True, slots=True)
class RateSchedule:
    """How the rate changes. Names as sd-scripts'.

    warm_up, decay: steps, or a share of all below 1
    """

    name: str = "constant"
    steps: int = 1
    warm_up: float = 0.0
    decay: float = 0.0
    cycles: float = 1.0
    power: float = 1.0
    time_scale: int = 0
    lowest: float = 0.0

    def factor(self, step: int) -> float:
        """Return the share of the rate that step has, counted from 0."""
        warm_up = self.rising
        if step < warm_up:
            return step / max(1, warm_up)
        return SHAPES[self.name](self, step)

    @property
    def rising(self) -> int:
        """The steps of the warm-up."""
        return self._steps(self.warm_up)

    @property
    def falling(self) -> int:
        """The steps of the cool-down."""
        return self._steps(self.decay)

    def share(self, step: float) -> float:
        """Return how much of the time after the warm-up has passed."""
        return min(1.0, (step - self.rising) / max(1, self.steps - self.rising))

    def _steps(self, wanted: float) -> int:
        return int(wanted * self.steps) if 0 < wanted < 1 else int(wanted)


def constant(schedule: RateSchedule, step: float) -> float:
    return 1.0


def linear(schedule: RateSchedule, step: float) -> float:
    return 1 - schedule.share(step)


def cosine(schedule: RateSchedule, step: float) -> float:
    """Return half a wave. Loshchilov & Hutter 2017, arXiv:1608.03983."""
    return (1 + cos(pi * schedule.share(step))) / 2


def cosine_with_restarts(schedule: RateSchedule, step: float) -> float:
    share = schedule.share(step)
    return 0.0 if share >= 1 else (1 + cos(pi * (schedule.cycles * share % 1))) / 2


def polynomial(schedule: RateSchedule, step: float) -> float:
    return max(schedule.lowest, (1 - schedule.share(step)) ** schedule.power)


def inverse_sqrt(schedule: RateSchedule, step: float) -> float:
    scale = schedule.time_scale or schedule.rising or 10_000
    return 1 / sqrt((step + scale - schedule.rising) / scale)


def cosine_with_floor(schedule: RateSchedule, step: float) -> float:
    return schedule.lowest + (1 - schedule.lowest) * cosine(schedule, step)


def warm_up_stable_decay(schedule: RateSchedule, step: float) -> float:
    """Return 1 until the cool-down, which falls like a cosine. Hu et al. 2024, arXiv:2404.06395."""
    left = schedule.steps - step
    if not schedule.falling or left >= schedule.falling:
        return 1.0
    down = (1 - cos(pi * max(0.0, left) / schedule.falling)) / 2
    return schedule.lowest + (1 - schedule.lowest) * down


def one_cycle(schedule: RateSchedule, step: float) -> float:
    """Return a cosine rise over the first 30 %, then a fall to nothing. Smith & Topin 2019, arXiv:1708.07120."""
    share = min(1.0, step / max(1, schedule.steps - 1))
    if share < 0.3:
        return 1 / 25 + (1 - 1 / 25) * (1 - cos(pi * share / 0.3)) / 2
    return (1 + cos(pi * (share - 0.3) / 0.7)) / 2


SHAPES: dict[str, Factor] = {
    "constant": constant,
    "constant_with_warmup": constant,
    "linear": linear,
    "cosine": cosine,
    "cosine_with_restarts": cosine_with_restarts,
    "polynomial": polynomial,
    "inverse_sqrt": inverse_sqrt,
    "cosine_with_min_lr": cosine_with_floor,
    "warmup_stable_decay": warm_up_stable_decay,
    "one_cycle": one_cycle,
}


def known_schedule(name: str) -> str:
    """Return the name if there is such a schedule. Raises Invalid."""
    if name not in SHAPES:
        raise Invalid(
            f"The rate schedule {name!r:.80} is not known.", f"There are: {', '.join(SHAPES)}.", "lr_scheduler"
        )
    return name


def listed_rate(rates: Sequence[tuple[float, int]], step: int) -> float:
    """Return the rate of A1111's list at a step, counted from 0; its last one goes on past its end.

    rates: (rate, the step until which it holds), -1 is for ever
    """
    ends = [until if until >= 0 else 2**62 for _, until in rates]
    return rates[min(bisect_left(ends, step + 1), len(rates) - 1)][0]
