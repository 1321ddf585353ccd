"""Runs of a few steps, carried out on a device without an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from modules.imaging.dataset.buckets import BucketRules
from modules.imaging.dataset.captions import CaptionRules
from modules.imaging.dataset.dataset import TrainingData, read_group
from modules.imaging.dataset.sources import Subset
from modules.models.device import Device
from modules.sampling.questions import Task
from modules.sampling.weights import Weights
from modules.training.lessons import Lessons
from modules.training.lora import Lora, LoraShape
from modules.training.questions import LearningRules
from modules.training.run import Course, Run, StepRecord, run_course
from modules.training.schedules import RateSchedule
from modules.training.state import RunState
from modules.training.student import Student

SEED = 23


def carried_out(device: Device, task: Task[Any]) -> Any:
    """What a task returns when the device answers each of its questions."""
    answer: Any = None
    try:
        while True:
            question = task.send(answer)
            answer = device.answer([question])[0]
    except StopIteration as done:
        return done.value


@dataclass
class Follower:
    """A watcher that keeps what it is told, and ends the run before a step."""

    until: int = 10**9
    validates_every: int = 0
    records: list[StepRecord] = field(default_factory=list)
    losses: dict[int, float] = field(default_factory=dict)
    drifts: dict[int, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def goes_on(self, run: Run) -> bool:
        return run.step < self.until

    def learnt(self, record: StepRecord) -> None:
        self.records.append(record)

    def validates(self, step: int) -> bool:
        return bool(self.validates_every) and step % self.validates_every == 0

    def validated(self, step: int, loss: float, drift: float | None) -> None:
        self.losses[step] = loss
        if drift is not None:
            self.drifts[step] = drift

    def note(self, text: str) -> None:
        self.notes.append(text)


def data_of(folder: Path, batch: int = 3, dropout: float = 0.1, side: int = 32, **more: Any) -> TrainingData:
    rules = BucketRules((side, side), shortest=side, longest=side, step=8)
    subset = Subset(folder, caption_rules=CaptionRules(dropout_rate=dropout), **more)
    return TrainingData((read_group([subset], rules, batch),))


def lessons_of(device: Device, weights: Weights, data: TrainingData, **more: Any) -> Lessons:
    return Lessons(data, weights, device.loaded(weights).facts.latent, SEED, **more)


def course_of(weights: Weights, make: Any, steps: int, rate: float = 1e-3, **more: Any) -> Course:
    return Course(
        weights, make, more.pop("rules", LearningRules()), steps, {"unet": [(rate, -1)], "text_encoder": [(rate / 2, -1)]},
        RateSchedule("cosine", steps, warm_up=0.1), optimizer_arguments={"weight_decay": "0.01"}, **more,
    )


def lora(model: Any) -> Student:
    return Lora(model, LoraShape(4), SEED)


def digest(tensors: Mapping[str, Any]) -> str:
    """The hash of all trained bits."""
    whole = sha256()
    for name, tensor in sorted(tensors.items()):
        whole.update(name.encode() + np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    return whole.hexdigest()


def run_to(device: Device, course: Course, lessons: Lessons, until: int, state: RunState | None = None) -> RunState:
    """The state of a run before a step."""
    run: Run = carried_out(device, run_course(course, lessons, Follower(until), state))
    return replace(run.state(), plan="")
