"""Faults of a test (base/faults.py), made to happen. Nothing imports this module unless one was asked for."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import nan
from typing import Any

import torch

from modules.base.faults import Fault
from modules.engine.engine import Answer
from modules.models.device import memory_errors
from modules.sampling.questions import Decode, Encode, Facts, Predict, Question, Upscale

POINT_OF_QUESTION: dict[type[Question], str] = {Facts: "load", Encode: "text", Upscale: "upscale", Decode: "vae"}
HANG_SECONDS = 3600


class InjectedError(Exception):
    """An error that nobody foresaw."""


class FaultInjector:
    """Stands before the device, and before a picture is saved."""

    def __init__(self, fault: Fault, job: str, told: Callable[[str], None]) -> None:
        """job: the one it has hit already, "" for none; told: called with it before it is hit"""
        self.fault, self.job, self.told = fault, job, told
        self.jobs: Sequence[str] = ()          # that are worked on now
        self._sizes: dict[str, int] = {}       # job → cells of its first pass

    def around(self, answer: Answer) -> Answer:
        def faulty(questions: Sequence[Question]) -> Sequence[Any]:
            if self._asked(questions) and self._hits(self.jobs):
                with memory_errors():
                    self._happen()
                if self.fault.kind == "nan":
                    questions = [with_nan(question) for question in questions]
            return answer(questions)

        return faulty

    def saving(self, job: str) -> None:
        if self.fault.point == "save" and self._hits([job]):
            self._happen()

    def _asked(self, questions: Sequence[Question]) -> bool:
        """Is it this point?"""
        first = questions[0]
        if not isinstance(first, Predict):
            return POINT_OF_QUESTION.get(type(first)) == self.fault.point
        if self.fault.point == "hires":
            cells = first.x.shape[-1] * first.x.shape[-2]
            return cells > min(self._sizes.setdefault(job, cells) for job in self.jobs)
        asks = [question for question in questions if isinstance(question, Predict)]
        return self.fault.point == "step" and any(ask.step == self.fault.step for ask in asks)

    def _hits(self, jobs: Sequence[str]) -> bool:
        if self.fault.always:
            return True
        if not self.job and jobs:
            self.job = jobs[0]
            self.told(self.job)
        return self.job in jobs

    def _happen(self) -> None:
        if happen := HAPPENINGS.get(self.fault.kind):
            happen()


def run_out_of_memory() -> None:
    raise torch.OutOfMemoryError("injected")


def raise_unforeseen() -> None:
    raise InjectedError("injected")


def kill_self() -> None:
    if os.name == "nt":
        os._exit(1)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(HANG_SECONDS)      # until it comes


HAPPENINGS: dict[str, Callable[[], object]] = {
    "oom": run_out_of_memory,
    "segv": lambda: ctypes.string_at(0),
    "kill": kill_self,
    "exit": lambda: os._exit(3),
    "hang": lambda: time.sleep(HANG_SECONDS),
    "exc": raise_unforeseen,
}


def with_nan(question: Question) -> Question:
    """The same question about something that is no number."""
    if isinstance(question, Predict):
        return replace(question, x=question.x * nan)
    return replace(question, latent=question.latent * nan) if isinstance(question, Decode) else question
