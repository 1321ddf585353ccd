"""Several workers as one, each on a device of its own: a job goes to one that has its model, else to the least loaded.

The policy is `cost`: the pictures that wait there already, and as many more as fetching and loading the model costs.
One that has work counts as longer by all that waits in the queue, so that none stands idle beside a long queue.
Equal costs are decided by which worker has room for another model, then by which one was given a job least recently.
The order of jobs is the queue's (app/fair_queue.py); the pool only chooses the worker. Workers may join and leave.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from threading import RLock
from typing import Any

from modules.app.fair_queue import DEVICE
from modules.base.border import logged
from modules.base.errors import UnknownName
from modules.engine import messages as events
from modules.engine.messages import (
    BROKEN,
    READY,
    RESTARTING,
    WORKER_STARTING,
    Emit,
    JobSpec,
    Worker,
    WorkerHealth,
    WorkerInfo,
)
from modules.store.jobs import INTERRUPTED
from modules.store.migrations import pictures_of
from modules.worker.planners import lane_of
from modules.worker.texts import names_paths

log = logging.getLogger(__name__)
FETCH_COST = 12.0         # pictures that may be made while a machine is sent a checkpoint
MODEL_COST = 4.0          # and while it is loaded
ADDITIONS_COST = 0.5      # and while its VAE and networks are exchanged
MOST_BEHIND = 20          # pictures of the queue that are counted: enough to outweigh what a model costs
MAX_REMEMBERED = 3        # checkpoints of a worker's last jobs
TAG_BEGINS = "<"         # begins a network in a prompt

Identify = Callable[[str], str]
CountWaiting = Callable[[int], int]


def additions_of(spec: JobSpec) -> frozenset[str]:
    """Return the VAE and the networks that a job wants with its checkpoint, as they are written."""
    tags = str(spec.params.get("prompt", "")).split(TAG_BEGINS)[1:]
    return frozenset([f"vae:{spec.settings.get('sd_vae', '')}", *(tag.partition(">")[0] for tag in tags)])


@dataclass(frozen=True)
class Home:
    """The place of a worker.

    shared: it sees the server's files under the server's paths; has: returns whether its disk has a checkpoint
    """

    name: str = ""
    shared: bool = True
    has: Callable[[str], bool] = lambda model: True


@dataclass(eq=False)
class PoolMember:
    """One of the workers, and its latest state."""

    home: Home = Home()
    worker: Worker = field(init=False)
    jobs: dict[str, int] = field(default_factory=dict)               # → pictures left to make
    models: OrderedDict[str, frozenset[str]] = field(default_factory=OrderedDict)     # last checkpoints → additions
    health: WorkerHealth = WorkerHealth("", WORKER_STARTING)
    state: events.WorkerState = events.WorkerState("")
    ready: events.WorkerReady | None = None
    used: int = 0                     # the number of the latest job that it was given
    draining: bool = False            # it finishes what it has, and is given nothing

    @property
    def rank(self) -> int:
        """Its rank among those that may be given a job: 0 if it lives, 1 while it starts, 2 after several deaths.

        After one death it is back soon, and others keep their models.
        """
        first_death = self.health.phase == RESTARTING and self.health.deaths == 1
        return 0 if first_death or self.health.phase == READY else 1 + (self.health.phase != WORKER_STARTING)

    def may_have(self, spec: JobSpec) -> bool:
        """Return whether it may be given the job: what works on the server's files needs a worker that sees them."""
        return not self.draining and (self.home.shared or lane_of(spec.kind) == DEVICE and not names_paths(spec.params))

    def cost(self, model: str, additions: frozenset[str], behind: int) -> float:
        """Return the number of pictures until it would begin a job of that checkpoint.

        behind: pictures in the queue, which whoever has work would get as well
        """
        waiting = float(sum(self.jobs.values())) + (behind if self.jobs else 0)
        if model not in self.models:
            return waiting + MODEL_COST + (0.0 if self.home.has(model) else FETCH_COST)
        return waiting if self.models[model] == additions else waiting + ADDITIONS_COST

    @property
    def info(self) -> WorkerInfo:
        device = self.ready.device.get("device", "") if self.ready else ""
        models = tuple(Path(model).name for model in self.models)
        pictures = sum(self.jobs.values())
        return WorkerInfo(
            self.home.name, device, self.health.phase, self.health.deaths, self.state.loading, models, len(self.jobs),
            pictures, self.draining, self.home.shared, self.health.reason,
        )

    def remember(self, model: str, additions: frozenset[str], most: int) -> None:
        self.models[model] = additions
        self.models.move_to_end(model)
        while len(self.models) > most:
            self.models.popitem(last=False)


