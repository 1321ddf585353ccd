"""The fair queue: the order of all jobs for one resource, the device or the disk.

The policy:

An account's jobs are begun in the order that it has given them, which is the order in which they were asked for until
it moves one; a paused one is passed over. Between accounts the order is start-time fair queueing (Goyal, Vin and Cheng
1996): each picture is due at a virtual time, an account's next one later by its work over the account's weight, and
what is due earliest goes first. So while several wait, each gets work done in proportion to its weight, however much
one of them has asked for; and since every picture, of whichever size, moves its account's own time on, nobody starves.
An account that comes back joins at the time of those who are being served: idling saves nothing up.

Interactive before batch: a job of few pictures by an account that has not been served lately is due a little before
all others (HEAD_START, one usual picture's work). It begins at once, beside or before the pictures of a large batch;
its later pictures, and its account's later jobs, take turns like any.

Of an account no more is handed over than is worked on side by side (`window`, in pictures, or a job for each of the
`workers`), so that what waits can still be moved, paused and cancelled. What has been handed over is not taken back;
the engine obeys the same times (`QueuedJob.start`) between the pictures that it has.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain

from modules.app.work import USUAL_WORK
from modules.settings.queue_limits import QueueLimits

FEW_PICTURES = 4      # a job of at most so many counts as interactive
HEAD_START = 1.0      # in usual pictures' work, as all virtual times
# lanes: what jobs are carried out by, each with a queue
DEVICE, FILES, TRAINING, CREATION = "device", "files", "training", "creation"
LANES = (DEVICE, FILES, TRAINING, CREATION)

LimitsOf = Callable[[str], QueueLimits]      # the limits of a role, by the current settings


@dataclass(eq=False, slots=True)
class QueuedJob:
    """An unfinished job, with the data that the queue needs.

    pictures: still to be made when it was added; work: of one picture, megapixel-steps
    place: among its account's own; start: the virtual time at which its first picture is due, once it is in hand
    """

    id: str
    owner: str
    role: str
    pictures: int
    work: float
    place: int
    paused: bool = False
    made: int = 0
    start: float = 0.0

    @property
    def left(self) -> int:
        return max(0, self.pictures - self.made)

@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A job's place: the number of jobs before it, and the work (megapixel-steps) until it is done."""

    ahead: int
    work: float


