"""Three real steps of a training that keeps nothing: what one takes in time and memory, before it is begun."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch

from modules.engine import messages as events
from modules.engine.messages import Emit
from modules.sampling.questions import Task
from modules.training.run import Run, StepRecord, run_course
from modules.worker.training.planning import TrainingPlan

MEASURE = "measure_training"      # the kind of job
MEASURED_STEPS = 3
TOLD_GIGABYTE = 2**30


@dataclass(eq=False)
class Meter:
    """A `Watcher` that ends a run after three steps and keeps when each of them ended."""

    ended: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def goes_on(self, run: Run) -> bool:
        self.ended.append(time.monotonic())
        return len(self.ended) <= MEASURED_STEPS

    def learnt(self, record: StepRecord) -> None: ...

    def validated(self, step: int, loss: float, drift: float | None) -> None: ...

    def validates(self, step: int) -> bool:
        return False

    def note(self, text: str) -> None:
        self.notes.append(text)

    @property
    def seconds(self) -> float:
        """The usual step's; the first one also encodes its pictures."""
        taken = [after - before for before, after in pairwise(self.ended)]
        return median(taken[1:] or taken or [0.0])


def measure_training(plan: TrainingPlan, emit: Emit) -> Task[None]:
    """Take three steps and tell in words what they took. Raises as a run does; nothing is written."""
    emit(events.Started(plan.spec.id))
    course, lessons = yield from plan.course(draws=False)
    forget_peak()
    before, meter = used_memory(), Meter()
    yield from run_course(course, lessons, meter)
    told = told_time(meter.seconds, course.steps - course.first), told_memory(before, peak_memory())
    for sentence in (*told, *meter.notes):
        emit(events.Warned(plan.spec.id, sentence))


def told_time(seconds: float, steps: int) -> str:
    """Return a sentence on time.

    >>> told_time(0.5, 300)
    'A step takes 0.50 s: 300 steps take about 2.5 min, without samples.'
    """
    whole = seconds * steps
    units = ((86_400, "days"), (3_600, "h"), (60, "min"), (0, "s"))
    size, unit = next(each for each in units if whole >= 2 * each[0])
    return f"A step takes {seconds:.2f} s: {steps} steps take about {whole / (size or 1):.2g} {unit}, without samples."


def told_memory(before: int, peak: int) -> str:
    """Return a sentence on memory, all in bytes."""
    most, own = peak / TOLD_GIGABYTE, max(0, peak - before) / TOLD_GIGABYTE
    return f"Memory: {most:.1f} GB at most, of it {own:.1f} GB for training."


# Memory: the device's, or on a CPU the process's ------------------------------------------------------


def forget_peak() -> None:
    """Begin to look for the largest use anew; where the system cannot, the process's largest so far counts."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return


def used_memory() -> int:
    return torch.cuda.memory_allocated() if torch.cuda.is_available() else status_bytes("VmRSS")


def peak_memory() -> int:
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else status_bytes("VmHWM")


def status_bytes(name: str) -> int:
    """Return a figure of the process's own status in bytes; 0 where the system has none."""
    try:
        lines: Sequence[str] = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
