"""The flow of a run: it asks for losses and improvements, as a sampler asks for estimates, and tells its watcher.

All that decides what comes next is the student, its optimiser's state and the step (`RunState`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from modules.base.errors import NotANumber, OutOfMemory
from modules.sampling.questions import Task
from modules.sampling.weights import Weights
from modules.training.lessons import LessonBatch
from modules.training.noise import timestep_at
from modules.training.optimizers import new_optimizer, packed_state, restore_state
from modules.training.questions import Example, Improve, Learn, LearningRules, Prepare
from modules.training.scheduler_classes import ClassSchedule
from modules.training.schedules import RateSchedule, listed_rate
from modules.training.state import RunState
from modules.training.student import TEXT_ENCODER, MakeStudent, Student

MOST_UNDONE = 5      # steps in a row whose loss or gradient is no number
Rates = Sequence[tuple[float, int]]             # (rate, the step until which it holds)


@dataclass(frozen=True)
class Course:
    """A run's rules, which do not change.

    rates: part of the model → A1111's list of rates; one alone holds all the time
    text_until: the step after which texts are read as they are, 0 is never
    micro_batch: pictures of a call at most, 0 is any number
    averaging: the share of the average that each step keeps (EMA), 0 is off
    first: the step that a new run begins at
    """

    weights: Weights
    make: MakeStudent
    rules: LearningRules
    steps: int
    rates: Mapping[str, Rates]
    schedule: RateSchedule | ClassSchedule = RateSchedule()
    optimizer: str = "AdamW"
    optimizer_arguments: Mapping[str, str] = field(default_factory=dict)
    largest: float = 1.0
    by_value: bool = False
    text_until: int = 0
    micro_batch: int = 0
    plan: str = ""
    averaging: float = 0.0
    first: int = 0

    def rate(self, part: str, step: int) -> float:
        """Return the rate of a part of the model at a step."""
        rates = self.rates[part if part in self.rates else TEXT_ENCODER]
        rate = listed_rate(rates, step)
        if part.startswith(TEXT_ENCODER) and not self.trains_text(step):
            return 0.0
        return rate * self.schedule.factor(step) if len(rates) == 1 else rate

    def trains_text(self, step: int) -> bool:
        """Return whether what reads texts still learns at a step."""
        return self.text_until == 0 or step < self.text_until


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What happened at a step. loss: the mean of its pictures'; norm: of the gradients; undone: nothing was learnt."""

    step: int
    loss: float
    norm: float
    rates: Mapping[str, float]
    pictures: int
    caption: str = ""
    undone: bool = False


class Lesson(Protocol):
    """Where a run's batches come from."""

    def at(self, step: int) -> Task[list[LessonBatch]]: ...
    def held_out(self) -> Task[list[Example]]: ...
    def drawn_before(self) -> Task[list[Example]]: ...


class Watcher(Protocol):
    """Who follows a run and decides about its files. It is asked between steps, in the run's own thread."""

    def goes_on(self, run: Run) -> bool:
        """Return False to end the run before its next step; files are written here."""

    def learnt(self, record: StepRecord) -> None: ...

    def validated(self, step: int, loss: float, drift: float | None) -> None:
        """loss: of what is to be learnt; drift: of what the model drew before, which is to stay; None is unknown"""

    def validates(self, step: int) -> bool: ...
    def note(self, text: str) -> None: ...


@dataclass(eq=False)
class Run:
    """A run between two steps: what its files are made of. rate: a person's factor on all rates, from now on."""

    course: Course
    student: Student
    optimizer: Optimizer
    step: int = 0
    micro_batch: int = 0
    rules: LearningRules = LearningRules()
    rate: float = 1.0
    undone: Counter[str] = field(default_factory=Counter)
    undone_in_a_row: int = 0
    average: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.course.averaging:
            self.average = {name: tensor.detach().clone() for name, tensor in self.student.tensors.items()}

    def follow_average(self) -> None:
        """Move the average towards what was learnt; early steps count more, or it would stay where it began."""
        keeps = min(self.course.averaging, (1 + self.step) / (10 + self.step))
        for name, tensor in self.average.items():
            tensor.lerp_(self.student.tensors[name].detach(), 1 - keeps)

    def exchange_average(self) -> None:
        """Let student and average change places, if the run averages: validation and files are of the average."""
        for name, tensor in self.average.items():
            own = self.student.tensors[name]
            own.data, self.average[name] = tensor, own.data

    def state(self) -> RunState:
        """Return all that the run needs to go on; the tensors are copies."""
        tensors, plain = packed_state(self.optimizer)
        own = {name: tensor.detach().cpu() for name, tensor in self.student.tensors.items()}
        tally = {"undone": dict(self.undone), "rate": self.rate}
        average = {f"ema/{name}": tensor.cpu() for name, tensor in self.average.items()}
        copies = {name: tensor.clone() for name, tensor in (own | tensors | average).items()}
        return RunState(self.step, copies, plain, self.course.plan, tally)

    def restore(self, state: RunState) -> None:
        """Go on from a state."""
        with torch.no_grad():
            for name, tensor in self.student.tensors.items():
                tensor.copy_(state.tensors[name])
            for name, tensor in self.average.items():
                tensor.copy_(state.tensors[f"ema/{name}"])
        restore_state(self.optimizer, state.tensors, state.optimizer)
        self.step, self.rate = state.step, state.tally.get("rate", 1.0)
        self.undone = Counter(state.tally.get("undone", {}))


