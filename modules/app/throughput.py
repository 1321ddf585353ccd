"""How fast pictures are made here, from those that were made last: what estimates of waiting are built on."""

from __future__ import annotations

from collections import deque

PICTURES_MEASURED = 32      # pictures


class Throughput:
    """Times are of `time.monotonic`. Pictures that share calls end together, so single times mean little: sums do."""

    def __init__(self) -> None:
        self._made: deque[tuple[float, float]] = deque(maxlen=PICTURES_MEASURED)      # seconds, megapixel-steps
        self._since: float | None = None      # when the last one ended, or work began

    def begin(self, now: float) -> None:
        """There is work."""
        self._since = now if self._since is None else self._since

    def made(self, now: float, work: float) -> None:
        if self._since is not None:
            self._made.append((now - self._since, work))
            self._since = now

    def idle(self) -> None:
        """There is no work."""
        self._since = None

    def seconds(self, work: float) -> float | None:
        """How long so many megapixel-steps take; None before the first picture."""
        seconds, done = (sum(column) for column in zip(*self._made, strict=True)) if self._made else (0.0, 0.0)
        return work * seconds / done if done else None