class FairQueue:
    """The queue of all jobs for one resource. It is not locked: its owner must lock it."""

    def __init__(self, limits: LimitsOf, window: int) -> None:
        self.limits, self.window, self.workers = limits, window, 1
        self.now = 0.0                                       # virtual time: when the earliest picture in hand was due
        self.jobs: dict[str, QueuedJob] = {}
        self.in_hand: dict[str, QueuedJob] = {}              # in the order in which they were handed over
        self._waiting: dict[str, list[QueuedJob]] = {}       # by owner, by place
        self._served: dict[str, float] = {}                  # owner → the virtual time up to which it has been served
        self._places: dict[str, QueuePlace] | None = None    # until something changes

    def add(self, job: QueuedJob) -> None:
        self.jobs[job.id] = job
        insort(self._waiting.setdefault(job.owner, []), job, key=lambda each: each.place)
        self._places = None

    def take(self) -> QueuedJob | None:
        """Return the next job to hand over, which is in hand from now on; None if there is no room."""
        jobs, pictures = Counter[str](), Counter[str]()
        for each in self.in_hand.values():
            jobs[each.owner] += 1
            pictures[each.owner] += each.left
        first = [self._next_of(owner, jobs[owner], pictures[owner]) for owner in self._waiting]
        due = min((job for job in first if job), key=lambda job: (self._start(job), job.place), default=None)
        if due:
            self._begin(due)
        return due

    def made(self, job: str) -> None:
        """Count one of its pictures as done."""
        if found := self.in_hand.get(job):
            found.made += 1
            self._advance()

    def resize(self, job: str, pictures: int) -> None:
        """Change the number of its pictures, which a script may raise above the request's."""
        if found := self.jobs.get(job):
            if job in self.in_hand:
                self._give(found, pictures - found.pictures)
            found.pictures = pictures
            self._places = None

    def remove(self, job: str) -> None:
        """Remove an ended job; its unused time is its account's again."""
        found = self.jobs.pop(job, None)
        if not found:
            return
        if self.in_hand.pop(job, None):
            self._give(found, -found.left)
            self._advance()
        else:
            self._leave(found)
        if not self.jobs:
            self._served.clear()      # nobody is waiting
        self._places = None

    def put_back(self, job: str) -> None:
        """It was in hand, and waits again: whoever carried it out is gone. Its account has what was not used."""
        if found := self.in_hand.pop(job, None):
            self._give(found, -found.left)
            self._advance()
            self.add(found)

    def waiting_pictures(self, most: int) -> int:
        """Return the number of pictures that may be handed over and are not yet; `most` if there are more."""
        pictures = 0
        for job in chain.from_iterable(self._waiting.values()):
            pictures += 0 if job.paused else job.left
            if pictures >= most:
                return most
        return pictures

    def waiting_of(self, owner: str) -> list[QueuedJob]:
        """Return the jobs of an owner that can still be moved, by place."""
        return list(self._waiting.get(owner, ()))

    def move(self, job: str, before: str) -> dict[str, int]:
        """Put a waiting job before another of its account's, "" is the end; the waiting jobs exchange their places.

        Returns the places that have changed.
        """
        found = self.jobs[job]
        waiting = self._waiting[found.owner]
        places = [each.place for each in waiting]
        others = [each for each in waiting if each is not found]
        at = next((place for place, each in enumerate(others) if each.id == before), len(others))
        changed: dict[str, int] = {}
        self._waiting[found.owner] = [*others[:at], found, *others[at:]]
        for each, place in zip(self._waiting[found.owner], places, strict=True):
            if each.place != place:
                each.place = changed[each.id] = place
        self._places = None
        return changed

    def pause(self, job: str, paused: bool) -> None:
        self.jobs[job].paused = paused
        self._places = None

    def place_of(self, job: str) -> QueuePlace:
        """Return a job's place as things are now: later jobs may be due earlier. Paused jobs are last."""
        if self._places is None:
            self._places = dict(self._all_places())
        return self._places.get(job, QueuePlace(0, 0.0))

    def in_order(self) -> list[QueuedJob]:
        """Return all jobs: those in hand, then the waiting ones in the order of their start, then the paused ones."""
        due = [pair for owner in self._waiting for pair in self._due_of(owner)]
        due.sort(key=lambda pair: (pair[0], pair[1].place))
        paused = [job for waiting in self._waiting.values() for job in waiting if job.paused]
        return [*self.in_hand.values(), *(job for _, job in due), *paused]

    def _all_places(self) -> Iterator[tuple[str, QueuePlace]]:
        order = self.in_order()
        work = accumulate(job.left * job.work for job in order)
        return ((job.id, QueuePlace(place, until)) for place, (job, until) in enumerate(zip(order, work, strict=True)))

    def _due_of(self, owner: str) -> Iterator[tuple[float, QueuedJob]]:
        """Yield an owner's waiting jobs with the times at which they would be due."""
        served = self._served.get(owner)
        for job in self._waiting[owner]:
            if not job.paused:
                start = self._earliest(job) if served is None else max(served, self._earliest(job))
                served = start + job.left * self.span(job)
                yield start, job

    def _next_of(self, owner: str, jobs: int, pictures: int) -> QueuedJob | None:
        """Return an owner's next job, if there is room for it.

        jobs, pictures: how many of the owner's are in hand already
        """
        job = next((each for each in self._waiting[owner] if not each.paused), None)
        if job is None or (jobs >= self.workers and pictures >= self.window):
            return None
        most = self.limits(job.role).jobs
        return None if most and jobs >= most else job

    def _begin(self, job: QueuedJob) -> None:
        self._leave(job)
        job.start = self._start(job)
        self._served[job.owner] = job.start + job.left * self.span(job)
        self.in_hand[job.id] = job
        self._places = None

    def _give(self, job: QueuedJob, pictures: int) -> None:
        """Count so many more pictures of a job in hand as served."""
        self._served[job.owner] = self._served.get(job.owner, self.now) + pictures * self.span(job)

    def _leave(self, job: QueuedJob) -> None:
        waiting = self._waiting[job.owner]
        waiting.remove(job)
        if not waiting:
            del self._waiting[job.owner]

    def _start(self, job: QueuedJob) -> float:
        return max(self._earliest(job), self._served.get(job.owner, self._earliest(job)))

    def _earliest(self, job: QueuedJob) -> float:
        return self.now - HEAD_START if job.pictures <= FEW_PICTURES else self.now

    def span(self, job: QueuedJob) -> float:
        """Return how far one of its pictures moves its account's time on."""
        return job.work / USUAL_WORK / self.limits(job.role).weight

    def _advance(self) -> None:
        due = [job.start + job.made * self.span(job) for job in self.in_hand.values()]
        self.now = max(self.now, min(due, default=self.now))
        self._served = {owner: until for owner, until in self._served.items() if until > self.now - HEAD_START}
        self._places = None
