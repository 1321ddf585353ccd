"""Several machines: what the cluster costs beside the devices' own time, and how rarely models are exchanged."""

from __future__ import annotations

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count, cycle
from statistics import quantiles
from threading import Condition
from typing import Any

from benchmarks.waiting_worker import COMMAND
from modules.engine.messages import READY, Emit, Ended, Event, JobSpec, WorkerHealth, WorkerReady
from modules.worker.cluster.host import WorkerHost
from modules.worker.cluster.machines import ClusterWorkers
from modules.worker.cluster.ray_cluster import ClusterMachine, RayCluster
from modules.worker.cluster.ray_link import Exchange, RayLink
from modules.worker.link import Launch
from modules.worker.pool import WorkerPool
from modules.worker.pool_member import Home
from modules.worker.process import ProcessWorker

DEVICE_SECONDS = 0.5      # of one job
JOBS_OF_WORKER = 12
MODELS, TRACE, LOADING = 12, 1_000, 4.0      # checkpoints, jobs, and a load's cost in jobs


class WaitingHost(WorkerHost):
    """The actor of a worker that only waits."""

    def __init__(self, setup: bytes, shared: bool) -> None:
        super().__init__(setup, None, COMMAND)

    def begun(self) -> bool:
        return True


def waiting_worker(
    cluster: RayCluster, machine: ClusterMachine, exchange: Exchange | None, emit: Emit
) -> ProcessWorker:
    def connect(launch: Launch, told: Mapping[str, Any], clock: Callable[[], float]) -> RayLink:
        return RayLink(cluster.host(machine, b"{}\n"), launch, clock(), None)

    return ProcessWorker(Launch((), lambda told: b""), emit, connect=connect)


def no_exchange() -> Exchange:
    raise RuntimeError("a cluster of one machine sends no files")


class Measured:
    """A cluster of so many workers, and when each job was submitted and ended."""

    def __init__(self, workers: int) -> None:
        self.changed, self.ready = Condition(), 0
        self.ended: dict[str, float] = {}
        cluster = RayCluster("", workers, WaitingHost)
        make = partial(waiting_worker, cluster)
        self.workers = ClusterWorkers(cluster, WorkerPool([], self.hear), no_exchange, make)
        self.workers.start()
        self.until(lambda: self.ready == workers)

    def hear(self, event: Event) -> None:
        with self.changed:
            if isinstance(event, WorkerReady):
                self.ready = event.workers
            if isinstance(event, Ended):
                self.ended[event.job] = time.monotonic()
            self.changed.notify_all()

    def until(self, true: Callable[[], bool]) -> None:
        with self.changed:
            if not self.changed.wait_for(true, 300):
                raise TimeoutError("the cluster does not answer")

    def submit(self, job: str, seconds: float = DEVICE_SECONDS, pictures: int = 1) -> None:
        params = {"prompt": "", "seconds": seconds}
        self.workers.submit(JobSpec(job, "local", "txt2img", params, {}, pictures=pictures))

    def seconds_of_one(self, pictures: int) -> float:
        """Return how long one job of so many pictures takes, made by all together."""
        began = time.monotonic()
        self.submit("large", pictures=pictures)
        self.until(lambda: "large" in self.ended)
        return self.ended["large"] - began

    def seconds_of(self, jobs: int) -> float:
        """Return how long so many jobs take together."""
        began, names = time.monotonic(), [f"job {number}" for number in range(jobs)]
        for job in names:
            self.submit(job)
        self.until(lambda: all(job in self.ended for job in names))
        return time.monotonic() - began

    def overhead_of(self, job: str) -> float:
        """Return the milliseconds of a job beside its device's own."""
        began = time.monotonic()
        self.submit(job, 0.0)
        self.until(lambda: job in self.ended)
        return 1000 * (self.ended[job] - began)


def run(*workers: str) -> None:
    """Workers that wait like devices: device time ÷ time; a job's overhead; models found in memory."""
    for number in map(int, workers or ("1", "2", "4", "8")):
        measured = Measured(number)
        try:
            measured.seconds_of(number)      # warm
            measured.ended.clear()
            taken = measured.seconds_of(number * JOBS_OF_WORKER)
            efficiency = DEVICE_SECONDS * JOBS_OF_WORKER / taken
            print(f"  {number} workers: efficiency {efficiency:.3f}, goal ≥ 0.95", flush=True)
            taken = measured.seconds_of_one(number * JOBS_OF_WORKER)
            print(f"  {number} workers: one job of {number * JOBS_OF_WORKER} pictures, efficiency "
                  f"{DEVICE_SECONDS * JOBS_OF_WORKER / taken:.3f}", flush=True)
            if number == 1:
                found = quantiles([measured.overhead_of(f"empty {each}") for each in range(100)], n=20)
                print(f"  a job beside its device's time: p50 {found[9]:.1f} ms, p95 {found[18]:.1f} ms, goal ≤ 30")
        finally:
            measured.workers.stop()
    jobs = trace()
    by_pool, in_turn = hits(jobs, 4, affinity=True), hits(jobs, 4, affinity=False)
    print(f"  model in memory, of {TRACE:,} mixed jobs on 4 workers: {by_pool:.1%}; in turn {in_turn:.1%}")


def trace(seed: int = 7) -> list[str]:
    """Return the models of jobs, the popular ones more often (Zipf)."""
    draw = random.Random(seed)
    return draw.choices([f"model {n}" for n in range(MODELS)], [1 / (n + 1) for n in range(MODELS)], k=TRACE)


class Simulated:
    """A worker that notes what it is given."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit

    def start(self) -> None:
        self.emit(WorkerHealth("", READY))

    def submit(self, spec: JobSpec) -> None:
        self.given = spec


def hits(jobs: list[str], workers: int, affinity: bool) -> float:
    """Return the share of jobs that met their model in memory; jobs come as fast as all workers together can do them.

    A worker has one model in memory; a job takes 1, and loading LOADING.
    """
    pool = WorkerPool([], lambda event: None)
    members = [pool.add(Home(str(number)), Simulated) for number in range(workers)]
    free, memory, found = [0.0] * workers, [""] * workers, Counter()
    turn, ends, numbers = cycle(range(workers)), [], count()
    for arrival, model in enumerate(jobs):
        now = arrival * 2 / workers
        while ends and ends[0][0] <= now:
            _, _, place, job = heapq.heappop(ends)
            members[place].worker.emit(Ended(job, "done"))
        job = str(arrival)
        if affinity:
            pool.submit(JobSpec(job, "local", "txt2img", {"prompt": ""}, {"sd_model_checkpoint": model}))
            place = next(each for each, member in enumerate(members) if job in member.jobs)
        else:
            place = next(turn)
        found[memory[place] == model] += 1
        free[place] = max(free[place], now) + 1 + (0 if memory[place] == model else LOADING)
        memory[place] = model
        heapq.heappush(ends, (free[place], next(numbers), place, job))
    return found[True] / len(jobs)
