"""Where a run's thread asks the engine: each question is a task of its own, which shares the device with pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, TypeVar

from modules.engine.engine import Engine
from modules.engine.image_task import ImageTask
from modules.engine.messages import JobSpec
from modules.pipelines.txt2img import insisted
from modules.sampling.questions import Question, Task
from modules.worker.hooks.errands import boxed, result_by_asking

T = TypeVar("T")


def nobody_waits() -> None:
    """Do nothing: the default of whom a task's end is told to."""


@dataclass(eq=False, slots=True)
class TrainingTask(ImageTask[Any]):
    """A question of a run; `told` is called in the engine's thread when it has ended."""

    told: Callable[[], None] = nobody_waits


@dataclass(eq=False)
class TrainingDesk:
    """One run's access to the engine."""

    engine: Engine
    spec: JobSpec
    share: float
    closed: BaseException | None = None      # why the engine answers no more
    changed: Condition = field(default_factory=Condition)

    def carry_out(self, task: Task[T]) -> T:
        """Return a task's result; each of its questions waits for its turn on the device.

        What it computes between two questions is this thread's, and keeps no picture waiting.
        """
        return result_by_asking(task, self.ask)

    def ask(self, question: Question) -> Any:
        """Return a question's answer. Raises what the device raises."""
        asked = TrainingTask(
            boxed(insisted(question)), self.spec.id, 0, self.spec.owner, self.spec.turn, alone=True, share=self.share,
            told=self._told,
        )
        self.engine.begin([asked])
        with self.changed:
            self.changed.wait_for(lambda: self.closed or asked.ended)
        if asked.error:
            raise asked.error
        if not asked.result:
            raise self.closed or RuntimeError("A question of training was not answered.")
        return asked.result[0]

    def close(self, error: BaseException) -> None:
        """Let nobody wait any longer: the engine has stopped."""
        self.closed = error
        self._told()

    def _told(self) -> None:
        with self.changed:
            self.changed.notify_all()
