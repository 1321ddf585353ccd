"""Several workers as one, each on a device of its own: a job goes to whoever has its model, else to the least loaded.

The policy, `cost`: pictures that wait there already, and as many more as loading the model costs. Whose job is next is
the queue's to say (app/fair_queue.py); here is only decided who carries it out.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any

from modules.engine import messages as events
from modules.engine.messages import BROKEN, READY, WORKER_STARTING, Emit, JobSpec, Worker, WorkerHealth
from modules.store.migrations import pictures_of

log = logging.getLogger(__name__)
MODEL_COST = 4.0          # pictures that may be made while a checkpoint is loaded
NETWORKS_COST = 0.5       # and while networks are brought to it
MAX_REMEMBERED = 3        # models of a worker's last jobs
TAG_BEGINS = "<"         # begins a network in a prompt

ModelOf = tuple[str, str]


def model_of(spec: JobSpec) -> ModelOf:
    """Checkpoint and VAE, as they are named."""
    return str(spec.settings.get("sd_model_checkpoint", "")), str(spec.settings.get("sd_vae", ""))


def networks_in(spec: JobSpec) -> frozenset[str]:
    """The tags of networks in its prompt, as they are written."""
    parts = str(spec.params.get("prompt", "")).split(TAG_BEGINS)[1:]
    return frozenset(part.partition(">")[0] for part in parts)


@dataclass(eq=False)
class PoolMember:
    """One of the workers, and what is known of it."""

    worker: Worker = field(init=False)
    jobs: dict[str, int] = field(default_factory=dict)               # → pictures that it has yet to make
    models: OrderedDict[ModelOf, frozenset[str]] = field(default_factory=OrderedDict)     # the last ones → networks
    health: WorkerHealth = WorkerHealth("", WORKER_STARTING)
    state: events.WorkerState = events.WorkerState("")
    ready: events.WorkerReady | None = None

    def cost(self, spec: JobSpec) -> float:
        """Pictures until it would come to that job."""
        waiting, model = float(sum(self.jobs.values())), model_of(spec)
        if model not in self.models:
            return waiting + MODEL_COST
        return waiting if self.models[model] == networks_in(spec) else waiting + NETWORKS_COST

    def give(self, spec: JobSpec, remembered: int) -> None:
        self.jobs[spec.id] = max(1, pictures_of(spec.params) - len(spec.done))
        self.models[model_of(spec)] = networks_in(spec)
        self.models.move_to_end(model_of(spec))
        while len(self.models) > remembered:
            self.models.popitem(last=False)
        self.worker.submit(spec)


class WorkerPool:
    """The `Worker` of engine.messages that several others are."""

    def __init__(
        self, make: Sequence[Callable[[Emit], Worker]], emit: Emit, models_kept: Callable[[], int] = lambda: 1
    ) -> None:
        self.emit, self.models_kept = emit, models_kept
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
        with self._lock:
            alive = [member for member in self.members if member.health.phase in (READY, WORKER_STARTING)]
            chosen = min(alive or self.members, key=lambda member: member.cost(spec))
            chosen.give(spec, max(1, min(MAX_REMEMBERED, self.models_kept())))

    def interrupt(self, job: str) -> None:
        if member := self._with(job):
            member.worker.interrupt(job)

    def skip(self, job: str) -> None:
        if member := self._with(job):
            member.worker.skip(job)

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
        states = [each.state for each in self.members]
        loading = next((state.loading for state in states if state.loading), "")
        return events.WorkerState("", loading, event.loaded, " ".join(filter(None, (each.error for each in states))))

    def _ready(self, member: PoolMember, event: events.WorkerReady) -> events.Event:
        member.ready = event
        ready = [each.ready for each in self.members if each.ready]
        names = dict.fromkeys(each.device.get("device", "") for each in ready)
        device: Mapping[str, str] = {**event.device, "device": " + ".join(names)}
        return events.WorkerReady("", device, sum(each.at_once for each in ready))

    def _health(self, member: PoolMember, event: WorkerHealth) -> events.Event:
        """As long as one of them works, jobs are taken; all broken, until the first is tried again."""
        member.health = event
        every = [each.health for each in self.members]
        if any(health.phase == READY for health in every):
            return next(health for health in every if health.phase == READY)
        others = [health for health in every if health.phase != BROKEN]
        return others[0] if others else min(every, key=lambda health: health.retry_in)
