"""Jobs that need no device: carried out one at a time in a thread beside the engine's,
so that they keep no picture waiting.

Accounts take turns: next is the oldest job of whoever was served longest ago.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from modules.base.border import logged, outcome
from modules.base.errors import error_data
from modules.engine.messages import Emit, Ended, Event, JobSpec, Made, Progress, Started, Warned
from modules.settings.flags import Paths
from modules.store.jobs import DONE, FAILED, INTERRUPTED
from modules.worker.config import WorkerConfig
from modules.worker.planners import planner_of

log = logging.getLogger(__name__)


class Stopped(Exception):
    """Raised inside the work of a job that is to end."""


@dataclass
class FileJob:
    """A job in hand: its work reports here, and is stopped here.

    Outputs of an earlier run (`spec.done`) keep their numbers.
    """

    spec: JobSpec
    emit: Emit
    paths: Paths | None = None      # of the program; without them there are no accounts' files
    interrupted: bool = False
    stopping: bool = False      # the program ends: the job is begun again at its next start
    made: int = field(init=False)

    def __post_init__(self) -> None:
        self.made = len(self.spec.done)

    @property
    def places(self) -> Paths:
        """Return the program's paths. Raises ValueError where there are none."""
        if self.paths is None:
            raise ValueError("This worker knows no folders of accounts.")
        return self.paths

    def progress(self, done: int, of: int) -> None:
        """`done` of `of` steps are done. Raises Stopped."""
        if self.interrupted or self.stopping:
            raise Stopped
        self.tell(Progress(self.spec.id, self.made, done, of, done / of if of else 0.0))

    def add_output(self, kind: str, path: Path, facts: Mapping[str, Any]) -> None:
        """A file is on disk, whole."""
        self.tell(Made(self.spec.id, self.made, str(path), "", facts, kind=kind))
        self.made += 1

    def warn(self, note: str) -> None:
        """What its owner should know, though it goes on."""
        log.warning("Job %s: %s", self.spec.id, note)
        self.tell(Warned(self.spec.id, note))

    def tell(self, event: Event) -> None:
        logged(self.emit, event)


FileWork = Callable[[FileJob], None]      # what a planner makes of a job's spec and the library


class FileJobs:
    """The queue of such jobs, and its thread. Any thread may call `submit`, `interrupt` and `stop`."""

    def __init__(self, config: WorkerConfig, emit: Emit) -> None:
        self.config, self.emit = config, emit
        self.thread = Thread(target=self._run, name="files", daemon=True)
        self._changed = Condition()
        self._waiting: list[JobSpec] = []             # oldest first
        self._served: dict[str, int] = {}             # owner → the number of their latest turn
        self._now: FileJob | None = None
        self._stopping = False

    def start(self) -> None:
        self.thread.start()

    def submit(self, spec: JobSpec) -> None:
        with self._changed:
            self._waiting.append(spec)
            self._changed.notify()

    def interrupt(self, job: str) -> bool:
        """One that waits ends at once, one in hand after the step it is at. False if there is none of that id."""
        with self._changed:
            if self._now and self._now.spec.id == job:
                self._now.interrupted = True
                return True
            waiting = [spec for spec in self._waiting if spec.id == job]
            self._waiting = [spec for spec in self._waiting if spec.id != job]
        if waiting:
            self.emit(Ended(job, INTERRUPTED))
        return bool(waiting)

    def stop(self) -> None:
        """After the step in hand; what is unfinished stays recorded, and is begun again at the next start."""
        with self._changed:
            self._stopping = True
            if self._now:
                self._now.stopping = True
            self._changed.notify()

    def _run(self) -> None:
        while job := self._next():
            self.config.note_in_hand("files", [job.spec.id])
            ended = self._carried_out(job)
            if ended:
                job.tell(ended)
            self.config.note_in_hand("files", [])

    def _next(self) -> FileJob | None:
        """The job whose turn it is, once there is one; None to end."""
        with self._changed:
            self._now = None
            self._changed.wait_for(lambda: self._stopping or self._waiting)
            if self._stopping:
                return None
            spec = min(self._waiting, key=lambda each: self._served.get(each.owner, 0))
            self._waiting.remove(spec)
            self._served[spec.owner] = max(self._served.values(), default=0) + 1
            self._now = FileJob(spec, self.emit, self.config.paths)
            return self._now

    def _carried_out(self, job: FileJob) -> Ended | None:
        """How it ended; None if it has not, for the program ends."""
        job.tell(Started(job.spec.id, 1))
        error = outcome(self._do, job)
        if isinstance(error, Stopped):
            return Ended(job.spec.id, INTERRUPTED) if job.interrupted else None
        if error:
            log.warning("Job %s failed: %s", job.spec.id, error)
            return Ended(job.spec.id, FAILED, error_data(error))
        return Ended(job.spec.id, DONE)

    def _do(self, job: FileJob) -> None:
        work: FileWork = planner_of(job.spec.kind)(job.spec, self.config.library)
        work(job)
