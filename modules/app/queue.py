"""Operations on queued jobs: an owner's move, pause, cancel and list, and the administrator's on all jobs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from modules.app.fair_queue import DEVICE, LANES
from modules.app.jobs import OPEN, QUEUE_MODES, Jobs
from modules.app.live_job import Live
from modules.base.errors import Conflict, Invalid
from modules.store.jobs import ENDED, QUEUED, RUNNING, JobRecord


@dataclass(frozen=True, slots=True)
class WaitingTime:
    """The time that a job still takes: the jobs before it, and the seconds until it is done, if known."""

    ahead: int
    seconds: float | None


class QueueControl:
    """The operations on the queue. Any thread may call any method.

    owner: the account that must own the job, None: any; raises UnknownName if it does not
    """

    def __init__(self, jobs: Jobs) -> None:
        self.jobs, self.store, self.now = jobs, jobs.store, jobs.unfinished

    def move(self, job: str, before: str, owner: str | None = None) -> None:
        """Put a waiting job before another waiting one of the same account; "" is the end. Raises Conflict."""
        with self.jobs.asked():
            waiting = self._waiting(job, owner)
            queue = self.now.queues[waiting.lane]
            if before and before not in [each.id for each in queue.waiting_of(waiting.owner)]:
                self.jobs.brief(before, waiting.owner)
                raise Conflict("The other job does not wait any more.", "Look at the queue again.")
            with self.now.changed:
                places = queue.move(job, before) if before != job else {}
            if places:
                self.store.set_places(places)
        self.now.tell_all()

    def pause(self, job: str, paused: bool, owner: str | None = None) -> None:
        """Pause a waiting job, or let it go on. Raises Conflict."""
        with self.jobs.asked():
            lane = self._waiting(job, owner).lane
            self.store.set_paused(job, paused)
            with self.now.changed:
                self.now.queues[lane].pause(job, paused)
        self.now.tell_all()

    def set_mode(self, mode: str) -> None:
        """Set the mode of the whole queue; it survives a restart. Raises Invalid."""
        if mode not in QUEUE_MODES:
            raise Invalid(f"The queue cannot be {mode!r:.80}.", f"It can be {', '.join(QUEUE_MODES)}.", "mode")
        with self.jobs.asked():
            self.store.set_queue_mode(mode)
            self.jobs.mode = mode
        self.now.tell_all()

    def hide(self, job: str, owner: str | None = None) -> None:
        """Hide an ended job from its owner's history; its pictures stay. Raises Conflict."""
        if not self.jobs.brief(job, owner).ended:
            raise Conflict("The job has not ended.", "Cancel it first.")
        self.store.hide(job)
        self.now.tell_all()

    def clear(self, owner: str, states: Collection[str] = ENDED) -> int:
        """Hide all jobs of an owner that ended in these states; returns their number."""
        cleared = self.store.hide_ended(owner, sorted(ENDED & set(states)))
        self.now.tell_all()
        return cleared

    def unfinished(self, owner: str | None, states: Collection[str] = (QUEUED, RUNNING)) -> list[str]:
        """Return the ids of an owner's unfinished jobs, or of everybody's, in the order in which they will begin."""
        in_order = [job for lane in LANES for job in self.now.queue_order(lane)]
        mine, in_hand = [job.id for job in in_order if owner is None or job.owner == owner], self.now.in_hand()
        running, waiting = [job for job in mine if job in in_hand], [job for job in mine if job not in in_hand]
        return [*(running if RUNNING in states else ()), *(waiting if QUEUED in states else ())]

    def waiting(self, record: JobRecord) -> WaitingTime:
        """Return the time that the job still takes; unknown while it, or the queue, is paused."""
        live, place = self.now.live.get(record.id), self.now.place_of(record.id)
        if live is None:
            return WaitingTime(0, None)
        paused = self.is_paused(record.id) or (self.jobs.mode != OPEN and not self.now.is_in_hand(record.id))
        usual = self.now.throughput.seconds(place.work) if live.lane == DEVICE else None
        return WaitingTime(place.ahead, None if paused else usual if live.eta is None else live.eta)

    def is_paused(self, job: str) -> bool:
        return any(job in queue.jobs and queue.jobs[job].paused for queue in self.now.queues.values())

    def others(self, owner: str) -> int:
        """Return the number of other people's unfinished jobs."""
        return sum(live.owner != owner for live in list(self.now.live.values()))

    def _waiting(self, job: str, owner: str | None) -> Live:
        """Return the state of a waiting job. The caller holds the lock. Raises Conflict if it no longer waits."""
        record = self.jobs.brief(job, owner)
        live = self.now.live.get(job)
        if record.ended or live is None:
            raise Conflict("The job has ended.", "Run it again to have it once more.")
        if self.now.is_in_hand(job):
            raise Conflict("The job has begun.", "It can be cancelled, but not moved or paused.")
        return live
