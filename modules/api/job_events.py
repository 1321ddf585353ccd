"""A job as server-sent events: its record, then the changes of it, at the end its record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from modules.api.event_stream import record_events
from modules.app.unfinished import UnfinishedJobs

LEAST_SECONDS = 0.1      # between two records


def job_events(jobs: UnfinishedJobs, job: str, look: Callable[[], dict[str, Any]]) -> AsyncIterator[str]:
    """Return the events of a job.

    look: reads the record as it is now; called in a thread
    """
    def record() -> tuple[dict[str, Any], bool]:
        # read before the record, so that a record after the end is the last
        ended = job not in jobs.live
        return look(), ended

    return record_events(partial(jobs.watch, job), record, lambda: jobs.stopping, LEAST_SECONDS)
