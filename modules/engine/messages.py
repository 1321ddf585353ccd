"""What goes to a worker and what comes back: plain data, so that a worker may be a thread, a process or a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from modules.base.accounts import account_folder
from modules.store.jobs import IMAGE

RETURNED = "returned"      # among a picture's facts: files that are shown with it
HALF_MADE = "half_made"    # among them: true of a picture that was interrupted or skipped on the way


@dataclass(frozen=True)
class JobSpec:
    """One thing a person asked for, complete: nothing outside it decides what its pictures look like."""

    id: str
    owner: str
    kind: str                        # "txt2img" …
    params: Mapping[str, Any]        # the request's fields, seeds resolved
    settings: Mapping[str, Any]      # every setting as it was when asked, overrides applied
    save: bool = True                # into the outputs folder; otherwise only into the cache
    turn: float = 0.0                # when its first picture is due, in the queue's virtual time
    pace: float = 1.0                # how much later each further picture is
    done: tuple[int, ...] = ()       # pictures that exist already, when a job is resumed
    asked: float = 0.0               # when, in seconds since the epoch; 0 is now
    alone: bool = False              # its pictures share no call: the program died while it worked on the job
    role: str = "administrator"      # its owner's: limits go by it

    @property
    def folder(self) -> str:
        """The owner's, among the outputs and among the inputs."""
        return account_folder(self.owner)


@dataclass(frozen=True)
class Event:
    job: str


@dataclass(frozen=True)
class Started(Event):
    """Its first picture has begun."""

    # how many there will be, for a script may make more than the request says; 0: as many as that
    pictures: int = 0


@dataclass(frozen=True)
class Progress(Event):
    """A picture moved: `step` of `steps`; `fraction` is of the whole job."""

    index: int
    step: int
    steps: int
    fraction: float


@dataclass(frozen=True)
class Preview(Event):
    index: int
    jpeg: bytes


@dataclass(frozen=True)
class Made(Event):
    """An output is on disk."""

    index: int
    path: str
    infotext: str = ""                                         # of a picture
    # seed, subseed, prompt …: what the API's `info` tells of it
    facts: Mapping[str, Any] = field(default_factory=dict)
    saved: bool = True                                         # in its place for good; else in the cache
    kind: str = IMAGE


@dataclass(frozen=True)
class Warned(Event):
    """Something the person should know, though the job goes on."""

    message: str


@dataclass(frozen=True)
class Ended(Event):
    """The last word on a job: done, interrupted or failed; `error` as base.errors puts it."""

    state: str
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class WorkerState(Event):
    """What the worker as a whole is doing: `loading` names a model, `""` means ready."""

    loading: str = ""
    loaded: str = ""
    error: str = ""


@dataclass(frozen=True)
class WorkerReady(Event):
    """It takes jobs; `device` describes what it makes pictures on."""

    device: Mapping[str, str]
    # pictures of one owner that it works on side by side: more are not handed over, so that they can still be moved
    at_once: int = 16


Emit = Callable[[Event], None]


class Worker(Protocol):
    """Whatever makes pictures. All its methods return at once; what happens is told through `Emit`."""

    def start(self) -> None: ...
    def submit(self, spec: JobSpec) -> None: ...
    def interrupt(self, job: str) -> None: ...
    def skip(self, job: str) -> None: ...
    def stop(self) -> None: ...
