"""The server's own part of a job, whatever draws it: how many machines one server can keep busy (docs/scaling.md)."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.ray import Simulated, trace
from modules.app.app import App
from modules.base.accounts import LOCAL_ACCOUNT
from modules.commands.assemble import assemble
from modules.engine.messages import Emit, Ended, JobSpec, Made, Progress, Started, WorkerReady
from modules.params.txt2img import Txt2Img
from modules.requests.submit import Submission, submit
from modules.settings.flags import parse_flags
from modules.store.jobs import DONE
from modules.worker.pool import WorkerPool
from modules.worker.pool_member import Home

STEPS = 20
INFOTEXT = "a red fox\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512"


def run() -> None:
    """The server's CPU time and disk of a job, with few and with many waiting; a job's place among many machines."""
    for waiting in (0, 1_000, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            print(f"  {waiting:,} jobs waiting: {ledger_cost(Path(folder), waiting)}", flush=True)
    for workers in (8, 100, 1_000):
        milliseconds = 1000 * placement_cost(workers)
        print(f"  a job's place among {workers:,} workers: {milliseconds:.3f} CPU ms")


@dataclass
class InstantWorker:
    """A worker that notes its jobs and is told when each is done."""

    emit: Emit
    jobs: deque[JobSpec] = field(default_factory=deque)

    def start(self) -> None:
        self.emit(WorkerReady("", {"device": "none"}, 1))

    def submit(self, spec: JobSpec) -> None:
        self.jobs.append(spec)

    def stop(self) -> None: ...

    def draw(self) -> None:
        """Tell what a worker of a picture of `STEPS` steps tells."""
        job = self.jobs.popleft().id
        self.emit(Started(job, 1))
        for step in range(STEPS):
            self.emit(Progress(job, 0, step + 1, STEPS, (step + 1) / STEPS))
        facts = {"seed": 1, "prompt": "a red fox", "width": 512, "height": 512}
        self.emit(Made(job, 0, f"/outputs/{job}.png", INFOTEXT, facts))
        self.emit(Ended(job, DONE))


def ledger_cost(folder: Path, waiting: int, measured: int = 200) -> str:
    """CPU milliseconds of a job from its request to its end, and bytes of the ledger; so many others wait."""
    app = assemble(parse_flags(["--data-dir", str(folder)], {}))
    for _ in range(waiting):
        asked(app)
    worker = InstantWorker(app.jobs.hear)
    app.jobs.attach(worker)
    before, began = app.jobs.store.database.path.stat().st_size, time.process_time()
    submitting = 0.0
    for _ in range(measured):
        at = time.process_time()
        asked(app)
        submitting += time.process_time() - at
        worker.draw()
    spent, grown = time.process_time() - began, size_of_ledger(app) - before
    return (
        f"a job {1000 * spent / measured:.2f} CPU ms, of which asking {1000 * submitting / measured:.2f}; "
        f"{grown / measured / 1000:.1f} kB"
    )


def asked(app: App) -> None:
    submit(app, Submission("txt2img", Txt2Img(prompt="a red fox", steps=STEPS)), LOCAL_ACCOUNT)


def size_of_ledger(app: App) -> int:
    return app.jobs.store.database.path.stat().st_size


def placement_cost(workers: int, jobs: int = 1_000) -> float:
    """CPU seconds of giving a job to one of so many workers and of hearing its end."""
    pool = WorkerPool([], lambda event: None)
    members = [pool.add(Home(str(number)), Simulated) for number in range(workers)]
    models: Any = trace()
    began = time.process_time()
    for number in range(jobs):
        spec = JobSpec(str(number), "local", "txt2img", {"prompt": ""}, {"sd_model_checkpoint": models[number]})
        pool.submit(spec)
        holder = next(member for member in members if spec.id in member.jobs)
        holder.worker.emit(Ended(spec.id, DONE))
    return (time.process_time() - began) / jobs
