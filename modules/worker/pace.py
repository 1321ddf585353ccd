"""How fast a worker draws, by its last pictures: machines of a cluster may differ by a hundred times."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

FEWEST_TIMED = 3      # pictures, before which nothing is said
MOST_TIMED = 16
SLOWER = 1.5          # times; less may be chance


class Pace:
    """The time that a worker takes for its pictures, without that for loading models.

    took: seconds and megapixel-steps of the last ones
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.took: deque[tuple[float, float]] = deque(maxlen=MOST_TIMED)
        self._since = clock()

    def begin(self) -> None:
        """Count from now: it is given something to do, or has loaded a model."""
        self._since = self.clock()

    def made(self, work: float) -> None:
        now = self.clock()
        self.took.append((now - self._since, work))
        self._since = now

    @property
    def seconds(self) -> float:
        """Of one megapixel-step; 0 while that is not known."""
        if len(self.took) < FEWEST_TIMED:
            return 0.0
        seconds, work = map(sum, zip(*self.took, strict=True))
        return seconds / work if work else 0.0

    def slowness(self, others: Iterable[Pace]) -> float:
        """Return how many times longer it takes than the fastest; 1 if that is not known, or hardly more."""
        fastest = min((each.seconds for each in others if each.seconds), default=0.0)
        times = self.seconds / fastest if fastest else 1.0
        return times if times >= SLOWER else 1.0
