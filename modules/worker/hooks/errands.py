"""Errands: tasks that the extensions' thread hands to the engine, and waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, TypeVar

from modules.base.errors import WebUIError
from modules.engine.engine import Engine
from modules.engine.image_task import ImageTask
from modules.engine.messages import JobSpec
from modules.pipelines.txt2img import insisted
from modules.sampling.questions import Question, Task

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Errand(ImageTask[Any]):
    """An image task that a thread waits for."""

    quiet: bool = False             # True if its steps are no progress of its job


@dataclass(eq=False)
class ErrandDesk:
    """Where the thread of extensions asks the engine, on behalf of one job."""

    engine: Engine
    spec: JobSpec
    alone: bool                     # the job's pictures share no call
    turn: float = 0.0
    changed: Condition = field(default_factory=Condition)
    first_number: int = 0           # of the pictures in the making, among the job's
    broken: BaseException | None = None      # why the engine answers no more
    waits: bool = False                 # whether the thread waits for an answer
    answered: float = 0.0               # when it had the last one, on time.monotonic's clock

    def do(self, tasks: Sequence[Task[T]], first: int = 0) -> list[T]:
        """Let the engine carry tasks out side by side, and return their results.

        first: the number of the first task's picture, counted from `first_number`. Raises the first error of a task.
        """
        errands = [
            Errand(boxed(task), self.spec.id, self.first_number + first + place, self.spec.owner, self.turn, self.alone)
            for place, task in enumerate(tasks)
        ]
        if self.broken:
            raise self.broken
        self.waits = True
        self.engine.begin(errands)
        with self.changed:
            self.changed.wait_for(lambda: self.broken or all(errand.ended for errand in errands))
        self.waits, self.answered = False, time.monotonic()
        if self.broken:
            raise self.broken
        for errand in errands:
            if errand.error:
                raise errand.error
        return [errand.result[0] for errand in errands if errand.result]

    def ask(self, questions: Sequence[Question], first: int = 0) -> list[Any]:
        """Ask questions at once and return their answers; an interruption waits for them."""
        return self.do([insisted(question) for question in questions], first)

    def told(self) -> None:
        """An errand has ended."""
        with self.changed:
            self.changed.notify_all()

    def close(self, error: BaseException) -> None:
        """Let nobody wait any longer: the engine has stopped."""
        self.broken = error
        self.told()


def boxed(task: Task[T]) -> Task[tuple[T]]:
    """Return the task with its result in a tuple, since a task that has ended has a result."""
    return ((yield from task),)


def result_by_asking(task: Task[T], ask: Callable[[Question], Any]) -> T:
    """Return a task's result; what it computes between two questions is the caller's thread's.

    ask: returns a question's answer, and raises what the device raises
    """
    answer, error = None, None
    while True:
        try:
            question = task.throw(error) if error else task.send(answer)
        except StopIteration as done:
            return done.value      # type: ignore[no-any-return]
        answer, error = None, None
        try:
            answer = ask(question)
        except WebUIError as refused:      # the task's: it may go on without the answer
            error = refused