def run_course(course: Course, lessons: Lesson, watcher: Watcher, state: RunState | None = None) -> Task[Run]:
    """Train until the course's last step, or until the watcher says no; returns the run as it is then.

    Raises NotANumber after several steps in a row without a number, OutOfMemory if even one picture is too much.
    """
    student = yield Prepare(course.weights, course.make)
    groups = parameter_groups(student)
    optimizer, note = new_optimizer(course.optimizer, groups, course.optimizer_arguments)
    if note:
        watcher.note(note)
    run = Run(course, student, optimizer, step=course.first, micro_batch=course.micro_batch, rules=course.rules)
    if state:
        run.restore(state)
    fixed = list[list[Example]]()
    while watcher.goes_on(run) and run.step < course.steps:
        yield from validate(run, lessons, fixed, watcher)
        batches = yield from lessons.at(run.step)
        yield from learn_step(run, batches, watcher)
        run.step += 1
    if run.step >= course.steps:
        yield from validate(run, lessons, fixed, watcher)
    return run


def validate(run: Run, lessons: Lesson, fixed: list[list[Example]], watcher: Watcher) -> Task[None]:
    """Measure loss and drift, if it is their step. fixed: on what, which is asked for once and kept there."""
    if not watcher.validates(run.step):
        return
    if not fixed:
        fixed += [(yield from lessons.held_out()), (yield from lessons.drawn_before())]
    run.exchange_average()
    loss, drift = (yield from validation_loss(run, fixed[0])), (yield from validation_loss(run, fixed[1]))
    run.exchange_average()
    watcher.validated(run.step, loss, drift if fixed[1] else None)


def parameter_groups(student: Student) -> list[dict[str, Any]]:
    """Return the optimiser's groups, one for each part of the model and each factor of its rate."""
    parts: dict[tuple[str, float], list[Tensor]] = {}
    for name, tensor in student.tensors.items():
        parts.setdefault((student.part(name), student.rate_factor(name)), []).append(tensor)
    return [{"params": tensors, "part": part, "factor": factor} for (part, factor), tensors in parts.items()]


def learn_step(run: Run, batches: Sequence[LessonBatch], watcher: Watcher) -> Task[None]:
    """Learn from a step's pictures, each of which counts the same, and improve once."""
    course, step = run.course, run.step
    pictures = [example for batch in batches for example in batch]
    losses = list[float]()
    for batch in batches:
        losses += yield from learn_batch(run, batch, 1 / len(pictures), watcher)
    parts = [group["part"] for group in run.optimizer.param_groups]
    rates = {part: course.rate(part, step) * run.rate for part in parts}
    norm = yield Improve(course.weights, run.student, run.optimizer, rates, course.largest, course.by_value)
    undone = not isfinite(norm)
    mean = sum(losses) / len(losses)
    watcher.learnt(StepRecord(step, mean, norm, rates, len(pictures), pictures[-1].caption, undone))
    if undone:
        count_undone(run, pictures, losses)
    else:
        run.undone_in_a_row = 0
        run.follow_average()


def learn_batch(run: Run, batch: LessonBatch, share: float, watcher: Watcher) -> Task[list[float]]:
    """Learn from pictures of one size, in as many calls as memory asks for."""
    losses, left = list[float](), batch
    while left:
        now = left[: run.micro_batch or len(left)]
        try:
            texts = run.course.trains_text(run.step)
            losses += yield Learn(run.course.weights, run.student, now, run.rules, share, texts)
            left = left[len(now) :]
        except OutOfMemory:
            lessen(run, len(now), watcher)
    return losses


def lessen(run: Run, pictures: int, watcher: Watcher) -> None:
    """Have the next calls take less memory, with the same result. Raises OutOfMemory if nothing is left to do."""
    if pictures > 1:
        run.micro_batch = pictures // 2
        watcher.note(f"Memory ran out with {pictures} pictures in a call; going on with {run.micro_batch}.")
    elif not run.rules.checkpointing:
        run.rules = replace(run.rules, checkpointing=True)
        watcher.note("Memory ran out with one picture; going on with gradient checkpointing.")
    else:
        raise OutOfMemory("The device has too little memory to train with even one picture.",
                          "Choose a lower resolution or rank, or close what else uses the device.")


def count_undone(run: Run, pictures: Sequence[Example], losses: Sequence[float]) -> None:
    """Count a step of which nothing was learnt. Raises NotANumber after several in a row, naming a picture."""
    bad = [example for example, loss in zip(pictures, losses, strict=True) if not isfinite(loss)] or list(pictures)
    run.undone.update(example.name for example in bad)
    run.undone_in_a_row += 1
    if run.undone_in_a_row >= MOST_UNDONE:
        first = bad[0]
        time = timestep_at(first.place, run.rules.noise)
        raise NotANumber(
            f"{MOST_UNDONE} steps in a row gave no number, the last with {first.name} at timestep {time}.",
            "The run is kept as it was before them. Try a lower rate, or leave that picture out.",
        )


def validation_loss(run: Run, fixed: Sequence[Example]) -> Task[float]:
    """Return the mean loss of fixed pictures at fixed noises and timesteps, by the student as it is."""
    sizes: dict[tuple[int, ...], list[Example]] = {}
    for example in fixed:
        sizes.setdefault(tuple(example.latent.shape), []).append(example)
    losses = list[float]()
    for alike in sizes.values():
        for time in run.student.validated_at:
            losses += yield Learn(
                run.course.weights, run.student, tuple(alike), run.rules, measures=True, timestep=time
            )
    return sum(losses) / len(losses) if losses else 0.0