class WorkerPool:
    """Several workers behind the interface of one (`Worker` in engine/messages.py)."""

    def __init__(
        self, make: Sequence[Callable[[Emit], Worker]], emit: Emit, models_kept: Callable[[], int] = lambda: 1,
        identify: Identify = str, behind: CountWaiting = lambda most: 0,
    ) -> None:
        """identify: returns the same text for all names of one checkpoint

        behind: returns the number of pictures in the queue that nobody has been given yet, at most so many
        """
        self.emit, self.models_kept, self.identify, self.behind = emit, models_kept, identify, behind
        self._given = count(1)
        self.members: list[PoolMember] = []
        self.homeless: dict[str, JobSpec] = {}      # jobs that no worker may have, until one joins
        self._lock = RLock()
        self._merge: dict[type, Callable[[PoolMember, Any], events.Event]] = {
            events.WorkerState: self._state,
            events.WorkerReady: self._ready,
            WorkerHealth: self._health,
        }
        for number, each in enumerate(make, 1):
            self._include(PoolMember(Home(str(number))), each)

    def _include(self, member: PoolMember, make: Callable[[Emit], Worker]) -> None:
        member.worker = make(partial(self._hear, member))
        self.members.append(member)

    def start(self) -> None:
        for member in self.members:
            member.worker.start()

    def add(self, home: Home, make: Callable[[Emit], Worker]) -> PoolMember:
        """Take in another worker and start it; it is given the jobs that nobody else may have."""
        member = PoolMember(home)
        with self._lock:
            self._include(member, make)
            member.worker.start()
            self._place_homeless()
        return member

    def remove(self, member: PoolMember, reason: str) -> None:
        """Part with a worker. Its jobs are told to be lost, none of them is blamed."""
        with self._lock:
            self.members.remove(member)
            lost = tuple(member.jobs)
            member.jobs.clear()
            ready = self._merged_ready()
            health = self._merged_health()
        # first, so that it names no picture that somebody else is about to make
        logged(member.worker.abandon if isinstance(member.worker, events.MachineWorker) else member.worker.stop)
        for event in (ready, health, events.WorkerDied("", lost, (), False, reason)):
            logged(self.emit, event)

    def drain(self, name: str, draining: bool) -> None:
        """Give the worker of that name no further jobs, or jobs again. Raises UnknownName."""
        with self._lock:
            named = {member.home.name: member for member in self.members}
            if name not in named:
                raise UnknownName("worker", name, named)
            named[name].draining = draining
            ready = self._merged_ready()
            self._place_homeless()
        self.emit(ready)      # there is less room now, or more

    def listed(self) -> list[WorkerInfo]:
        """Return what the administrator sees of each worker."""
        with self._lock:
            return [member.info for member in self.members]

    def _place_homeless(self) -> None:
        specs = list(self.homeless.values())
        self.homeless.clear()
        for spec in specs:
            self.submit(spec)

    def submit(self, spec: JobSpec) -> None:
        model, additions = self.identify(str(spec.settings.get("sd_model_checkpoint", ""))), additions_of(spec)
        behind = self.behind(MOST_BEHIND)
        with self._lock:
            able = [member for member in self.members if member.may_have(spec)]
            if not able:
                self.homeless[spec.id] = spec
                return
            chosen = min(
                able,
                key=lambda each: (
                    each.rank, each.cost(model, additions, behind), len(each.models) >= self._remembered, each.used
                ),
            )
            chosen.jobs[spec.id] = max(1, pictures_of(spec.params) - len(spec.done))
            chosen.remember(model, additions, self._remembered)
            chosen.used = next(self._given)
            chosen.worker.submit(spec)

    @property
    def _remembered(self) -> int:
        return max(1, min(MAX_REMEMBERED, self.models_kept()))

    def interrupt(self, job: str) -> None:
        with self._lock:
            homeless = self.homeless.pop(job, None)
        if homeless:
            self.emit(events.Ended(job, INTERRUPTED))
        elif member := self._with(job):
            member.worker.interrupt(job)

    def skip(self, job: str) -> None:
        if member := self._with(job):
            member.worker.skip(job)

    def keep_loaded(self, checkpoint: str) -> None:
        for member in list(self.members):
            member.worker.keep_loaded(checkpoint)

    def try_again(self) -> None:
        for member in list(self.members):
            member.worker.try_again()

    def stop(self) -> None:
        for member in list(self.members):
            member.worker.stop()

    def _with(self, job: str) -> PoolMember | None:
        with self._lock:
            return next((member for member in self.members if job in member.jobs), None)

    def _hear(self, member: PoolMember, event: events.Event) -> None:
        with self._lock:
            if member not in self.members:      # it has left: its jobs are others' now
                return
            self._note(member, event)
            if merge := self._merge.get(type(event)):
                event = merge(member, event)
            told = not isinstance(event, events.WorkerMemory) or member is self.members[0]
        if told:
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
        return self._merged_ready()

    def _merged_ready(self) -> events.WorkerReady:
        """Return what all workers are together; without any, a device without a name that has room for a job."""
        ready = [each.ready for each in self.members if each.ready]
        if not ready:
            return events.WorkerReady("", {"device": ""}, 1, 1)
        open_ones = [each.ready for each in self.members if each.ready and not each.draining]
        names = dict.fromkeys(each.device.get("device", "") for each in ready)
        device: Mapping[str, str] = {**ready[-1].device, "device": " + ".join(names)}
        room = sum(each.at_once for each in open_ones)
        return events.WorkerReady("", device, max(1, room), max(1, len(open_ones)))

    def _health(self, member: PoolMember, event: WorkerHealth) -> events.Event:
        member.health = event
        return self._merged_health()

    def _merged_health(self) -> WorkerHealth:
        """Return READY if any worker is; BROKEN only if all are, with the earliest restart's time."""
        every = [each.health for each in self.members]
        if not every:
            return WorkerHealth("", WORKER_STARTING)
        if any(health.phase == READY for health in every):
            return next(health for health in every if health.phase == READY)
        others = [health for health in every if health.phase != BROKEN]
        return others[0] if others else min(every, key=lambda health: health.retry_in)
