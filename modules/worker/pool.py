"""Several workers as one, each on a device of its own: a job goes to one that has its model, else to the least loaded.

The policy is a member's `cost` (worker/pool_member.py): the pictures that wait there already, and as many more as
fetching and loading the model costs, counted as longer where a worker has shown itself to be slower (worker/pace.py).
One that has work counts as longer by all that waits in the queue, so that none stands idle beside a long queue.
A job of many pictures is made by several that have nothing else to do (worker/shared_jobs.py).
Equal costs are decided by which worker has room for another model, then by which one was given a job least recently.
The order of jobs is the queue's (app/fair_queue.py); the pool only chooses the worker. Workers may join and leave.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from threading import RLock
from typing import Any

from modules.app.jobs import begun_again_note
from modules.app.work import picture_work
from modules.base.border import logged
from modules.base.errors import UnknownName, error_data
from modules.engine import messages as events
from modules.engine.messages import (
    BROKEN,
    READY,
    WORKER_STARTING,
    Emit,
    JobSpec,
    Worker,
    WorkerHealth,
    WorkerInfo,
)
from modules.store.jobs import FAILED, IMAGE, INTERRUPTED
from modules.store.migrations import pictures_of
from modules.worker.needs import JobNeeds, needs_nothing, unmet
from modules.worker.pool_member import GivenJob, Home, PoolMember
from modules.worker.shared_jobs import NO_PICTURES, SharedJob, can_be_shared

log = logging.getLogger(__name__)
MOST_BEHIND = 20          # pictures of the queue that are counted: enough to outweigh what a model costs
MAX_REMEMBERED = 3        # checkpoints of a worker's last jobs
MOST_SHARERS = 16         # workers that make one job
TAG_BEGINS = "<"         # begins a network in a prompt

# why a job waits that no worker may have now
DRAINED, OUT_OF_SIGHT, STILL_STARTING = "drained", "out of sight", "starting"
WAITING_NOTES = {
    DRAINED: "This job waits until a worker takes jobs again: those that could do it are being drained.",
    OUT_OF_SIGHT: "This job works on files of the server, and waits for a worker that sees them (--shared-files).",
    STILL_STARTING: "This job waits for a worker that is still starting: no other has what it needs.",
}

Identify = Callable[[str], str]
ReadNeeds = Callable[[JobSpec], JobNeeds]
CountWaiting = Callable[[int], int]


def additions_of(spec: JobSpec) -> frozenset[str]:
    """Return the VAE and the networks that a job wants with its checkpoint, as they are written."""
    tags = str(spec.params.get("prompt", "")).split(TAG_BEGINS)[1:]
    return frozenset([f"vae:{spec.settings.get('sd_vae', '')}", *(tag.partition(">")[0] for tag in tags)])


def left_of(spec: JobSpec) -> int:
    """Return the number of pictures that a job has still to make, as far as that is known."""
    return max(1, (spec.pictures or pictures_of(spec.params)) - len(spec.done))


class WorkerPool:
    """Several workers behind the interface of one (`Worker` in engine/messages.py)."""

    def __init__(
        self, make: Sequence[Callable[[Emit], Worker]], emit: Emit, models_kept: Callable[[], int] = lambda: 1,
        identify: Identify = str, behind: CountWaiting = lambda most: 0, needs: ReadNeeds = needs_nothing,
    ) -> None:
        """identify: returns the same text for all names of one checkpoint

        behind: returns the number of pictures in the queue that nobody has been given yet, at most so many
        needs: returns what a job needs of a worker
        """
        self.emit, self.models_kept, self.identify, self.behind, self.needs = emit, models_kept, identify, behind, needs
        self._given = count(1)
        self.members: list[PoolMember] = []
        self.homeless: dict[str, JobSpec] = {}      # jobs that no worker may have, until one joins or is opened
        self._told_why: dict[str, str] = {}         # of those, why they wait
        self.shared: dict[str, SharedJob] = {}      # jobs that several workers make
        self.most_sharers = MOST_SHARERS
        self._unwanted: list[tuple[PoolMember, str]] = []      # parts to be interrupted, once the lock is free
        self._told_error = ""
        self._lock = RLock()
        self._merge: dict[type, Callable[[PoolMember, Any], Sequence[events.Event]]] = {
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
            told = self._place_homeless()
        self._tell(told)
        return member

    def remove(self, member: PoolMember, reason: str) -> None:
        """Part with a worker. Its jobs are told to be lost, none of them is blamed."""
        with self._lock:
            self.members.remove(member)
            lost = tuple(member.jobs)
            member.jobs.clear()
            merged = [self._merged_ready(), self._merged_health(), *self._changed_error()]
        # first, so that it names no picture that somebody else is about to make
        logged(member.worker.abandon if isinstance(member.worker, events.MachineWorker) else member.worker.stop)
        with self._lock:
            told = [*self._lost(member, events.WorkerDied("", lost, (), False, reason)), *self._place_homeless()]
        for event in (*merged, *told):
            logged(self.emit, event)

    def drain(self, name: str, draining: bool) -> None:
        """Give the worker of that name no further jobs, or jobs again. Raises UnknownName."""
        with self._lock:
            named = {member.home.name: member for member in self.members}
            if name not in named:
                raise UnknownName("worker", name, named)
            named[name].draining = draining
            ready = self._merged_ready()
            told = self._place_homeless()
        self._tell([ready, *told])      # there is less room now, or more

    def listed(self) -> list[WorkerInfo]:
        """Return what the administrator sees of each worker."""
        with self._lock:
            return [member.info for member in self.members]

    def submit(self, spec: JobSpec) -> None:
        with self._lock:
            told = self._place(spec)
        self._tell(told)

    def _tell(self, told: Sequence[events.Event]) -> None:
        for event in told:
            self.emit(event)

    # The choice of a worker

    def _place_homeless(self) -> list[events.Event]:
        specs = list(self.homeless.values())
        self.homeless.clear()
        return [event for spec in specs for event in self._place(spec)]

    def _place(self, spec: JobSpec) -> Sequence[events.Event]:
        """Give a job to a worker, or to several; return what is told of one that must wait or cannot be done."""
        (model, additions), needs, behind = self._models_of(spec), self.needs(spec), self.behind(MOST_BEHIND)
        able = [member for member in self.members if not member.draining and member.can_do(spec, needs)]
        if not able:
            return self._without_worker(spec, needs)
        self._told_why.pop(spec.id, None)
        paces = [member.pace for member in able]
        first = min(
            able,
            key=lambda each: (
                each.rank, (each.cost(model, additions, behind) + left_of(spec)) * each.pace.slowness(paces),
                len(each.models) >= self._remembered, each.used,
            ),
        )
        sharers = [first] if behind or not can_be_shared(spec) else self._sharers(spec, first, able)
        if sharers == [first]:
            self._give(first, spec, left_of(spec))
        else:
            job = self.shared[spec.id] = SharedJob(spec, len(sharers))
            for member in sharers:
                self._give_part(job, member)
        return ()

    def _without_worker(self, spec: JobSpec, needs: JobNeeds) -> Sequence[events.Event]:
        """Let a job wait until a worker may have it; end it if all have told that they cannot do it."""
        seeing = [member for member in self.members if member.sees_files_of(spec)]
        known = [member.ready for member in seeing if member.ready]
        if any(member.can_do(spec, needs) for member in seeing):
            return self._let_wait(spec, DRAINED)
        if known and len(known) == len(seeing):
            self._told_why.pop(spec.id, None)
            return [events.Ended(spec.id, FAILED, error_data(unmet(needs, known)))]
        return self._let_wait(spec, STILL_STARTING if known else "" if seeing else OUT_OF_SIGHT)

    def _let_wait(self, spec: JobSpec, why: str) -> Sequence[events.Event]:
        """Keep a job until a worker may have it; return why, if that is not what its owner was told before."""
        self.homeless[spec.id] = spec
        # without any worker that is told to all
        if not (self.members and why) or why == self._told_why.get(spec.id):
            return ()
        self._told_why[spec.id] = why
        return [events.Warned(spec.id, WAITING_NOTES[why])]

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
        if not member.jobs:
            member.pace.begin()
        member.jobs[spec.id] = GivenJob(pictures, picture_work(spec.params))
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
            self._told_why.pop(job, None)
            if shared:
                shared.interrupt()
        if homeless:
            self.emit(events.Ended(job, INTERRUPTED))
        for member in self._with(job):
            member.worker.interrupt(job)

    def skip(self, job: str) -> None:
        """Skip one picture: of several workers, that of the one whose picture is shown."""
        with self._lock:
            holders, shared = self._with(job), self.shared.get(job)
        drawing = [member for member in holders if shared and member is shared.drawing]
        for member in (drawing or holders)[:1]:
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
        return merge(member, event) if merge else (event,)

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
                told.append(events.Warned(name, begun_again_note(event)))
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
            return self._without_worker(job.spec_of(()), self.needs(job.spec))
        return () if job.closed else (job.outcome,)

    def _free_for(self, job: SharedJob) -> PoolMember | None:
        """Return who makes the next part: one with nothing else to do, or anybody if nobody has a part of it."""
        (model, additions), needs = self._models_of(job.spec), self.needs(job.spec)
        can = [each for each in self.members if each.can_do(job.spec, needs) and each not in job.holders]
        able = [each for each in can if not each.draining]
        holder = next(iter(job.holders), None)
        if holder:
            able = [each for each in able if not (each.rank or each.jobs) and each.device == holder.device]
        elif not able:      # one that drains finishes what it has a part in
            able = [each for each in can if each in job.helped]
        far = job.waiting[0] == NO_PICTURES      # a machine that does not see the files is sent all of them
        return min(
            able, default=None,
            key=lambda each: (each.rank, far and not each.home.shared, each.cost(model, additions, 0)),
        )

    def _note(self, member: PoolMember, event: events.Event) -> None:
        if isinstance(event, events.WorkerDied):
            member.models.clear()
            for lost in event.lost:
                member.jobs.pop(lost, None)
        elif isinstance(event, events.Ended):
            member.jobs.pop(event.job, None)
        elif isinstance(event, events.Made) and (job := member.jobs.get(event.job)):
            job.pictures = max(1, job.pictures - 1)
            if event.kind == IMAGE:
                member.pace.made(job.work)
        elif isinstance(event, events.WorkerState):      # it has loaded a model, or is about to
            member.pace.begin()

    def _state(self, member: PoolMember, event: events.WorkerState) -> Sequence[events.Event]:
        member.state = event
        if event.loaded and not member.models:      # the first model, before any job
            member.remember(self.identify(event.loaded), frozenset(), 1)
        return [self._merged_state(event.loaded)]

    def _merged_state(self, loaded: str = "") -> events.WorkerState:
        """Return the state of all; that one has died is told only while no other draws."""
        states = [each.state for each in self.members]
        alive = [each.state for each in self.members if each.health.phase == READY]
        loading = next((state.loading for state in states if state.loading), "")
        self._told_error = " ".join(dict.fromkeys(filter(None, (state.error for state in alive or states))))
        return events.WorkerState("", loading, loaded, self._told_error)

    def _changed_error(self) -> Sequence[events.Event]:
        """Return the state of all if what is wrong has changed. One that draws again is about to load its model."""
        before, state = self._told_error, self._merged_state()
        if state.error == before:
            return ()
        return [replace(state, loading=state.loading or ("" if state.error else "…"))]

    def _ready(self, member: PoolMember, event: events.WorkerReady) -> Sequence[events.Event]:
        member.ready = event
        return [self._merged_ready(), *self._place_homeless()]

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

    def _health(self, member: PoolMember, event: WorkerHealth) -> Sequence[events.Event]:
        member.health = event
        return [self._merged_health(), *self._changed_error()]

    def _merged_health(self) -> WorkerHealth:
        """Return READY if any worker is; BROKEN only if all are, with the earliest restart's time."""
        every = [each.health for each in self.members]
        if not every:
            return WorkerHealth("", WORKER_STARTING)
        if any(health.phase == READY for health in every):
            return next(health for health in every if health.phase == READY)
        others = [health for health in every if health.phase != BROKEN]
        return others[0] if others else min(every, key=lambda health: health.retry_in)
