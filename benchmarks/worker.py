from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from PIL import Image

from modules.commands.assemble import assemble
from modules.commands.workers import worker_of
from modules.engine.messages import Ended, Event, JobSpec, Made
from modules.params.txt2img import Txt2Img
from modules.settings.flags import parse_flags
from modules.settings.options import Settings

KINDS = ("thread", "process")
PICTURES, SIDE, STEPS, ROUNDS = 4, 128, 20, 7
PATIENCE = 600.0
SHIPPED = Path(__file__).resolve().parents[1] / "models"


def run() -> None:
    """Pictures per second of a worker that is a process ÷ one that is a thread; whether the pictures are the same."""
    with ExitStack() as stack:
        benches = {kind: stack.enter_context(worker_bench(kind)) for kind in KINDS}
        for bench in benches.values():
            bench.pictures()      # the model is loaded
        by_clock, by_cpu = measured(benches)
        thread, process = (benches[kind].pictures() for kind in KINDS)
    for name, seconds in (("second", by_clock), ("CPU second", by_cpu)):
        for kind in KINDS:
            rates = [PICTURES / each for each in seconds[kind]]
            print(f"  {kind:<8} {median(rates):7.3f} pictures a {name}   ({min(rates):.3f} – {max(rates):.3f})")
        ratios = [a / b for a, b in zip(seconds["thread"], seconds["process"], strict=True)]
        print(f"  process ÷ thread = {median(ratios):.3f}   ({min(ratios):.3f} – {max(ratios):.3f}), goal ≥ 0.98")
    same = all(np.array_equal(a, b) for a, b in zip(thread, process, strict=True))
    print(f"  the pictures are {'the same to the bit' if same else 'NOT the same'}")


def measured(benches: Mapping[str, WorkerBench]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds and CPU seconds of each kind, in turn."""
    by_clock: dict[str, list[float]] = {kind: [] for kind in benches}
    by_cpu: dict[str, list[float]] = {kind: [] for kind in benches}
    for _ in range(ROUNDS):
        for kind, bench in benches.items():
            began, cpu = time.perf_counter(), cpu_seconds()
            bench.pictures()
            by_clock[kind].append(time.perf_counter() - began)
            by_cpu[kind].append(cpu_seconds() - cpu)
    return by_clock, by_cpu


def cpu_seconds() -> float:
    """CPU seconds of this process and its worker's."""
    own = psutil.Process()
    return sum(times.user + times.system for times in (each.cpu_times() for each in (own, *own.children())))


class WorkerBench:
    """A worker as the server starts it, which makes the same pictures again and again."""

    def __init__(self, folder: str, kind: str) -> None:
        self.changed, self.made, self.ended = threading.Condition(), list[Path](), 0
        self.asked = 0
        flags = ("--data-dir", folder, "--models-dir", str(SHIPPED), "--worker", kind)
        self.worker = worker_of(assemble(parse_flags([*flags], {})), self.hear)
        self.worker.start()

    def hear(self, event: Event) -> None:
        with self.changed:
            if isinstance(event, Made):
                self.made.append(Path(event.path))
            self.ended += isinstance(event, Ended)
            self.changed.notify_all()

    def pictures(self) -> list[np.ndarray]:
        self.asked += 1
        self.made.clear()
        params = Txt2Img(prompt="a red apple, 3d style", seed=1, steps=STEPS, width=SIDE, height=SIDE, n_iter=PICTURES)
        self.worker.submit(JobSpec(f"{self.asked}", "local", "txt2img", asdict(params), asdict(Settings())))
        with self.changed:
            if not self.changed.wait_for(lambda: self.ended == self.asked, PATIENCE):
                raise TimeoutError("the job did not end")
        return [np.asarray(Image.open(path)) for path in self.made]


@contextmanager
def worker_bench(kind: str) -> Iterator[WorkerBench]:
    with tempfile.TemporaryDirectory() as folder:
        bench = WorkerBench(folder, kind)
        try:
            yield bench
        finally:
            bench.worker.stop()
