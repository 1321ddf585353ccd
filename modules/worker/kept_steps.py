"""A long picture goes on where its last worker died: the network's answers are kept, and given once more.

A task is a function of the answers to its questions (sampling/questions.py): with the same ones it comes to the same
place, to the bit, whatever its sampler remembers and however its noise is drawn. So nothing of a sampler is kept. The
task begins anew, its steps that were done are answered from the file, and the next one is asked.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from hashlib import sha256
from math import inf
from typing import Any, TypeVar

import torch
from safetensors.torch import load, save
from torch import Tensor

from modules.base.errors import WebUIError
from modules.base.version import VERSION
from modules.engine.messages import JobSpec
from modules.sampling.questions import Interrupted, Predict, Task
from modules.store.step_files import KeptAnswer, StepFiles

T = TypeVar("T")
Later = Callable[..., None]                     # has the thread for files call a function
PlannedFacts = Callable[[int], Mapping[str, Any]]      # of a picture, by its number

log = logging.getLogger(__name__)
EVERY_SECONDS = 5.0              # between two writes; a picture that is made sooner writes nothing
MOST_STEP_BYTES = 256 * 2**20    # of one picture; what comes after is not kept


class KeptSteps:
    """The answers of all pictures in the making. Files are written by the thread of `later`."""

    def __init__(self, files: StepFiles, later: Later, clock: Callable[[], float] = time.monotonic) -> None:
        self.files, self.later, self.clock = files, later, clock

    def of(self, spec: JobSpec, index: int, facts: PlannedFacts, task: Task[T]) -> Task[T]:
        """Return a picture's task that goes on from what is kept of it. facts: returns what is told of the picture"""
        return going_on(task, PictureSteps(self, spec, index, facts))


class PictureSteps:
    """The answers of one picture: those of an earlier run, then those of this one."""

    def __init__(self, kept: KeptSteps, spec: JobSpec, index: int, facts: PlannedFacts) -> None:
        self.kept, self.spec, self.index, self.facts = kept, spec, index, facts
        self.job = spec.id
        self.earlier: deque[KeptAnswer] = deque()
        self.new: list[tuple[str, Tensor]] = []
        self.began = False        # true once the file is this run's
        self.bytes, self.due = 0, inf

    @cached_property
    def key(self) -> str:
        """What tells two pictures apart: a job's id says little, and a new version may compute something else."""
        said = [VERSION, self.spec.kind, self.index, self.spec.params, self.spec.settings, self.facts(self.index)]
        return sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    def begin(self) -> None:
        """Read what an earlier run has kept, when the picture's turn comes."""
        if not self.kept.files.has(self.job, self.index):
            return
        self.earlier.extend(self.kept.files.read(self.job, self.index, self.key))
        if self.earlier:
            log.info("Picture %d of job %s goes on after %d answers", self.index, self.job, len(self.earlier))
            self.bytes = sum(len(each.content) for each in self.earlier)
            self.kept.later(self._write, [*self.earlier])      # anew: the file may end in half a record

    def known(self, question: Predict) -> tuple[Tensor, ...] | None:
        """Return the earlier run's answer to the next question; None if there is none, or the question is another."""
        if not self.earlier:
            return None
        record = self.earlier.popleft()
        if record.mark != mark_of(question):
            log.warning("Picture %d of job %s takes another course than before", self.index, self.job)
            self.earlier.clear()
            self.bytes = MOST_STEP_BYTES      # what is in the file does not lead to what would follow
            return None
        return tuple(load(record.content)["answer"].to(question.x.device))

    def note(self, question: Predict, answer: tuple[Tensor, ...]) -> None:
        """Keep an answer; every few seconds what has come together is written."""
        if self.bytes >= MOST_STEP_BYTES:
            return
        stacked = torch.stack(answer)
        self.bytes += stacked.nbytes
        self.new.append((mark_of(question), stacked))
        self.due = min(self.due, self.kept.clock() + EVERY_SECONDS)      # from the first answer on
        if self.kept.clock() >= self.due:
            self.due = self.kept.clock() + EVERY_SECONDS
            self.kept.later(self._write_new, self.new)
            self.new = []

    def _write_new(self, answers: list[tuple[str, Tensor]]) -> None:
        """In the thread for files."""
        self._write([KeptAnswer(mark, save({"answer": answer.cpu()})) for mark, answer in answers])

    def _write(self, records: list[KeptAnswer]) -> None:
        files = self.kept.files
        try:
            if self.began:
                files.append(self.job, self.index, records)
            else:
                files.begin(self.job, self.index, [KeptAnswer(self.key, b""), *records])
            self.began = True
        except OSError as error:      # a full disk costs the steps of a death, no picture
            log.debug("The steps of job %s are not kept: %s", self.job, error)
            self.bytes = MOST_STEP_BYTES


def going_on(task: Task[T], steps: PictureSteps) -> Task[T]:
    """A task like this one, whose next steps are answered by what is kept."""
    steps.begin()
    go_on: Callable[[], Any] = partial(next, task)
    try:
        while True:
            question = go_on()
            answer = steps.known(question) if isinstance(question, Predict) else None
            if answer is None:
                try:
                    answer = yield question
                except (WebUIError, Interrupted) as error:      # the task's own matter
                    go_on = partial(task.throw, error)
                    continue
                if isinstance(question, Predict):
                    steps.note(question, answer)
            go_on = partial(task.send, answer)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        task.close()


def mark_of(question: Predict) -> str:
    """Return what tells two steps of a picture apart."""
    place = question.step, question.sigma, question.timestep
    return repr((*place, tuple(question.x.shape), len(question.conds), question.weights))

