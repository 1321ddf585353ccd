"""The messages to a worker and from it: plain data, so that a worker may be a thread, a process or a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from modules.base.accounts import account_folder
from modules.store.jobs import IMAGE

RETURNED = "returned"      # key in an image's facts: the files that are shown with it
NSFW_DETECTED = "nsfw_content_detected"      # key in an image's facts: the safety checker's verdict, if it was asked
WITHHELD = "withheld"      # key in an image's facts: what stands in a flagged picture's place
WITHHELD_BLURRED, WITHHELD_REFUSED = "blurred", "refused"
UNRETURNED = "unreturned"  # key in an image's facts: the API returns only the grids that show it
TOLD, UNTOLD = "told", "untold"      # with its generation data; without
HALF_MADE = "half_made"    # key in an image's facts: true if it was interrupted or skipped before its end


@dataclass(frozen=True)
class JobSpec:
    """A job's complete description: nothing outside it changes its images."""

    id: str
    owner: str
    kind: str                        # "txt2img" …
    params: Mapping[str, Any]        # the request's fields, seeds resolved
    settings: Mapping[str, Any]      # every setting, with the request's overrides applied
    save: bool = True                # into the outputs folder; False: only into the cache
    turn: float = 0.0                # when its first image is due, in the queue's virtual time
    pace: float = 1.0                # how much later each further image is due
    done: tuple[int, ...] = ()       # outputs that exist already, when a job is resumed
    paths: tuple[str, ...] = ()      # their files, in the same order
    asked: float = 0.0               # when it was asked for, in seconds since the epoch; 0 is now
    alone: bool = False              # its images share no call: the program died while it worked on the job
    role: str = "administrator"      # its owner's: limits go by it
    pictures: int = 0                # how many it has, as far as that is known beforehand
    # (k, n): only the k-th, from 0, of n parts of its images; (0, 0): none, only their grids
    share: tuple[int, ...] = ()

    @property
    def folder(self) -> str:
        """The owner's folder, among the outputs and among the inputs."""
        return account_folder(self.owner)


@dataclass(frozen=True)
class Event:
    job: str


@dataclass(frozen=True)
class Started(Event):
    """The job's first image has begun."""

    # the number of images, which a script may change; 0: as the request says
    pictures: int = 0


@dataclass(frozen=True)
class Progress(Event):
    """An image moved: `step` of `steps`; `fraction` is of the whole job."""

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
    infotext: str = ""                                         # an image's
    # seed, subseed, prompt …: the image's part of the API's `info`
    facts: Mapping[str, Any] = field(default_factory=dict)
    saved: bool = True                                         # in the outputs; False: in the cache
    kind: str = IMAGE


@dataclass(frozen=True)
class Warned(Event):
    """A remark for the job's owner; the job goes on."""

    message: str


@dataclass(frozen=True)
class Advanced(Event):
    """What the job has done so far is kept: deaths of the program until now are none of its future's."""


@dataclass(frozen=True)
class Ended(Event):
    """A job's last event: done, interrupted or failed; `error` is as in base.errors. A paused one waits again."""

    state: str
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class WorkerState(Event):
    """The state of the whole worker: `loading` names a model; "" means ready."""

    loading: str = ""
    loaded: str = ""
    error: str = ""


@dataclass(frozen=True)
class WorkerReady(Event):
    """The worker takes jobs; `device` describes its device."""

    device: Mapping[str, str]
    # images of one owner that it works on side by side; more are not handed over, so that they can still be moved
    at_once: int = 16
    workers: int = 1      # devices, each of which carries out jobs of its own
    kind: str = ""        # of device: "cpu", "gpu"
    memory: int = 0       # bytes that the device has for models and pictures; 0: unknown


# phases of a worker
WORKER_STARTING, READY, RESTARTING, BROKEN = "starting", "ready", "restarting", "broken"


@dataclass(frozen=True)
class WorkerHealth(Event):
    """The health of the worker as a whole.

    phase: BROKEN after so many deaths that it is left alone for a while; deaths: in a row; retry_in: seconds until it
    is started again; reason: how it died
    """

    phase: str = WORKER_STARTING
    deaths: int = 0
    retry_in: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class WorkerDied(Event):
    """A worker process has ended and is replaced by another one, which knows none of its jobs.

    lost: the jobs that it had; blamed: those among them that it worked on; hung: it was killed for its silence
    """

    lost: tuple[str, ...] = ()
    blamed: tuple[str, ...] = ()
    hung: bool = False
    reason: str = ""


@dataclass(frozen=True)
class WorkerMemory(Event):
    """The memory of the first GPU of a worker outside the server's process, as /sdapi/v1/memory tells it."""

    cuda: Mapping[str, Any]


@dataclass(frozen=True)
class ExtensionOut(Event):
    """An extension is out of use in a worker outside the server's process. why: as a sentence"""

    name: str
    why: str


Emit = Callable[[Event], None]


class Worker(Protocol):
    """A worker makes the images of jobs. All its methods return at once; results are emitted as events.

    keep_loaded: have that checkpoint (SHA-256) in memory before a job needs it; "" frees the memory of all models,
    unless images are being made
    try_again: start at once what is left alone after many crashes
    """

    def start(self) -> None: ...
    def submit(self, spec: JobSpec) -> None: ...
    def interrupt(self, job: str) -> None: ...
    def skip(self, job: str) -> None: ...
    def keep_loaded(self, checkpoint: str) -> None: ...
    def try_again(self) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class WorkerInfo:
    """One of several workers as the administrator sees it.

    phase: as in `WorkerHealth`; loading: a model that is being loaded; models: checkpoints of its last jobs
    jobs, pictures: given to it and not done; draining: it is given no more; near: it sees the server's files
    reason: how its process died, until another one is there
    precision: of the UNet; memory: bytes of its device; both "" or 0 until it has told them
    """

    name: str
    device: str
    phase: str
    deaths: int = 0
    loading: str = ""
    models: tuple[str, ...] = ()
    jobs: int = 0
    pictures: int = 0
    draining: bool = False
    near: bool = True
    reason: str = ""
    precision: str = ""
    memory: int = 0


@runtime_checkable
class MachineWorker(Worker, Protocol):
    """A worker that may be on a machine of its own.

    abandon: end at once, without the step in hand, and return without waiting: the machine has gone
    """

    def abandon(self) -> None: ...


@runtime_checkable
class WorkerGroup(Worker, Protocol):
    """A worker that consists of several.

    drain: give the worker of that name no further jobs, or jobs again; raises UnknownName
    """

    def listed(self) -> list[WorkerInfo]: ...
    def drain(self, name: str, draining: bool) -> None: ...
