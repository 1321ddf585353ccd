"""A worker that is a process of its own: it may be killed, crash or hang, and the server goes on.

The server imports no torch. Its thread `supervisor` starts the process, here or on another machine, reads its messages
(engine/wire.py), and starts another one when it has died. `WorkerDied` names the jobs that the dead process had;
app/jobs.py submits them again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from threading import Condition, Event, Thread
from typing import Any

from modules.base.border import logged, outcome
from modules.engine import messages as events
from modules.engine.messages import BROKEN, READY, RESTARTING, Emit, Ended, JobSpec, WorkerDied, WorkerHealth
from modules.engine.wire import FaultDone, InHand, Interrupt, KeepLoaded, Message, Skip, StopWork, Submit, from_line
from modules.store.jobs import DONE, INTERRUPTED
from modules.worker.link import ChildProcess, Launch, WorkerLink
from modules.worker.restarts import Restarts

log = logging.getLogger(__name__)
STOPPING_SECONDS = 22     # a little more than the worker itself takes for the step in hand (STOP_SECONDS)
LOADING_TIMES = 4         # loading a model may take so many times `hang_seconds`
# parts of a worker that the watchdog watches: the device's thread, and that of extensions' code
DEVICE_PART, EXTENSION_PART = "device", "extensions"

# starts a process, which is told these values, by that clock. Raises OSError
Connect = Callable[[Launch, Mapping[str, Any], Callable[[], float]], WorkerLink]


class ProcessWorker:
    """The `Worker` of engine.messages in another process. Any thread may call any method."""

    def __init__(
        self, launch: Launch, emit: Emit, clock: Callable[[], float] = time.monotonic, connect: Connect = ChildProcess
    ) -> None:
        self.launch, self.emit, self.clock, self.connect = launch, emit, clock, connect
        self.restarts = Restarts()
        self.child: WorkerLink | None = None
        self.jobs: dict[str, JobSpec] = {}           # that have not ended
        self.stopping = False
        self.faulted = ""                            # the job that a test's fault has hit
        self._launches = 0
        self._changed = Condition()
        self._stopped = Event()
        # starts every process: the system ends a process with the thread that started it
        self.thread = Thread(target=self._supervise, name="supervisor", daemon=True)
        self.watchdog = Thread(target=self._watch_over, name="watchdog", daemon=True)
        self._hear: dict[type, Callable[[WorkerLink, Any], None]] = {
            InHand: self._in_hand,
            FaultDone: self._fault_done,
            events.Made: self._made,
            events.Ended: self._ended,
            events.WorkerState: self._state,
            events.WorkerReady: self._ready,
        }

    def start(self) -> None:
        self.thread.start()
        self.watchdog.start()

    def submit(self, spec: JobSpec) -> None:
        with self._changed:
            self.jobs[spec.id] = spec
            if self.child:
                self._give(self.child, spec)

    def interrupt(self, job: str) -> None:
        with self._changed:
            if job in self.jobs and self.child:
                self.child.outbox.put(Interrupt(job))
                return
            waited = self.jobs.pop(job, None)
        if waited:
            self.emit(Ended(job, INTERRUPTED))

    def skip(self, job: str) -> None:
        with self._changed:
            if job in self.jobs and self.child:
                self.child.outbox.put(Skip(job))

    def keep_loaded(self, checkpoint: str) -> None:
        with self._changed:
            if self.child:
                self.child.outbox.put(KeepLoaded(checkpoint))

    def stop(self) -> None:
        """Let the step in hand finish; unfinished jobs stay recorded and are resumed at the next start."""
        child = self._start_no_more()
        if child:
            child.outbox.put(StopWork())
        self.thread.join(STOPPING_SECONDS)
        if child and self.thread.is_alive():
            child.kill()

    def abandon(self) -> None:
        """End at once: the process is on a machine that has gone."""
        if child := self._start_no_more():
            child.kill()

    def _start_no_more(self) -> WorkerLink | None:
        """Let no further process be started; return the one there is."""
        with self._changed:
            self.stopping = True
            child = self.child
            self._changed.notify_all()
        self._stopped.set()
        return child

    def try_again(self) -> None:
        """Start the next process now instead of after the pause."""
        with self._changed:
            if self.child or self.stopping:
                return
            self.restarts.hurry(self.clock())
            self._changed.notify_all()
        logged(self.emit, WorkerHealth("", RESTARTING))
        logged(self.emit, events.WorkerState("", loading="…"))

    def look(self) -> None:
        """Kill the process if its device's thread, or an extension, has been silent for too long."""
        with self._changed:
            child = self.child
            if child is None or child.hung or not (part := self._silent_part(child)):
                return
            child.hung = part
        log.error("The worker gives no sign of life (%s); it is replaced", part)
        child.kill()

    def _silent_part(self, child: WorkerLink) -> str:
        """Return the part that has been silent for too long; "" if none has."""
        now, limit = self.clock(), self.launch.hang_seconds
        if child.loading or (self.jobs and not child.ready):
            return DEVICE_PART if now - child.heard > limit * LOADING_TIMES else ""
        heard = {DEVICE_PART: child.heard, EXTENSION_PART: child.heard_extensions}
        silent = (part for part, when in heard.items() if child.in_hand.get(part) and now - when > limit)
        return next(silent, "")

    def _watch_over(self) -> None:
        while not self._stopped.wait(min(1.0, self.launch.hang_seconds / 4)):
            logged(self.look)

    def _give(self, child: WorkerLink, spec: JobSpec) -> None:
        """The caller holds `_changed`."""
        listed = self.launch.listed()
        refresh = tuple(kind for kind, now in listed.items() if now is not child.listed.get(kind))
        child.listed = listed
        child.outbox.put(Submit(spec, self.launch.models_kept(), refresh, self.launch.settings()))

    # The supervisor's thread

    def _supervise(self) -> None:
        while not self.stopping:
            reason = self._live_once()
            if self.stopping:
                return
            log.error("The worker died: %s", reason)
            self._pause()

    def _pause(self) -> None:
        """Wait until the next start is due."""
        with self._changed:
            while not self.stopping and (left := self.restarts.left(self.clock())) > 0:
                self._changed.wait(left)

    def _live_once(self) -> str:
        """Start a process and read its messages until it ends; return how it died.

        Whatever goes wrong is a death: another one is started, and its jobs are told to be lost.
        """
        child = outcome(self._launch)
        if isinstance(child, Exception):
            return self._died(None, start_reason(child))
        problem = outcome(self._converse, child)
        if problem:
            log.error("The worker cannot be told its jobs, or what it says cannot be read", exc_info=problem)
            child.kill()
        return self._died(child, *child.end())

    def _launch(self) -> WorkerLink:
        first = self.launch.first if not self._launches else {}
        told = {"faulted": self.faulted, "settings": self.launch.settings(), **first}
        self._launches += 1
        return self.connect(self.launch, told, self.clock)

    def _converse(self, child: WorkerLink) -> None:
        """Tell a process its jobs, and read its messages until it ends."""
        with self._changed:
            self.child = child
            for spec in self.jobs.values():
                self._give(child, spec)
            stopping = self.stopping
        if stopping:
            child.kill()
        for line in child.said:
            try:
                message = from_line(line)
            except ValueError as error:
                log.warning("A line of the worker is %s", error)
                continue
            self._take(child, message)

    def _take(self, child: WorkerLink, message: Message) -> None:
        if hear := self._hear.get(type(message)):
            hear(child, message)
        if isinstance(message, events.Event):
            logged(self.emit, message)

    def _in_hand(self, child: WorkerLink, message: InHand) -> None:
        with self._changed:
            child.in_hand[message.part] = message.jobs
        if message.part == DEVICE_PART:
            child.heard = self.clock()
        elif message.part == EXTENSION_PART:
            child.heard_extensions = self.clock()

    def _fault_done(self, child: WorkerLink, message: FaultDone) -> None:
        self.faulted = message.job

    def _made(self, child: WorkerLink, message: events.Made) -> None:
        self.restarts.worked()

    def _ended(self, child: WorkerLink, message: events.Ended) -> None:
        with self._changed:
            self.jobs.pop(message.job, None)
        if message.state == DONE:
            self.restarts.worked()

    def _state(self, child: WorkerLink, message: events.WorkerState) -> None:
        child.heard, child.loading = self.clock(), bool(message.loading)

    def _ready(self, child: WorkerLink, message: events.WorkerReady) -> None:
        child.heard, child.ready = self.clock(), True
        self.restarts.ready(child.heard)
        logged(self.emit, events.WorkerState(""))
        logged(self.emit, WorkerHealth("", READY, self.restarts.deaths))

    def _died(self, child: WorkerLink | None, reason: str, blames: bool = True) -> str:
        """Emit the death and the jobs that were lost; return the reason. blames: a job in hand may have caused it"""
        with self._changed:
            self.child = None
            if self.stopping:
                return reason
            in_hand = {job for jobs in (child.in_hand.values() if child else ()) for job in jobs}
            hung = bool(child and child.hung)
            if hung and child:      # only the part that was watched is to blame
                in_hand = set(child.in_hand.get(child.hung, ()))
                reason = silence_reason(child.hung, self.launch.hang_seconds)
            lost = tuple(self.jobs)
            self.jobs.clear()
            now = self.clock()
            self.restarts.died(now)
            left = self.restarts.left(now)
        phase = BROKEN if self.restarts.broken else RESTARTING
        logged(self.emit, WorkerHealth("", phase, self.restarts.deaths, left, reason))
        logged(self.emit, events.WorkerState("", error=death_note(reason, self.restarts)))
        blamed = tuple(job for job in lost if blames and job in in_hand)
        logged(self.emit, WorkerDied("", lost, blamed, hung, reason))
        return reason


def start_reason(error: Exception) -> str:
    """Return in words why there is no process: too little memory, or a machine that does not answer."""
    if not isinstance(error, OSError):
        log.error("The worker cannot be started", exc_info=error)
    reason = getattr(error, "strerror", "") or error or type(error).__name__
    return f"it cannot be started ({reason})"


def silence_reason(part: str, seconds: float) -> str:
    """Return in words that a part of the process has been silent for so long."""
    if part == EXTENSION_PART:
        return f"no sign of life of an extension for {seconds:g} seconds"
    return f"no sign of life for {seconds:g} seconds"


def death_note(reason: str, restarts: Restarts) -> str:
    """Return the page's words for it."""
    if restarts.broken:
        return (
            f"The worker died {restarts.deaths} times in a row ({reason}), so it is left alone for a while. "
            "No new jobs are taken meanwhile, those that wait are kept; the server's log may tell more."
        )
    return f"The worker died ({reason}) and is being started again."
