"""The times at which a dead worker is started again: at once, then after growing pauses, then by a circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SECONDS = 1.0       # after the second death in a row; the first worker that dies is replaced at once
MOST_IN_A_ROW = 6         # deaths in a row that open the breaker
BREAKER_SECONDS = 15.0
LONGEST_BREAK = 300.0     # seconds
STEADY_SECONDS = 60.0     # after so long a life the next death is the first of a new row


@dataclass
class Restarts:
    """The deaths of one worker, and the time of its next start, by a monotonic clock."""

    deaths: int = 0           # in a row
    due: float = 0.0          # the time of the next start
    ready_at: float | None = None

    @property
    def broken(self) -> bool:
        return self.deaths >= MOST_IN_A_ROW

    def ready(self, now: float) -> None:
        self.ready_at = now

    def worked(self) -> None:
        """Forget earlier deaths, since the worker has made something."""
        self.deaths = 0

    def died(self, now: float) -> None:
        if self.ready_at is not None and now - self.ready_at > STEADY_SECONDS:
            self.deaths = 0
        self.ready_at = None
        self.deaths += 1
        self.due = now + self._pause()

    def hurry(self, now: float) -> None:
        """Make the next start due now, with the breaker closed."""
        self.deaths, self.due = 0, now

    def left(self, now: float) -> float:
        return max(0.0, self.due - now)

    def _pause(self) -> float:
        if self.broken:
            return float(min(LONGEST_BREAK, BREAKER_SECONDS * 2 ** (self.deaths - MOST_IN_A_ROW)))
        return float(FIRST_SECONDS * 2 ** (self.deaths - 2)) if self.deaths > 1 else 0.0
