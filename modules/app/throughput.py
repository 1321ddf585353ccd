"""The speed of making pictures, measured on the last ones; the basis of estimated waiting times."""

from __future__ import annotations

from collections import deque

PICTURES_MEASURED = 32      # pictures


class Throughput:
    """The measured speed; times are `time.monotonic`'s.

    Pictures that share calls end together, so single times mean little: sums do.
    """

    def __init__(self) -> None:
        self._made: deque[tuple[float, float]] = deque(maxlen=PICTURES_MEASURED)      # seconds, megapixel-steps
        self._since: float | None = None      # the end of the last one, or the begin of work

    def begin(self, now: float) -> None:
        """Note that there is work."""
        self._since = now if self._since is None else self._since

    def made(self, now: float, work: float) -> None:
        if self._since is not None:
            self._made.append((now - self._since, work))
            self._since = now

    def idle(self) -> None:
        """Note that there is no work."""
        self._since = None

    def seconds(self, work: float) -> float | None:
        """Return the seconds for so many megapixel-steps; None before the first picture."""
        seconds, done = (sum(column) for column in zip(*self._made, strict=True)) if self._made else (0.0, 0.0)
        return work * seconds / done if done else None
