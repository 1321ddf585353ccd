"""The engine: the loop that owns the device, asks it the questions of the image tasks, and hands back the answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from modules.base.errors import OutOfMemory
from modules.engine.image_task import ImageTask as ImageTask
from modules.engine.scheduler import BatchWeights, next_batch, rows_of, unmixed
from modules.engine.sharing import DeviceShare
from modules.engine.waiting import JobQueue, WaitingRoom, lines_of
from modules.sampling.questions import Interrupted, Question, Wait

log = logging.getLogger(__name__)

# answers questions of equal key, or of equal `mixed_key`, one answer each
Answer = Callable[[Sequence[Question]], Sequence[Any]]
Tell = Callable[[Sequence[ImageTask]], None]
ALL = 2**31
IDLE_SECONDS = 60.0      # without anything to do, after which listeners are told


def untold(*pictures: Sequence[ImageTask]) -> None:
    """Do nothing: the default of listeners."""


class Stop(Exception):
    """Ends `Engine.run`."""


@dataclass(frozen=True)
class EngineListeners:
    """Functions that are told of images beside their moves, in the engine's thread.

    before: called with the images that are worked on next
    dropped: called with images that were interrupted before they had begun
    idle: called once there has been nothing to do for a while
    """

    before: Tell = untold
    dropped: Tell = untold
    idle: Callable[[], object] = untold


class Engine:
    """The loop on the device. Any thread may call `submit`, `interrupt`, `skip` and `stop`; `run` is one thread's.

    answer: computes the answers of a batch; watch: called with an image after its every move
    batch_weights: the part of the weights that a batch shares
    """

    def __init__(
        self,
        answer: Answer,
        watch: Callable[[ImageTask], None],
        max_rows: int = 16,
        batch_weights: BatchWeights = unmixed,
        told: EngineListeners = EngineListeners(),
    ) -> None:
        self.answer, self.watch, self.told = answer, watch, told
        self.max_rows, self.batch_weights = max_rows, batch_weights
        self.rows = max_rows                             # rows that fit now: halved when memory runs out
        self.inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.running: list[ImageTask] = []               # begun, in the order of their turns
        self.suspects: list[ImageTask] = []              # images of a batch that failed: each is asked alone
        self.waiting = WaitingRoom()
        self.share = DeviceShare()

    def submit(self, pictures: Sequence[ImageTask], side_by_side: int = ALL) -> None:
        """Add the images of jobs.

        side_by_side: images of one job that may be begun at a time; a batch begins as a whole
        """
        lines = lines_of(pictures, side_by_side)
        self.inbox.put(lambda: self._admit(lines))

    def begin(self, pictures: Sequence[ImageTask]) -> None:
        """Begin images at once, however many of their job are begun: somebody waits for all of them."""
        self.inbox.put(lambda: self._start(pictures))

    def interrupt(self, job: str) -> None:
        """End every image of a job, begun or not."""
        self.inbox.put(lambda: self._interrupt(job))

    def skip(self, job: str) -> None:
        """End the oldest batch of a job that has begun; the others follow."""
        self.inbox.put(lambda: self._skip(job))

    def between(self, do: Callable[[], None]) -> None:
        """Call a function in the engine's thread, between two calls of the device."""
        self.inbox.put(do)

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
        """Run the calls of other threads; wait for one only if there is nothing else to do."""
        while not self.running or not self.inbox.empty():
            self._next_call()()

    def _next_call(self) -> Callable[[], None]:
        try:
            return self.inbox.get(timeout=IDLE_SECONDS)
        except Empty:
            self.told.idle()
            return self.inbox.get()

    def step(self) -> None:
        """Answer the current image, and others whose questions fit in the same call."""
        self.suspects = [each for each in self.suspects if not each.ended]
        batch = [self.suspects.pop(0)] if self.suspects else self._next_batch()
        self.told.before(batch)
        try:
            with self._timed(batch):
                answers = self.answer([picture.ask for picture in batch])
        except Exception as error:       # noqa: BLE001  one image's own: which one's shows when each is asked alone
            self._recover(batch, error)
        else:
            for picture, answer in zip(batch, answers, strict=True):
                picture.advance(answer)
                self._after(picture)
        self._begin()

    def _next_batch(self) -> list[ImageTask]:
        """Return the images of the next call, or a task of training."""
        training, pictures = self._training(), self._pictures()
        if training and (not pictures or self.share.is_due):
            return training[:1]
        return next_batch(self.running if not training else pictures, self.rows, self.batch_weights)

    def _training(self) -> list[ImageTask]:
        return [each for each in self.running if each.share is not None]

    def _pictures(self) -> list[ImageTask]:
        """Return the images that a call could serve now."""
        return [each for each in self.running if each.share is None and not each.waits]

    @contextmanager
    def _timed(self, batch: Sequence[ImageTask]) -> Iterator[None]:
        """Note what a call costs where training and pictures share the device."""
        training, pictures = self._training(), self._pictures()
        begun = time.perf_counter()
        yield
        seconds = time.perf_counter() - begun
        if batch[0].share is not None:
            self.share.training_took(seconds, bool(pictures))
        elif training:
            self.share.pictures_took(seconds, training[0].share or 0.0)

    def _admit(self, lines: Sequence[JobQueue]) -> None:
        for line in lines:
            self.waiting.add(line)
        self._begin()

    def _begin(self) -> None:
        """Start the images that may begin now. It is their turn, so a `Wait` as first question is answered at once."""
        self._start(self.waiting.next())

    def _start(self, pictures: Iterable[ImageTask]) -> None:
        begun = False
        for picture in pictures:
            self.told.before([picture])
            picture.advance(None)
            if isinstance(picture.ask, Wait) and not picture.ask.heavy:
                picture.advance(None)
            self.running.append(picture)
            self._after(picture)
            begun = True
        if begun:
            # everyone's first before anyone's second; the sort is stable, so then by age
            self.running.sort(key=lambda picture: picture.turn)

    def _after(self, picture: ImageTask) -> None:
        if picture.ended:
            self.running.remove(picture)
            self.waiting.ended(picture)
            if not self.running:
                self.rows = self.max_rows
        self.watch(picture)

    def _interrupt(self, job: str) -> None:
        if dropped := self.waiting.drop(job):
            for picture in dropped:
                picture.interrupted, picture.error = True, Interrupted()
            self.told.dropped(dropped)
        for picture in [each for each in self.running if each.job == job]:
            self._end(picture)
        self._begin()

    def _skip(self, job: str) -> None:
        oldest = next((picture.batch_key for picture in self.running if picture.job == job), None)
        for picture in [each for each in self.running if each.batch_key == oldest]:
            picture.skipped = True
            self._end(picture)
        self._begin()

    def _end(self, picture: ImageTask) -> None:
        picture.interrupted = True
        picture.fail(Interrupted())
        self._after(picture)

    def _recover(self, batch: Sequence[ImageTask], error: Exception) -> None:
        if len(batch) == 1:
            batch[0].fail(error)
            self._after(batch[0])
        elif isinstance(error, OutOfMemory):
            self.rows = max(1, rows_of(batch) // 2)
            log.warning("Out of memory with %d pictures in a call; going on with %d rows", len(batch), self.rows)
        else:
            self.suspects = list(batch)

    def _stop(self) -> None:
        raise Stop
