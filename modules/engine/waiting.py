"""The images that have not begun, and the order in which they begin.

Depth first: of one job only a few are begun at a time, so that the first is finished early and an interruption costs
few. An owner's jobs begin in the order in which they were asked for. Waiting images cost a step nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from modules.engine.image_task import ImageTask

MOST_BEGUN = 16      # images of one owner; more would wait for their calls with their latents in memory


@dataclass(eq=False)
class JobQueue:
    """The waiting images of one job, batch by batch."""

    job: str
    owner: str
    side_by_side: int                                      # images that may be begun at a time; one batch always may
    batches: deque[Sequence[ImageTask]] = field(default_factory=deque)
    begun: int = 0

    def may_begin(self) -> bool:
        return bool(self.batches) and (not self.begun or self.begun + len(self.batches[0]) <= self.side_by_side)


def lines_of(pictures: Sequence[ImageTask], side_by_side: int) -> list[JobQueue]:
    """Group images into one queue for each job."""
    found: dict[str, JobQueue] = {}
    for (job, _), batch in groupby(pictures, key=lambda picture: picture.batch_key):
        together = list(batch)
        line = found.setdefault(job, JobQueue(job, together[0].owner, side_by_side))
        line.batches.append(together)
    return list(found.values())


class WaitingRoom:
    """The queues of all jobs. The engine reports the images that begin and end."""

    def __init__(self) -> None:
        self._lines: dict[str, JobQueue] = {}                  # by job, until its last picture has ended
        self._queues: dict[str, deque[JobQueue]] = {}          # by owner: those with waiting images, oldest first
        self._begun: Counter[str] = Counter()              # images begun, by owner
        self._changed: dict[str, None] = {}                # owners with images that may begin now

    def __bool__(self) -> bool:
        """True if a job has an image that has not ended."""
        return bool(self._lines)

    def add(self, line: JobQueue) -> None:
        self._lines[line.job] = line
        self._queues.setdefault(line.owner, deque()).append(line)
        self._changed[line.owner] = None

    def ended(self, picture: ImageTask) -> None:
        """Note that an image has ended; one that was begun without waiting is in no queue."""
        line = self._lines.get(picture.job)
        if line is None:
            return
        line.begun -= 1
        self._begun[line.owner] -= 1
        self._changed[line.owner] = None
        self._forget(line)

    def drop(self, job: str) -> list[ImageTask]:
        """Remove the images of a job that have not begun, and return them."""
        line = self._lines.get(job)
        if line is None:
            return []
        dropped = [picture for batch in line.batches for picture in batch]
        line.batches.clear()
        self._changed[line.owner] = None
        self._forget(line)
        return dropped

    def next(self) -> Iterator[ImageTask]:
        """Return the images that may begin now; each counts as begun."""
        while self._changed:
            owner = next(iter(self._changed))
            line = self._next_line(owner)
            if line is None:
                del self._changed[owner]
                continue
            batch = line.batches.popleft()
            line.begun += len(batch)
            self._begun[owner] += len(batch)
            yield from batch

    def _next_line(self, owner: str) -> JobQueue | None:
        queue = self._queues.get(owner, deque())
        while queue and not queue[0].batches:
            queue.popleft()
        if not queue:
            self._queues.pop(owner, None)
            self._begun += Counter()                       # forgets owners at 0
            return None
        room = self._begun[owner] < MOST_BEGUN
        return next((line for line in queue if line.may_begin()), None) if room else None

    def _forget(self, line: JobQueue) -> None:
        if not line.begun and not line.batches:
            self._lines.pop(line.job, None)
