"""The loop that owns the device: pictures in the making, and whose questions share the next call."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from modules.base.errors import OutOfMemory
from modules.sampling.questions import Interrupted, Question, Task, Weights

T = TypeVar("T")
log = logging.getLogger(__name__)

MIXED_ROWS = 8      # from so many on, a call with several sets of networks is cheaper than one for each: docs/performance.md, Networks

Answer = Callable[[Sequence[Question]], Sequence[Any]]      # questions of equal key, or of equal `loose` key → an answer each
Common = Callable[[Weights], Weights]                       # what of the weights must be the same for all in a call


@dataclass(eq=False, slots=True)
class Picture(Generic[T]):
    """One picture in the making: a suspended task and the question it waits on."""

    task: Task[T]
    job: str                        # what a person asked for; one job has many pictures
    index: int                      # which of them this is
    owner: str
    turn: int                       # how many pictures its owner had waiting before it
    alone: bool = False             # shares no call, for those who want every bit the same
    ask: Question | None = None
    interrupted: bool = False
    result: T | None = None
    error: BaseException | None = None

    @property
    def ended(self) -> bool:
        return self.result is not None or self.error is not None

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
            self.ask, self.result = None, done.value
        except Exception as error:       # the job's, not the engine's: told to whoever waits for the picture
            self.ask, self.error = None, error


def itself(weights: Weights) -> Weights:
    """Nothing mixes."""
    return weights


class Stop(Exception):
    """Ends `Engine.run`."""


class Engine:
    """Owns the device. Any thread may call `submit`, `interrupt`, `skip` and `stop`; the rest is `run`'s thread alone.

    `answer` does the arithmetic; `watch` is told of a picture after its every move; `common` says which weights mix;
    `before` is told whose pictures are worked on next.
    """

    def __init__(self, answer: Answer, watch: Callable[[Picture], None], max_rows: int = 16, common: Common = itself,
                 before: Callable[[Sequence[Picture]], None] = lambda pictures: None) -> None:
        self.answer, self.watch, self.max_rows, self.common, self.before = answer, watch, max_rows, common, before
        self.rows = max_rows                             # what fits now: halved when memory runs out
        self.inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.running: list[Picture] = []

    def submit(self, pictures: Sequence[Picture]) -> None:
        self.inbox.put(lambda: self._admit(pictures))

    def interrupt(self, job: str) -> None:
        """End every picture of a job, begun or not."""
        self.inbox.put(lambda: self._interrupt(job, begun_only=False))

    def skip(self, job: str) -> None:
        """End the pictures of a job that are being sampled now; the others follow."""
        self.inbox.put(lambda: self._interrupt(job, begun_only=True))

    def stop(self) -> None:
        self.inbox.put(self._stop)

    def run(self) -> None:
        try:
            while True:
                self.listen()
                self.step()
        except Stop:
            return

    def listen(self) -> None:
        """Do what other threads asked for; wait only if there is nothing else to do."""
        while not self.running or not self.inbox.empty():
            self.inbox.get()()

    def step(self) -> None:
        """Answer the picture whose turn it is, and others whose questions fit in the same call."""
        batch = self.next_batch()
        self.before(batch)
        try:
            answers = self.answer([picture.ask for picture in batch])
        except Exception as error:       # whose fault it is shows when each is asked alone
            self._recover(batch, error)
            return
        for picture, answer in zip(batch, answers, strict=True):
            picture.advance(answer)
            self._after(picture)

    def next_batch(self) -> list[Picture]:
        """Who shares the next call: those with the key of the picture whose turn it is, or a mixed company where that is worth it."""
        near = self.near()
        first = self.next_picture(near)
        if first.alone:
            return [first]
        key, loose = first.ask.key, self.loose_key(first.ask)
        alike = self.fair_share([picture for picture in self.running if picture.ask.key == key])
        mixed = self.fair_share([picture for picture in near if self.loose_key(picture.ask) == loose])
        return mixed if rows_of(mixed) >= max(MIXED_ROWS, rows_of(alike) + 1) else alike

    def fair_share(self, pictures: Sequence[Picture]) -> list[Picture]:
        """As many of each owner, in turn, as the owner with fewest has, and as fit.

        So a person who asks for one picture waits for a step of two, not for somebody's hundred.
        """
        fitting = [picture for picture in pictures if not picture.alone]
        share = min(Counter(picture.owner for picture in fitting).values())
        taken: Counter[str] = Counter()
        rows, batch = 0, []
        for picture in fitting:
            if taken[picture.owner] < share and (not batch or rows + picture.ask.rows <= self.rows):
                batch.append(picture)
                taken[picture.owner] += 1
                rows += picture.ask.rows
        return batch

    def next_picture(self, near: Sequence[Picture]) -> Picture:
        """The one whose turn it is; before it, whoever has only a brief question for the same weights, or weights that mix.

        So a newcomer's prompt is read at once and joins, and a finished latent is decoded at once and leaves.
        """
        return next((picture for picture in near if picture.ask.brief), self.running[0])

    def near(self) -> list[Picture]:
        """Pictures with the weights of the one whose turn it is; and with weights that mix, though of these no more than one call may have rows."""
        first = self.running[0].ask
        common = self.in_common(first)
        return [
            picture for place, picture in enumerate(self.running)
            if picture.ask.weights == first.weights or (place < self.rows and self.in_common(picture.ask) == common)
        ]

    def loose_key(self, ask: Question) -> Hashable:
        """Its key if only what must be common counted."""
        return replace(ask, weights=self.in_common(ask)).key

    def in_common(self, ask: Question) -> Weights:
        try:
            return self.common(ask.weights)
        except Exception:                # its job is told as soon as it is asked alone
            return ask.weights

    def _admit(self, pictures: Sequence[Picture]) -> None:
        for picture in pictures:
            self.before([picture])
            picture.advance(None)
            self.running.append(picture)
            self._after(picture)
        self.running.sort(key=lambda picture: picture.turn)      # everyone's first before anyone's second; stable, so then by age

    def _after(self, picture: Picture) -> None:
        if picture.ended:
            self.running.remove(picture)
            if not self.running:
                self.rows = self.max_rows
        self.watch(picture)

    def _interrupt(self, job: str, begun_only: bool) -> None:
        for picture in [p for p in self.running if p.job == job]:
            if not begun_only or getattr(picture.ask, "preview", None) is not None:
                picture.interrupted = True
                picture.fail(Interrupted())
                self._after(picture)

    def _recover(self, batch: Sequence[Picture], error: Exception) -> None:
        if len(batch) == 1:
            batch[0].fail(error)
            self._after(batch[0])
        elif isinstance(error, OutOfMemory):
            self.rows = max(1, sum(picture.ask.rows for picture in batch) // 2)
            log.warning("Out of memory with %d pictures in a call; going on with %d rows", len(batch), self.rows)
        else:
            for picture in batch:
                self._ask_alone(picture)

    def _ask_alone(self, picture: Picture) -> None:
        self.before([picture])
        try:
            picture.advance(self.answer([picture.ask])[0])
        except Exception as error:       # this picture's own
            picture.fail(error)
        self._after(picture)

    def _stop(self) -> None:
        raise Stop


def rows_of(pictures: Sequence[Picture]) -> int:
    return sum(picture.ask.rows for picture in pictures)
