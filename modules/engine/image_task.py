"""An image task: one image, as the engine sees it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from modules.sampling.questions import Question, Task, WaitFor
from modules.sampling.weights import Weights

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NoQuestion:
    """The question of an image that has not begun, or has ended."""

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
    """A suspended task and its current question."""

    task: Task[T]
    job: str                        # the id of the image's job
    index: int                      # the image's index in its job
    owner: str
    turn: float                     # when it is due: pictures with earlier turns go first
    alone: bool = False             # True if it shares no call, so that every bit is reproducible
    # images of one batch begin together and are skipped together; None: the image is its own batch
    batch: int | None = None
    # of a task of training: its share of the device's time while pictures wait; None: it makes a picture
    share: float | None = None
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
        """True if it waits for another task's signal."""
        return isinstance(self.ask, WaitFor) and not self.ask.signal.given

    @property
    def batch_key(self) -> tuple[str, int]:
        return self.job, self.index if self.batch is None else -1 - self.batch

    def advance(self, answer: Any) -> None:
        """Send the task its answer and take its next question, its result or its error."""
        self._step(lambda: self.task.send(answer))

    def fail(self, error: Exception) -> None:
        """Raise `error` in the task; it may still return a result, such as an unfinished picture."""
        self._step(lambda: self.task.throw(error))

    def _step(self, resume: Callable[[], Question]) -> None:
        try:
            self.ask = resume()
        except StopIteration as done:
            self.ask, self.result = NoQuestion(), done.value
        except Exception as error:  # noqa: BLE001  the job's, not the engine's: told to whoever waits for the picture
            self.ask, self.error = NoQuestion(), error
