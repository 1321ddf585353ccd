"""When a worker that died is started again: at once, then later and later, and after so many deaths not for a while."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SECONDS = 1.0       # after the second death in a row; the first worker that dies is replaced at once
MOST_IN_A_ROW = 6         # deaths; then the breaker opens
BREAKER_SECONDS = 15.0
LONGEST_BREAK = 300.0     # seconds
STEADY_SECONDS = 60.0     # a worker that lived so long is none that dies again and again


@dataclass
class Restarts:
    """Of one worker; times are those of a clock that only goes forward."""

    deaths: int = 0           # in a row
    due: float = 0.0          # when the next one is started
    ready_at: float | None = None

    @property
    def broken(self) -> bool:
        return self.deaths >= MOST_IN_A_ROW

    def ready(self, now: float) -> None:
        self.ready_at = now

    def worked(self) -> None:
        """It made something: what was before is over."""
        self.deaths = 0

    def died(self, now: float) -> None:
        if self.ready_at is not None and now - self.ready_at > STEADY_SECONDS:
            self.deaths = 0
        self.ready_at = None
        self.deaths += 1
        self.due = now + self._pause()

    def hurry(self, now: float) -> None:
        """Somebody who has seen to it wants another try at once."""
        self.deaths, self.due = 0, now

    def left(self, now: float) -> float:
        return max(0.0, self.due - now)

    def _pause(self) -> float:
        if self.broken:
            return float(min(LONGEST_BREAK, BREAKER_SECONDS * 2 ** (self.deaths - MOST_IN_A_ROW)))
        return float(FIRST_SECONDS * 2 ** (self.deaths - 2)) if self.deaths > 1 else 0.0
