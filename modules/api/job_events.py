"""A job as server-sent events (WHATWG HTML, 9.2): its record, then the changes of it, at the end its record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from modules.app.jobs import Jobs

# a comment is sent after so long, so that proxies keep the connection and a disconnect is noticed
QUIET_SECONDS = 15
LEAST_SECONDS = 0.1      # between two records
KEEPALIVE_COMMENT = ": waiting\n\n"


async def job_events(jobs: Jobs, job: str, look: Callable[[], dict[str, Any]]) -> AsyncIterator[str]:
    """Yield the events of a job.

    look: reads the record as it is now; called in a thread. The first and the last record are sent whole.
    """
    changed, loop = asyncio.Event(), asyncio.get_running_loop()
    known: dict[str, Any] = {}
    stop = jobs.watch(job, lambda: loop.call_soon_threadsafe(changed.set))
    try:
        while True:
            changed.clear()
            ended = job not in jobs.live      # read before the record, so that a record after the end is the last
            record = await asyncio.to_thread(look)
            if news := record if ended else changes(known, record):
                yield f"data: {json.dumps(news)}\n\n"
            if ended or jobs.stopping:
                return
            known = record
            await asyncio.sleep(LEAST_SECONDS)
            while not await happened(changed):
                yield KEEPALIVE_COMMENT
    finally:
        stop()


def changes(known: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Return the part of `record` that is not in `known`: prompts and pictures are long and seldom change."""
    return {name: value for name, value in record.items() if name not in known or known[name] != value}


async def happened(changed: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(changed.wait(), QUIET_SECONDS)
    except asyncio.TimeoutError:
        return False
    return True
