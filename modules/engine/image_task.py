"""An image task: one image in the making, as the engine sees it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from modules.sampling.questions import Question, Task, WaitFor
from modules.sampling.weights import Weights

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NoQuestion:
    """Stands for the question of an image that has not begun, or has ended."""

    quick: ClassVar = False

    weights: Weights = Weights("")

    @property
    def key(self) -> Hashable:
        return NoQuestion

    @property
    def rows(self) -> int:
        return 0


@dataclass(eq=False, slots=True)
class ImageTask(Generic[T]):
    """A suspended task and the question it waits on."""

    task: Task[T]
    job: str                        # what a person asked for; one job has many pictures
    index: int                      # which of them this is
    owner: str
    turn: float                     # when it is due: pictures with earlier turns go first
    alone: bool = False             # shares no call, for those who want every bit the same
    # pictures of one batch begin together and are skipped together; None: it is one by itself
    batch: int | None = None
    ask: Question = NoQuestion()
    interrupted: bool = False
    skipped: bool = False           # interrupted, but its job goes on
    result: T | None = None
    error: BaseException | None = None

    @property
    def ended(self) -> bool:
        return self.result is not None or self.error is not None

    @property
    def waits(self) -> bool:
        """Does it wait for what another task has not done yet?"""
        return isinstance(self.ask, WaitFor) and not self.ask.signal.given

    @property
    def batch_key(self) -> tuple[str, int]:
        return self.job, self.index if self.batch is None else -1 - self.batch

    def advance(self, answer: Any) -> None:
        """Send the task its answer and take its next question, its result or its error."""
        self._step(lambda: self.task.send(answer))

    def fail(self, error: Exception) -> None:
        """Raise `error` where the task waits; it may still answer with a result (a half-made picture)."""
        self._step(lambda: self.task.throw(error))

    def _step(self, resume: Callable[[], Question]) -> None:
        try:
            self.ask = resume()
        except StopIteration as done:
            self.ask, self.result = NoQuestion(), done.value
        except Exception as error:  # noqa: BLE001  the job's, not the engine's: told to whoever waits for the picture
            self.ask, self.error = NoQuestion(), error
