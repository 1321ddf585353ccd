"""Counts since the server's start: of pictures, steps, deaths of workers and responses."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from modules.engine import messages as events
from modules.store.jobs import PICTURES


@dataclass
class Tally:
    """The counts. Any thread may call `hear`; the event loop alone counts responses."""

    clock: Callable[[], float] = time.monotonic
    pictures: Counter[bool] = field(default_factory=Counter)      # by whether they were saved in the outputs
    jobs: Counter[str] = field(default_factory=Counter)           # that have ended, by state
    errors: Counter[str] = field(default_factory=Counter)         # of failed jobs, by code
    responses: Counter[str] = field(default_factory=Counter)      # by class: 2xx …
    deaths: int = 0                                               # of workers
    steps: int = 0
    step_seconds: float = 0.0                                     # between the steps of a picture, summed
    _last: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict)      # picture → step, when
    _lock: Lock = field(default_factory=Lock)

    def hear(self, event: events.Event) -> None:
        """Count an event of a worker."""
        with self._lock:
            self._count(event)

    def _count(self, event: events.Event) -> None:
        if isinstance(event, events.Progress):
            self._step(event)
        elif isinstance(event, events.Made) and event.kind in PICTURES:
            self.pictures[event.saved] += 1
            self._last.pop((event.job, event.index), None)
        elif isinstance(event, events.Ended):
            self.jobs[event.state] += 1
            if event.error:
                self.errors[str(event.error.get("error", "failed"))] += 1
            self._forget({event.job})
        elif isinstance(event, events.WorkerDied):
            self.deaths += 1
            self._forget(set(event.lost))

    def respond(self, status: int) -> None:
        self.responses[f"{status // 100}xx"] += 1

    def _step(self, event: events.Progress) -> None:
        picture, now = (event.job, event.index), self.clock()
        before = self._last.get(picture)
        if before and event.step > before[0]:
            self.steps += event.step - before[0]
            self.step_seconds += now - before[1]
        self._last[picture] = event.step, now

    def _forget(self, jobs: set[str]) -> None:
        self._last = {picture: last for picture, last in self._last.items() if picture[0] not in jobs}
