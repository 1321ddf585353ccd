"""Several workers as one, each on a device of its own: a job goes to one that has its model, else to the least loaded.

The policy is `cost`: the pictures that wait there already, and as many more as loading the model costs. Equal costs are
decided by which worker has room for another model, then by which one was given a job least recently. The order of jobs
is the queue's (app/fair_queue.py); the pool only chooses the worker.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import Lock
from typing import Any

from modules.engine import messages as events
from modules.engine.messages import BROKEN, READY, RESTARTING, WORKER_STARTING, Emit, JobSpec, Worker, WorkerHealth
from modules.store.migrations import pictures_of

log = logging.getLogger(__name__)
MODEL_COST = 4.0          # pictures that may be made while a checkpoint is loaded
ADDITIONS_COST = 0.5      # and while its VAE and networks are exchanged
MAX_REMEMBERED = 3        # checkpoints of a worker's last jobs
TAG_BEGINS = "<"         # begins a network in a prompt

Identify = Callable[[str], str]


def additions_of(spec: JobSpec) -> frozenset[str]:
    """Return the VAE and the networks that a job wants with its checkpoint, as they are written."""
    tags = str(spec.params.get("prompt", "")).split(TAG_BEGINS)[1:]
    return frozenset([f"vae:{spec.settings.get('sd_vae', '')}", *(tag.partition(">")[0] for tag in tags)])


@dataclass(eq=False)
class PoolMember:
    """One of the workers, and its latest state."""

    worker: Worker = field(init=False)
    jobs: dict[str, int] = field(default_factory=dict)               # → pictures left to make
    models: OrderedDict[str, frozenset[str]] = field(default_factory=OrderedDict)     # last checkpoints → additions
    health: WorkerHealth = WorkerHealth("", WORKER_STARTING)
    state: events.WorkerState = events.WorkerState("")
    ready: events.WorkerReady | None = None
    used: int = 0                     # the number of the latest job that it was given

    @property
    def takes_jobs(self) -> bool:
        """True unless it died several times in a row: after one death it is back soon, and others keep their models."""
        first_death = self.health.phase == RESTARTING and self.health.deaths == 1
        return first_death or self.health.phase in (READY, WORKER_STARTING)

    def cost(self, model: str, additions: frozenset[str]) -> float:
        """Return the number of pictures until it would begin a job of that checkpoint."""
        waiting = float(sum(self.jobs.values()))
        if model not in self.models:
            return waiting + MODEL_COST
        return waiting if self.models[model] == additions else waiting + ADDITIONS_COST

    def remember(self, model: str, additions: frozenset[str], most: int) -> None:
        self.models[model] = additions
        self.models.move_to_end(model)
        while len(self.models) > most:
            self.models.popitem(last=False)


class WorkerPool:
    """Several workers behind the interface of one (`Worker` in engine/messages.py)."""

    def __init__(
        self, make: Sequence[Callable[[Emit], Worker]], emit: Emit, models_kept: Callable[[], int] = lambda: 1,
        identify: Identify = str,
    ) -> None:
        """identify: returns the same text for all names of one checkpoint"""
        self.emit, self.models_kept, self.identify = emit, models_kept, identify
        self._given = count(1)
        self.members = [PoolMember() for _ in make]
        self._lock = Lock()
        for member, each in zip(self.members, make, strict=True):
            member.worker = each(partial(self._hear, member))
        self._merge: dict[type, Callable[[PoolMember, Any], events.Event]] = {
            events.WorkerState: self._state,
            events.WorkerReady: self._ready,
            WorkerHealth: self._health,
        }

    def start(self) -> None:
        for member in self.members:
            member.worker.start()

    def submit(self, spec: JobSpec) -> None:
        model, additions = self.identify(str(spec.settings.get("sd_model_checkpoint", ""))), additions_of(spec)
        with self._lock:
            alive = [member for member in self.members if member.takes_jobs]
            chosen = min(
                alive or self.members,
                key=lambda member: (member.cost(model, additions), len(member.models) >= self._remembered, member.used),
            )
            chosen.jobs[spec.id] = max(1, pictures_of(spec.params) - len(spec.done))
            chosen.remember(model, additions, self._remembered)
            chosen.used = next(self._given)
            chosen.worker.submit(spec)

    @property
    def _remembered(self) -> int:
        return max(1, min(MAX_REMEMBERED, self.models_kept()))

    def interrupt(self, job: str) -> None:
        if member := self._with(job):
            member.worker.interrupt(job)

    def skip(self, job: str) -> None:
        if member := self._with(job):
            member.worker.skip(job)

    def try_again(self) -> None:
        for member in self.members:
            member.worker.try_again()

    def stop(self) -> None:
        for member in self.members:
            member.worker.stop()

    def _with(self, job: str) -> PoolMember | None:
        with self._lock:
            return next((member for member in self.members if job in member.jobs), None)

    def _hear(self, member: PoolMember, event: events.Event) -> None:
        with self._lock:
            self._note(member, event)
            if merge := self._merge.get(type(event)):
                event = merge(member, event)
        if not isinstance(event, events.WorkerMemory) or member is self.members[0]:
            self.emit(event)

    def _note(self, member: PoolMember, event: events.Event) -> None:
        if isinstance(event, events.WorkerDied):
            member.models.clear()
            for job in event.lost:
                member.jobs.pop(job, None)
        elif isinstance(event, events.Ended):
            member.jobs.pop(event.job, None)
        elif isinstance(event, events.Made) and event.job in member.jobs:
            member.jobs[event.job] = max(1, member.jobs[event.job] - 1)

    def _state(self, member: PoolMember, event: events.WorkerState) -> events.Event:
        member.state = event
        if event.loaded and not member.models:      # the first model, before any job
            member.remember(self.identify(event.loaded), frozenset(), 1)
        states = [each.state for each in self.members]
        errors = [state.error for state in states]
        loading = next((state.loading for state in states if state.loading), "")
        return events.WorkerState("", loading, event.loaded, " ".join(dict.fromkeys(filter(None, errors))))

    def _ready(self, member: PoolMember, event: events.WorkerReady) -> events.Event:
        member.ready = event
        ready = [each.ready for each in self.members if each.ready]
        names = dict.fromkeys(each.device.get("device", "") for each in ready)
        device: Mapping[str, str] = {**event.device, "device": " + ".join(names)}
        return events.WorkerReady("", device, sum(each.at_once for each in ready), len(ready))

    def _health(self, member: PoolMember, event: WorkerHealth) -> events.Event:
        """Return READY if any worker is; BROKEN only if all are, with the earliest restart's time."""
        member.health = event
        every = [each.health for each in self.members]
        if any(health.phase == READY for health in every):
            return next(health for health in every if health.phase == READY)
        others = [health for health in every if health.phase != BROKEN]
        return others[0] if others else min(every, key=lambda health: health.retry_in)
