"""The machines of a cluster as workers of a pool: each that joins brings its slots, each that leaves takes them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import Event, Thread
from typing import Protocol

from modules.base.border import logged, outcome
from modules.engine.messages import Emit, JobSpec, Worker, WorkerInfo, WorkerState
from modules.worker.cluster.ray_cluster import ClusterMachine
from modules.worker.cluster.ray_link import Exchange
from modules.worker.pool import Home, PoolMember, WorkerPool

log = logging.getLogger(__name__)
MACHINES_SECONDS = 2.0       # between two looks at who is there

NewExchange = Callable[[], Exchange]
MakeWorker = Callable[[ClusterMachine, Exchange | None, Emit], Worker]


class Cluster(Protocol):
    def connect(self) -> None: ...
    def machines(self) -> list[ClusterMachine]: ...
    def close(self) -> None: ...


def everything(model: str) -> bool:
    """Return True: a machine that sees the server's folders has all models."""
    return True


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
        self._connected, self._problem = False, ""
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
                logged(self.look)
            self._stopping.wait(MACHINES_SECONDS)

    def _connect(self) -> bool:
        """Try to reach the cluster; what stands in the way is told to all who wait, once."""
        problem = outcome(self.cluster.connect)
        self._connected = not isinstance(problem, Exception)
        reason = "" if self._connected else f"The cluster does not answer: {problem}"
        if reason != self._problem:
            log.warning("%s", reason or "The cluster answers")
            self.pool.emit(WorkerState("", loading="" if self._connected else "…", error=reason))
        self._problem = reason
        return self._connected

    def look(self) -> None:
        """Take in machines that have joined, and part with those that have left."""
        found = outcome(self.cluster.machines)
        if isinstance(found, Exception):
            log.warning("The cluster does not answer: %s", found)
            return
        here = {machine.id: machine for machine in found}
        for gone in [joined for known, joined in self.joined.items() if known not in here]:
            self._part_with(gone)
        for machine in here.values():
            if machine.id not in self.joined and not self._stopping.is_set():
                self._take_in(machine)

    def _take_in(self, machine: ClusterMachine) -> None:
        log.info("%s joins with %d workers", machine.name, machine.slots)
        exchange = None if machine.shared else self.exchange()
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
