"""The machines of a cluster as workers of a pool: each that joins brings its slots, each that leaves takes them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, Protocol, TypeVar

from modules.base.border import outcome
from modules.engine.messages import Emit, JobSpec, Worker, WorkerInfo, WorkerState
from modules.worker.cluster.ray_cluster import ClusterMachine
from modules.worker.cluster.ray_link import Exchange
from modules.worker.pool import WorkerPool
from modules.worker.pool_member import Home, PoolMember

log = logging.getLogger(__name__)
MACHINES_SECONDS = 2.0       # between two looks at who is there
REMINDER_SECONDS = 600.0     # between two lines of the log about what still goes wrong
SILENT_SECONDS = 20.0        # that a cluster may not answer; one that refuses to is then left and joined anew
SILENT_CLUSTER, NO_MACHINE = "silent", "no machine"      # what may stand in the way
CLUSTER_NOTES = {
    SILENT_CLUSTER: "The cluster does not answer ({reason}).",
    NO_MACHINE: "No machine is there that draws; jobs wait for one.",
}

T = TypeVar("T")
NewExchange = Callable[[], Exchange]
MakeWorker = Callable[[ClusterMachine, Exchange | None, Emit], Worker]


class Cluster(Protocol):
    def connect(self) -> None: ...
    def machines(self) -> list[ClusterMachine]: ...
    def close(self) -> None: ...


def everything(model: str) -> bool:
    """Return True: a machine that sees the server's folders has all models."""
    return True


class PatientQuestion(Generic[T]):
    """A question that may stay without an answer: until it has one it is not asked anew."""

    def __init__(self) -> None:
        self._answers: SimpleQueue[T | Exception] = SimpleQueue()
        self._asked = False

    def answer(self, ask: Callable[[], T], seconds: float) -> T | Exception:
        """Return the result of `ask` or its error; a TimeoutError after so many seconds, while it still waits."""
        if not self._asked:
            self._asked = True
            Thread(target=lambda: self._answers.put(outcome(ask)), name="cluster's machines", daemon=True).start()
        try:
            answer = self._answers.get(timeout=seconds)
        except Empty:
            return TimeoutError(f"no answer within {seconds:g} seconds")
        self._asked = False
        return answer


@dataclass
class Joined:
    """A machine that is here, and its workers."""

    machine: ClusterMachine
    members: list[PoolMember] = field(default_factory=list)


class ClusterWorkers:
    """The `Worker` of engine.messages made of all machines of a cluster."""

    def __init__(self, cluster: Cluster, pool: WorkerPool, exchange: NewExchange, make: MakeWorker) -> None:
        """exchange: returns what crosses to a new machine; make: returns a worker there, not started"""
        self.cluster, self.pool, self.exchange, self.make = cluster, pool, exchange, make
        self.joined: dict[str, Joined] = {}
        self._machines = PatientQuestion[list[ClusterMachine]]()
        self._connected, self._problem = False, ""
        self._logged, self._logged_at = "", 0.0      # what goes wrong, and when the log was told of it
        self._silent_since: float | None = None      # when the cluster's last answer was missed
        self._stopping = Event()
        self.thread = Thread(target=self._watch, name="cluster", daemon=True)

    @property
    def members(self) -> list[PoolMember]:
        return self.pool.members

    def start(self) -> None:
        self.thread.start()

    def submit(self, spec: JobSpec) -> None:
        self.pool.submit(spec)

    def interrupt(self, job: str) -> None:
        self.pool.interrupt(job)

    def skip(self, job: str) -> None:
        self.pool.skip(job)

    def keep_loaded(self, checkpoint: str) -> None:
        self.pool.keep_loaded(checkpoint)

    def try_again(self) -> None:
        self.pool.try_again()

    def listed(self) -> list[WorkerInfo]:
        return self.pool.listed()

    def drain(self, name: str, draining: bool) -> None:
        self.pool.drain(name, draining)

    def stop(self) -> None:
        self._stopping.set()
        self.pool.stop()
        if self.thread.is_alive():
            self.thread.join(MACHINES_SECONDS)
        outcome(self.cluster.close)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            if self._connected or self._connect():
                problem = outcome(self.look)
                if problem:
                    self._log_rarely(f"The machines of the cluster cannot be looked at: {problem!r}", problem)
            self._stopping.wait(MACHINES_SECONDS)

    def _log_rarely(self, words: str, problem: Exception) -> None:
        """Log what goes wrong, and what stays so only now and then."""
        now = time.monotonic()
        if words != self._logged or now - self._logged_at > REMINDER_SECONDS:
            self._logged, self._logged_at = words, now
            log.warning("%s", words, exc_info=problem)

    def _connect(self) -> bool:
        """Try to reach the cluster."""
        problem = outcome(self.cluster.connect)
        self._connected = not isinstance(problem, Exception)
        self._silent_since = None
        self._tell("" if self._connected else SILENT_CLUSTER, problem)
        return self._connected

    def _tell(self, problem: str, reason: object = "") -> None:
        """Tell all who wait what stands in the way, once, whatever its reason, and when it does no more."""
        if problem == self._problem:
            return
        self._problem = problem
        words = CLUSTER_NOTES[problem].format(reason=reason) if problem else ""
        log.warning("%s", words or "The cluster answers")
        self.pool.emit(WorkerState("", loading="" if problem else "…", error=words))

    def look(self) -> None:
        """Take in machines that have joined, and part with those that have left."""
        found = self._machines.answer(self.cluster.machines, SILENT_SECONDS)
        if isinstance(found, Exception):
            self._missed(found)
            return
        self._silent_since = None
        here = {machine.id: machine for machine in found}
        for gone in [joined for known, joined in self.joined.items() if known not in here]:
            self._part_with(gone)
        self._tell("" if here else NO_MACHINE)
        for machine in here.values():
            if machine.id not in self.joined and not self._stopping.is_set():
                self._take_in(machine)

    def _missed(self, problem: Exception) -> None:
        """Leave a cluster that has refused to answer for a while.

        One that says nothing at all is only waited for: Ray waits too, and ends this process if that lasts a minute.
        """
        now = time.monotonic()
        if isinstance(problem, TimeoutError):
            self._tell(SILENT_CLUSTER, problem)
        elif self._silent_since is None:
            self._silent_since = now
            log.warning("%s", CLUSTER_NOTES[SILENT_CLUSTER].format(reason=problem))
        elif now - self._silent_since > SILENT_SECONDS:
            self._connected = False
            for joined in list(self.joined.values()):
                self._part_with(joined)
            outcome(self.cluster.close)
            self._tell(SILENT_CLUSTER, problem)      # last: the workers' end is told as well

    def _take_in(self, machine: ClusterMachine) -> None:
        exchange = None if machine.shared else self.exchange()
        log.info("%s joins with %d workers", machine.name, machine.slots)
        joined = self.joined[machine.id] = Joined(machine)
        there = exchange.there.__contains__ if exchange else everything
        for _ in range(machine.slots):
            home = Home(self._free_name(machine.name), machine.shared, there)
            joined.members.append(self.pool.add(home, partial(self.make, machine, exchange)))

    def _free_name(self, machine: str) -> str:
        """Return the machine's name with a number; two may join under one name, and each worker has its own."""
        taken = {member.home.name for member in self.pool.members}
        return next(name for number in count(1) if (name := f"{machine}, {number}") not in taken)

    def _part_with(self, joined: Joined) -> None:
        log.warning("%s has left", joined.machine.name)
        del self.joined[joined.machine.id]
        for member in joined.members:
            self.pool.remove(member, f"{joined.machine.name} has left")
