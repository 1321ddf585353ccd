"""All jobs: submitted here, carried out by a worker, followed from anywhere by id.

A worker is given only the next ones (app/fair_queue.py); the others wait here, where they can be moved and cancelled.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any

from modules.app.fair_queue import DEVICE, FILES, LimitsOf, QueuedJob
from modules.app.live_job import Unrecorded
from modules.app.quota import QUOTA_SECONDS, check_pictures, check_work
from modules.app.tally import Tally
from modules.app.unfinished import UnfinishedJobs
from modules.app.work import picture_work
from modules.app.worker_status import WorkerStatus
from modules.base.accounts import Account
from modules.base.border import logged, outcome
from modules.base.errors import (
    Draining,
    Invalid,
    JobFailed,
    TimedOut,
    UnknownName,
    WorkerCrashed,
    error_data,
)
from modules.base.hooks import Hooks
from modules.engine import messages as events
from modules.engine.messages import JobSpec, Worker
from modules.settings.options import Settings
from modules.settings.queue_limits import QueueLimits
from modules.store.jobs import (
    FAILED,
    GIVEN_BACK,
    INTERRUPTED,
    PICTURES,
    QUEUED,
    RUNNING,
    JobRecord,
    JobStore,
    OutputRecord,
    own_job_id,
)
from modules.store.migrations import pictures_of
from modules.store.saving_notes import SavingNotes

log = logging.getLogger(__name__)
MOST_DEATHS = 2      # of the program over one job; then the job is set aside
OPEN, PAUSED, DRAINING = "open", "paused", "draining"      # the queue as a whole
QUEUE_MODES = (OPEN, PAUSED, DRAINING)


@dataclass(frozen=True)
class JobProcess:
    """The process that asks for jobs: its mark in their records, "" for the server, and whether another still runs."""

    mark: str = ""
    is_alive: Callable[[str], bool] = lambda mark: False


@dataclass(frozen=True)
class ResolvedRequest:
    """A request that leaves nothing to chance, as it is recorded.

    task_id: an id of the caller's own, "" draws one; outputs: those that it has already, which are not made again
    pictures: the number of images there will be; 0: as the request says
    """

    kind: str
    params: Mapping[str, Any]
    settings: Settings
    save: bool = True
    task_id: str = ""
    outputs: tuple[OutputRecord, ...] = ()
    pictures: int = 0


class Jobs:
    """All jobs: submit, interrupt, look up. Any thread may call any method; the worker's events arrive at `hear`."""

    def __init__(
        self,
        store: JobStore,
        process: JobProcess = JobProcess(),
        lane_of: Callable[[str], str] = lambda kind: DEVICE,
        on_output: Callable[[str, OutputRecord], None] = lambda job, output: None,
        hooks: Hooks | None = None,
    ) -> None:
        """lane_of: what jobs of a kind are carried out by

        on_output: called with a job and each of its outputs, before the job's end is told
        """
        self.store, self.process = store, process
        self.lane_of, self.on_output, self.hooks = lane_of, on_output, hooks or Hooks()
        self.worker: Worker | None = None
        self.status = WorkerStatus(self.hooks)
        self.limits: LimitsOf = lambda role: QueueLimits()      # of a role
        # the server's; a terminal has a queue of its own
        self.mode = (not process.mark and store.queue_mode()) or OPEN
        self.unfinished = UnfinishedJobs(lambda role: self.limits(role))
        self.notes: SavingNotes | None = None         # of named and unrecorded pictures, where there are files
        self.tally = Tally()
        self._asking = Lock()                         # jobs are recorded and handed over one by one, in one order
        self._due = False                             # a hand-over is due
        self._unrecorded: dict[str, Unrecorded] = {}
        self._hear: dict[type, Callable[[Any], None]] = {
            events.Started: self._started,
            events.Progress: self.unfinished.progress,
            events.Preview: self.unfinished.preview,
            events.Made: self._made,
            events.Warned: self._warned,
            events.Advanced: lambda event: store.forget_deaths(event.job),
            events.Ended: self._ended,
            events.WorkerReady: self._worker_ready,
            events.WorkerDied: self._worker_died,
            events.WorkerState: self.status.hear_state,
            events.WorkerHealth: self.status.hear_health,
            events.WorkerMemory: self.status.hear_memory,
            events.ExtensionOut: lambda event: self.hooks.extension_out(event.name, event.why),
        }

    def attach(self, worker: Worker, resume: bool = True) -> None:
        """Give the jobs their worker, and the worker the jobs submitted before.

        resume: also jobs that a crash or a stop left unfinished
        """
        worker.start()
        with self.asked():
            self.worker = worker
            for record in self.store.unfinished():
                if record.id not in self.unfinished.live and resume and not self.process.is_alive(record.process):
                    error = outcome(self._resume, record)
                    if error:
                        log.error("Job %s cannot be resumed", record.id, exc_info=error)
                        self.hear(events.Ended(record.id, FAILED, error_data(error)))
        self.unfinished.tell_all()      # pages that came back before that know of none

    def _resume(self, record: JobRecord) -> None:
        """Queue a recorded job, or end one that cannot be carried out: none may block the others."""
        if record.ended:      # unreadable
            self.store.set_state(record.id, record.state, record.error)
        elif record.deaths >= MOST_DEATHS:
            log.warning("Job %s is set aside: the program died %d times over it", record.id, record.deaths)
            self._record_noted(record.id)
            self.store.set_state(record.id, FAILED, error_data(SET_ASIDE))
        else:
            log.info("Resuming job %s", record.id)
            self.unfinished.add(record, self.lane_of(record.kind))

    def submit(self, asked: ResolvedRequest, account: Account) -> str:
        """Record a job and queue it; returns its id. Raises Invalid if the id is taken, Draining or OverQuota."""
        pictures = asked.pictures or pictures_of(asked.params)
        record = JobRecord(
            own_job_id(asked.task_id, account.name) if asked.task_id else f"task({secrets.token_hex(16)})",
            account.name,
            asked.kind,
            asked.params,
            asdict(asked.settings),
            asked.save,
            created=time.time(),
            outputs=asked.outputs,
            made=len(asked.outputs),
            process=self.process.mark,
            asked=pictures,
            role=account.role.name.lower(),
            work=picture_work(asked.params) * pictures if self.lane_of(asked.kind) == DEVICE else 0.0,
        )
        with self.asked():
            self._check_taken(record)
            try:
                place = self.store.add(record)
            except sqlite3.IntegrityError as error:
                raise Invalid(
                    f"There is a job {asked.task_id!r} already.", "Choose another task id, or none.", "force_task_id"
                ) from error
            self.unfinished.add(replace(record, place=place), self.lane_of(record.kind))
        self.unfinished.tell_queue()
        return record.id

    def get(self, job: str, owner: str | None = None) -> JobRecord:
        """Return a job's record; `owner` None finds any owner's. Raises UnknownName, also for somebody else's job."""
        return self._found(job, self.store.get(job, owner))

    def _found(self, job: str, record: JobRecord | None) -> JobRecord:
        if record is None:
            raise UnknownName("job", job, [])
        unrecorded = self._unrecorded.get(record.id)
        return unrecorded.added_to(record) if unrecorded else record

    def brief(self, job: str, owner: str | None = None, newest: int | None = 0) -> JobRecord:
        """Return a job's record without long parameters, for frequent polling.

        newest: the number of its outputs; None is all
        """
        return self._found(job, self.store.brief(job, newest, owner))

    def wait(self, job: str) -> JobRecord:
        """Block until the job has ended."""
        self.unfinished.wait(job)
        return self.get(job)

    def warn(self, job: str, notes: Iterable[str]) -> None:
        """Add remarks for the job's owner."""
        for note in notes:
            log.debug("Job %s: %s", job, note)      # it may quote the prompt
            self.hear(events.Warned(job, note))

    def interrupt(self, job: str) -> None:
        """Stop a job; a waiting one ends at once, an ended one stays as it is."""
        with self.asked():
            if live := self.unfinished.live.get(job):
                live.interrupted = True
                if self.worker and self.unfinished.is_in_hand(job):
                    self.worker.interrupt(job)
                else:
                    self.hear(events.Ended(job, INTERRUPTED))

    def try_worker_again(self) -> None:
        """Start a worker at once that is left alone after many crashes."""
        if self.worker:
            self.worker.try_again()

    def stop_worker(self) -> None:
        """Stop the worker after the current step; unfinished jobs stay recorded."""
        if self.worker:
            self.worker.stop()

    def skip(self, job: str) -> None:
        """Skip the image, or the batch, that is being made; the job goes on with the next."""
        if self.worker and (live := self.unfinished.live.get(job)) and self.unfinished.is_in_hand(job):
            live.skipped = True
            self.worker.skip(job)

    def hear(self, event: events.Event) -> None:
        """Process a worker's event: it is on disk before watchers are told."""
        live = self.unfinished.live.get(event.job)
        self.tally.hear(event)
        self._hear[type(event)](event)
        # after an end the others have moved up
        others = list(self.unfinished.live.values()) if isinstance(event, events.Ended) else []
        self.unfinished.tell(each for each in (live, *others) if each)
        self._dispatch()
        self.unfinished.tell_queue(int(not isinstance(event, events.Progress | events.Preview)))

    @contextmanager
    def asked(self) -> Iterator[None]:
        """A lock for one change of the queue at a time; after it the next jobs are handed over."""
        try:
            with self._asking:
                yield
        finally:
            self._dispatch()

    def _check_taken(self, record: JobRecord) -> None:
        """Raise WorkerDown, Draining or OverQuota if the job is not taken now."""
        if self.lane_of(record.kind) != FILES:
            self.status.check()
        if self.mode == DRAINING:
            raise Draining("No new jobs are taken at the moment.", "The administrator lets the queue run empty.")
        limits = self.limits(record.role)
        if record.work and limits.pictures:
            mine = [job for job in self.unfinished.queue_order(DEVICE) if job.owner == record.owner]
            unfinished, wanted = sum(job.left for job in mine), record.asked
            free_in = self.unfinished.seconds_until_done(mine, unfinished + wanted - limits.pictures)
            check_pictures(limits.pictures, wanted, unfinished, free_in)
        if record.work and limits.work:
            now = time.time()
            check_work(limits.work, record.work, self.store.work_between(record.owner, now - QUOTA_SECONDS, now), now)

    def _dispatch(self) -> None:
        """Hand over the next jobs; a change in progress does so at its end."""
        self._due = True
        while self._due and self._asking.acquire(blocking=False):
            try:
                self._due = False
                while queued := self._next():
                    self._hand_over(queued)
            finally:
                self._asking.release()

    def _next(self) -> QueuedJob | None:
        ready = self.worker is not None and self.mode == OPEN and not self.unfinished.stopping
        return self.unfinished.take() if ready else None

    def _hand_over(self, queued: QueuedJob) -> None:
        """Hand over one job; it ends if that fails, so that it does not block the others."""
        error = outcome(self._give_worker, queued)
        if error:
            log.error("Job %s cannot be begun", queued.id, exc_info=error)
            self.hear(events.Ended(queued.id, FAILED, error_data(error)))

    def _give_worker(self, queued: QueuedJob) -> None:
        record = self.store.get(queued.id)
        if self.worker is None or record is None or record.ended:      # unreadable
            raise JobFailed("The record of this job cannot be read.", "Ask for its pictures again.")
        pace = self.unfinished.queues[self.lane_of(record.kind)].span(queued)
        alone = record.deaths > 0      # so that another death is this job's alone
        done = tuple(output.index for output in record.outputs)
        self.unfinished.throughput.begin(time.monotonic())
        given = (record.id, record.owner, record.kind, record.params, record.settings, record.save)
        paths = tuple(output.path for output in record.outputs)
        spec = JobSpec(*given, queued.start, pace, done, paths, record.created, alone, record.role, record.asked)
        self.worker.submit(spec)

    def _started(self, event: events.Started) -> None:
        self.store.set_state(event.job, RUNNING)
        if event.pictures:
            self.store.set_asked(event.job, event.pictures)
        self.unfinished.started(event)

    def _made(self, event: events.Made) -> None:
        output = output_of(event)
        try:
            self.store.add_output(event.job, output)
            if self.notes:
                self.notes.forget(event.job, event.index)
        except (sqlite3.Error, JobFailed):
            self._missing(event.job).outputs[event.index] = output
            raise
        finally:
            self.on_output(event.job, output)
            self.unfinished.made(event)
        if event.saved and event.kind in PICTURES:
            self.hooks.image_saved(event.path, event.infotext)

    def _warned(self, event: events.Warned) -> None:
        try:
            self.store.add_warning(event.job, event.message)
        except (sqlite3.Error, JobFailed):
            self._missing(event.job).warnings.append(event.message)
            raise

    def _ended(self, event: events.Ended) -> None:
        if event.state == GIVEN_BACK:
            self._set_aside(event.job)
            return
        self._record_noted(event.job)
        try:
            self.store.set_state(event.job, event.state, event.error)
        # a full disk must not keep watchers waiting; the next start makes the rest
        except (sqlite3.Error, JobFailed):
            log.exception("The end of job %s could not be recorded", event.job)
            self._missing(event.job).ended = event
        live = self.unfinished.remove(event.job)
        for tell in live.waiting if live else ():
            tell()

    def _record_noted(self, job: str) -> None:
        """Record the files of an ended job that a killed worker has named and not told of: nobody makes them again."""
        untold = self.notes.unrecorded(job) if self.notes else []
        for output in untold:
            if not (job in self._unrecorded and output.index in self._unrecorded[job].outputs):
                logged(self._made, made_of(job, output))

    def _set_aside(self, job: str) -> None:
        """Let a job that was paused wait, paused, until somebody lets it go on."""
        self.store.set_paused(job, True)
        self.store.set_state(job, QUEUED)
        if record := self.store.brief(job):
            self.unfinished.put_back(job, record.made, paused=True)

    def _missing(self, job: str) -> Unrecorded:
        return self._unrecorded.setdefault(job, Unrecorded())

    def _worker_ready(self, event: events.WorkerReady) -> None:
        self.status.hear_ready(event)
        self.unfinished.set_room(event)

    def _worker_died(self, event: events.WorkerDied) -> None:
        """Count a death for the jobs that it worked on; queue all jobs that it had again, or end them."""
        logged(self.store.count_deaths, event.blamed)
        for job in event.lost:
            logged(self._take_back, job, event)

    def _take_back(self, job: str, event: events.WorkerDied) -> None:
        """Queue a job again that its worker lost, without the pictures it has; set it aside after its second death."""
        live, record = self.unfinished.live.get(job), self.store.brief(job)
        if live is None or record is None:
            return
        if live.interrupted:
            self.hear(events.Ended(job, INTERRUPTED))
        elif record.deaths >= MOST_DEATHS and job in event.blamed:
            log.warning("Job %s is set aside: the worker died %d times over it", job, record.deaths)
            self.hear(events.Ended(job, FAILED, error_data(HUNG if event.hung else SET_ASIDE)))
        else:
            self.unfinished.put_back(job, record.made)
            if job in event.blamed:
                self.warn(job, [begun_again_note(event)])


def begun_again_note(death: events.WorkerDied) -> str:
    """Return the words for the owner of a job that a worker died over."""
    return f"The worker died ({death.reason}); the job was begun again."


def output_of(made: events.Made) -> OutputRecord:
    return OutputRecord(made.index, made.path, made.infotext, made.facts, made.saved, made.kind)


def made_of(job: str, output: OutputRecord) -> events.Made:
    return events.Made(job, output.index, output.path, output.infotext, output.facts, output.saved, output.kind)


ASK_FOR_LESS = (
    "What it made up to there is kept. Ask for it anew with a smaller size or another model; the server's log may "
    "tell more."
)
SET_ASIDE = WorkerCrashed(
    "Easel died twice while it worked on this job, so it is set aside; others go on.", ASK_FOR_LESS
)
HUNG = TimedOut("This job came to a standstill twice, so it is set aside; others go on.", ASK_FOR_LESS)
