"""Several workers as one, each on a device of its own: a job goes to one that has its model, else to the least loaded.

The policy is `cost`: the pictures that wait there already, and as many more as fetching and loading the model costs.
One that has work counts as longer by all that waits in the queue, so that none stands idle beside a long queue.
A job of many pictures is made by several that have nothing else to do (worker/shared_jobs.py).
Equal costs are decided by which worker has room for another model, then by which one was given a job least recently.
The order of jobs is the queue's (app/fair_queue.py); the pool only chooses the worker. Workers may join and leave.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import RLock
from typing import Any

from modules.app.fair_queue import DEVICE
from modules.app.jobs import begun_again
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
from modules.worker.shared_jobs import NO_PICTURES, SharedJob, can_be_shared
from modules.worker.texts import names_paths

log = logging.getLogger(__name__)
FETCH_COST = 12.0         # pictures that may be made while a machine is sent a checkpoint
MODEL_COST = 4.0          # and while it is loaded
ADDITIONS_COST = 0.5      # and while its VAE and networks are exchanged
MOST_BEHIND = 20          # pictures of the queue that are counted: enough to outweigh what a model costs
MAX_REMEMBERED = 3        # checkpoints of a worker's last jobs
MOST_SHARERS = 16         # workers that make one job
TAG_BEGINS = "<"         # begins a network in a prompt

Identify = Callable[[str], str]
CountWaiting = Callable[[int], int]


def additions_of(spec: JobSpec) -> frozenset[str]:
    """Return the VAE and the networks that a job wants with its checkpoint, as they are written."""
    tags = str(spec.params.get("prompt", "")).split(TAG_BEGINS)[1:]
    return frozenset([f"vae:{spec.settings.get('sd_vae', '')}", *(tag.partition(">")[0] for tag in tags)])


def left_of(spec: JobSpec) -> int:
    """Return the number of pictures that a job has still to make, as far as that is known."""
    return max(1, (spec.pictures or pictures_of(spec.params)) - len(spec.done))


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
    def device(self) -> Mapping[str, str]:
        """Its device and what else decides a picture's last bits, such as precisions."""
        return self.ready.device if self.ready else {}

    def can_help(self, other: PoolMember) -> bool:
        """Return whether it may make a part of the other's job: it is idle, and its pictures would be the other's."""
        return not (self.jobs or other.jobs) and self.health.phase == READY and self.device == other.device

    @property
    def info(self) -> WorkerInfo:
        device = self.device.get("device", "")
        models = tuple(Path(model).name for model in self.models)
        pictures = sum(self.jobs.values())
        return WorkerInfo(
            self.home.name, device, self.health.phase, self.health.deaths, self.state.loading, models,
            len(self.jobs), pictures, self.draining, self.home.shared, self.health.reason,
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
        self.shared: dict[str, SharedJob] = {}      # jobs that several workers make
        self.most_sharers = MOST_SHARERS
        self._unwanted: list[tuple[PoolMember, str]] = []      # parts to be interrupted, once the lock is free
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
        with self._lock:
            told = self._lost(member, events.WorkerDied("", lost, (), False, reason))
        for event in (ready, health, *told):
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
        model, additions = self._models_of(spec)
        behind = self.behind(MOST_BEHIND)
        with self._lock:
            able = [member for member in self.members if member.may_have(spec)]
            if not able:
                self.homeless[spec.id] = spec
                return
            first = min(
                able,
                key=lambda each: (
                    each.rank, each.cost(model, additions, behind), len(each.models) >= self._remembered, each.used
                ),
            )
            sharers = [first] if behind or not can_be_shared(spec) else self._sharers(spec, first, able)
            if sharers == [first]:
                self._give(first, spec, left_of(spec))
                return
            job = self.shared[spec.id] = SharedJob(spec, len(sharers))
            for member in sharers:
                self._give_part(job, member)

    def _sharers(self, spec: JobSpec, first: PoolMember, able: Sequence[PoolMember]) -> list[PoolMember]:
        """Return who makes a job together: each one more whose share is worth what fetching its model costs it."""
        model, additions = self._models_of(spec)
        costs = {each: each.cost(model, additions, 0) for each in able if each is first or each.can_help(first)}
        found = [first]
        for each in sorted((each for each in costs if each is not first), key=lambda each: (costs[each], each.used)):
            share = left_of(spec) / (len(found) + 1)
            if len(found) < self.most_sharers and share >= 1 and share > costs[each] - costs[first]:
                found.append(each)
        return found

    def _models_of(self, spec: JobSpec) -> tuple[str, frozenset[str]]:
        return self.identify(str(spec.settings.get("sd_model_checkpoint", ""))), additions_of(spec)

    def _give(self, member: PoolMember, spec: JobSpec, pictures: int) -> None:
        model, additions = self._models_of(spec)
        member.jobs[spec.id] = pictures
        member.remember(model, additions, self._remembered)
        member.used = next(self._given)
        member.worker.submit(spec)

    def _give_part(self, job: SharedJob, member: PoolMember) -> None:
        self._give(member, job.give_out(member), max(1, left_of(job.spec) // job.parts))

    @property
    def _remembered(self) -> int:
        return max(1, min(MAX_REMEMBERED, self.models_kept()))

    def interrupt(self, job: str) -> None:
        with self._lock:
            homeless, shared = self.homeless.pop(job, None), self.shared.get(job)
            if shared:
                shared.interrupt()
        if homeless:
            self.emit(events.Ended(job, INTERRUPTED))
        for member in self._with(job):
            member.worker.interrupt(job)

    def skip(self, job: str) -> None:
        for member in self._with(job):
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

    def _with(self, job: str) -> list[PoolMember]:
        with self._lock:
            return [member for member in self.members if job in member.jobs]

    def _hear(self, member: PoolMember, event: events.Event) -> None:
        with self._lock:
            if member not in self.members:      # it has left: its jobs are others' now
                return
            self._note(member, event)
            told = self._told(member, event)
            unwanted, self._unwanted = self._unwanted, []
        for holder, job in unwanted:      # one whose process is not there answers at once
            holder.worker.interrupt(job)
        for each in told:
            self.emit(each)

    def _told(self, member: PoolMember, event: events.Event) -> Sequence[events.Event]:
        """Return what a worker's event means for all."""
        if shared := self.shared.get(event.job):
            return self._of_part(shared, member, event)
        if isinstance(event, events.WorkerDied):
            return self._lost(member, event)
        if isinstance(event, events.WorkerMemory) and member is not self.members[0]:
            return ()
        merge = self._merge.get(type(event))
        return (merge(member, event) if merge else event,)

    # Jobs that several make

    def _of_part(self, job: SharedJob, member: PoolMember, event: events.Event) -> Sequence[events.Event]:
        if not isinstance(event, events.Ended):
            told = job.hear(member, event)
            return (told,) if told else ()
        if job.part_ended(member, event):
            self._interrupt_parts(job)
        return self._go_on(job)

    def _lost(self, member: PoolMember, event: events.WorkerDied) -> Sequence[events.Event]:
        """Give the parts that a worker had to others; return the death with the jobs that are lost as a whole."""
        told: list[events.Event] = []
        whole = [job for job in event.lost if job not in self.shared]
        for name in event.lost:
            job, blamed = self.shared.get(name), name in event.blamed
            if job and job.lose(member, blamed):
                self._interrupt_parts(job)
                whole.append(name)
            elif job and blamed and not job.closed:
                told.append(events.Warned(name, begun_again(event)))
            told += self._go_on(job) if job else ()
        return (replace(event, lost=tuple(whole)), *told)

    def _interrupt_parts(self, job: SharedJob) -> None:
        self._unwanted += [(member, job.spec.id) for member in job.holders]

    def _go_on(self, job: SharedJob) -> Sequence[events.Event]:
        """Give out the parts that wait; return the job's end once there are no more."""
        if not (job.holders or job.waiting):
            job.begin_grids()
        while job.waiting and (free := self._free_for(job)):
            self._give_part(job, free)
        if job.holders:
            return ()
        del self.shared[job.spec.id]
        if job.waiting and not job.end:
            self.homeless[job.spec.id] = job.spec_of(())
            return ()
        return () if job.closed else (job.outcome,)

    def _free_for(self, job: SharedJob) -> PoolMember | None:
        """Return who makes the next part: one with nothing else to do, or anybody if nobody has a part of it."""
        model, additions = self._models_of(job.spec)
        able = [each for each in self.members if each.may_have(job.spec) and each not in job.holders]
        holder = next(iter(job.holders), None)
        if holder:
            able = [each for each in able if not (each.rank or each.jobs) and each.device == holder.device]
        far = job.waiting[0] == NO_PICTURES      # a machine that does not see the files is sent all of them
        return min(
            able, default=None,
            key=lambda each: (each.rank, far and not each.home.shared, each.cost(model, additions, 0)),
        )

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
