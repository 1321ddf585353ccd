"""The worker as it has told of itself: its device, its model, whether it lives."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from modules.base.errors import WorkerDown
from modules.base.hooks import Hooks
from modules.engine import messages as events


class WorkerStatus:
    """The worker's state; each `hear_` method takes one kind of event.

    health: for /internal/ready and refusals
    retry_at: time.monotonic() of a dead worker's restart
    device: empty until it is known; memory: its bytes, 0 until then
    warm: the first model is loaded, or there is none
    gpu_memory: of a worker outside this process
    """

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.state = events.WorkerState("", loading="…")
        self.health = events.WorkerHealth("")
        self.retry_at = 0.0
        self.device: Mapping[str, str] = {}
        self.memory = 0
        self.warm = False
        self.gpu_memory: Mapping[str, Any] = {}

    @property
    def retry_in(self) -> float:
        """Seconds until a worker that died is started again."""
        return max(0.0, self.retry_at - time.monotonic())

    def check(self) -> None:
        """Raise WorkerDown while a worker that died again and again is left alone."""
        if self.health.phase == events.BROKEN:
            raise WorkerDown(
                f"The worker died {self.health.deaths} times in a row ({self.health.reason}).",
                "It is tried again soon; the server's log may tell more.",
                self.retry_in,
            )

    def hear_state(self, event: events.WorkerState) -> None:
        before, self.state = self.state, event
        self.warm |= not event.loading and self.health.phase == events.READY
        if event.loaded and event.loaded != before.loaded:
            self.hooks.model_loaded(event.loaded)

    def hear_ready(self, event: events.WorkerReady) -> None:
        self.device, self.memory = event.device, event.memory
        self.health = events.WorkerHealth("", events.READY)

    def hear_health(self, event: events.WorkerHealth) -> None:
        self.health, self.retry_at = event, time.monotonic() + event.retry_in
        self.warm &= event.phase == events.READY

    def hear_memory(self, event: events.WorkerMemory) -> None:
        self.gpu_memory = event.cuda
