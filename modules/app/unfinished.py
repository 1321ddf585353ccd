"""The unfinished jobs as they are now: how far each is, in which order they will begin, and who follows them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Condition

from modules.app.fair_queue import DEVICE, LANES, FairQueue, LimitsOf, QueuedJob, QueuePlace
from modules.app.live_job import Live
from modules.app.throughput import Throughput
from modules.app.work import picture_work
from modules.engine import messages as events
from modules.store.jobs import IMAGE, JobRecord


class UnfinishedJobs:
    """All unfinished jobs: their progress, order and watchers. Any thread may call any method."""

    def __init__(self, limits: LimitsOf) -> None:
        self.live: dict[str, Live] = {}               # in the order they were asked for
        self.queues = {lane: FairQueue(limits, 1) for lane in LANES}
        self.throughput = Throughput()
        self.changed = Condition()                    # held while `live` and `queues` are looked at or changed, briefly
        self.stopping = False                         # watchers end now
        self.revision = 0                             # counts changes of which jobs there are, their states and order
        self.queue_watchers: list[Callable[[], object]] = []      # called whenever anything has changed

    # The order --------------------------------------------------------------------------------------

    def add(self, record: JobRecord, lane: str) -> None:
        """Add a job at its place, without the pictures it has already; lane: what it is carried out by."""
        pictures = max(1, record.asked)
        queued = QueuedJob(
            record.id, record.owner, record.role, max(0, pictures - record.made), picture_work(record.params),
            record.place, record.paused,
        )
        with self.changed:
            self.live[record.id] = Live(record.owner, pictures, lane, before=record.made / pictures)
            self.queues[lane].add(queued)

    def take(self) -> QueuedJob | None:
        """Return the next job to hand over, which is in hand from now on; None if there is no room."""
        with self.changed:
            return next(filter(None, (queue.take() for queue in self.queues.values())), None)

    def put_back(self, job: str, made: int, paused: bool = False) -> None:
        """Let a job wait again that its worker lost or that is paused, with the pictures that are made."""
        with self.changed:
            live = self.live[job]
            live.before, live.fraction, live.step, live.began = made / live.pictures, 0.0, 0, None
            self.queues[live.lane].put_back(job)
            if paused:
                self.queues[live.lane].pause(job, True)

    def remove(self, job: str) -> Live | None:
        """Remove an ended job; returns what it was."""
        with self.changed:
            for queue in self.queues.values():
                queue.remove(job)
            if not self.queues[DEVICE].in_hand:
                self.throughput.idle()
            return self.live.pop(job, None)

    def waiting_pictures(self, most: int) -> int:
        """Return the number of pictures that wait for the device, at most so many."""
        with self.changed:
            return self.queues[DEVICE].waiting_pictures(most)

    def ahead_of(self, job: str) -> int:
        """Return the number of jobs, of those on the same resource, that run or will begin before this one."""
        return self.place_of(job).ahead

    def place_of(self, job: str) -> QueuePlace:
        with self.changed:
            live = self.live.get(job)
            return self.queues[live.lane].place_of(job) if live else QueuePlace(0, 0.0)

    def running(self, owner: str | None = None) -> list[str]:
        """Return the unfinished jobs that make pictures, of one owner or of all: in hand first, then oldest first."""
        with self.changed:
            in_hand = self.queues[DEVICE].in_hand
            drawn = {job: live for job, live in self.live.items() if live.lane == DEVICE}
            mine = [job for job, live in drawn.items() if owner is None or live.owner == owner]
            return sorted(mine, key=lambda job: job not in in_hand)

    def queue_order(self, lane: str) -> list[QueuedJob]:
        """Return the unfinished jobs of a lane in the order in which they will begin."""
        with self.changed:
            return self.queues[lane].in_order()

    def in_hand(self) -> set[str]:
        """Return the jobs that the worker has."""
        with self.changed:
            return {job for queue in self.queues.values() for job in queue.in_hand}

    def is_in_hand(self, job: str) -> bool:
        return job in self.in_hand()

    def seconds_until_done(self, jobs: Iterable[QueuedJob], pictures: int) -> float | None:
        """Return the seconds until so many pictures of these jobs are likely to be done."""
        for job in jobs:
            pictures -= job.left
            if pictures <= 0:
                return self.throughput.seconds(self.place_of(job.id).work)
        return None

    # Progress ---------------------------------------------------------------------------------------

    def started(self, event: events.Started) -> None:
        """Take the number of pictures from the worker's plan: a script may make more than the request says."""
        if (live := self.live.get(event.job)) and event.pictures:
            with self.changed:
                done = round(live.before * live.pictures)
                self.queues[live.lane].resize(event.job, event.pictures - done)
            live.before *= live.pictures / event.pictures
            live.pictures = event.pictures

    def progress(self, event: events.Progress) -> None:
        if live := self.live.get(event.job):
            live.began = live.began or time.monotonic()
            live.step, live.steps, live.fraction = event.step, event.steps, event.fraction

    def preview(self, event: events.Preview) -> None:
        if live := self.live.get(event.job):
            live.preview, live.previews = event.jpeg, live.previews + 1

    def made(self, event: events.Made) -> None:
        """Count a picture of the queue as done."""
        with self.changed:
            queued = self.queues[DEVICE].in_hand.get(event.job)
            if queued and event.kind == IMAGE:
                self.throughput.made(time.monotonic(), queued.work)
                self.queues[DEVICE].made(event.job)

    def set_room(self, event: events.WorkerReady) -> None:
        """Set how many pictures and jobs are handed over at a time."""
        self.queues[DEVICE].window, self.queues[DEVICE].workers = event.at_once, event.workers

    # Watchers ---------------------------------------------------------------------------------------

    def wait(self, job: str) -> None:
        """Block until the job has ended."""
        with self.changed:
            self.changed.wait_for(lambda: job not in self.live)

    def when_ended(self, job: str, tell: Callable[[], None]) -> None:
        """Call `tell` once the job has ended, in the thread that ends it; at once if it has already."""
        with self.changed:
            if job in self.live:
                self.live[job].waiting.append(tell)
                return
        tell()

    def watch(self, job: str, tell: Callable[[], object]) -> Callable[[], None]:
        """Call `tell` after each change of the job and at its end, in the thread that changes it.

        Returns a function that stops that.
        """
        with self.changed:
            live = self.live.get(job)
            if live:
                live.watchers.append(tell)

        def stop() -> None:
            with self.changed:
                if live and tell in live.watchers:
                    live.watchers.remove(tell)

        return stop

    def watch_queue(self, tell: Callable[[], object]) -> Callable[[], None]:
        """Call `tell` after each change of any job. Returns what stops that."""
        self.queue_watchers.append(tell)
        return lambda: self.queue_watchers.remove(tell)

    def tell(self, jobs: Iterable[Live]) -> None:
        """Tell the watchers of these jobs, and whoever waits for a change."""
        with self.changed:
            self.changed.notify_all()
            watchers = [tell for live in jobs for tell in live.watchers]
        for tell in watchers:
            tell()

    def tell_all(self) -> None:
        """Tell all watchers that the order has changed, or that the program is about to end."""
        with self.changed:
            jobs = list(self.live.values())
        self.tell(jobs)
        self.tell_queue()

    def tell_queue(self, changes: int = 1) -> None:
        """Tell the watchers of the queue; `changes`: 0 if only a job's progress has changed."""
        self.revision += changes
        for tell in list(self.queue_watchers):
            tell()

    def stop_watching(self) -> None:
        """Tell all watchers for the last time, since the program is about to end."""
        with self.changed:
            self.stopping = True
        self.tell_all()
