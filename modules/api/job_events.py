"""A job followed by server-sent events (WHATWG HTML, 9.2): its record, what of it has changed after each change,
its record at the end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from modules.app.jobs import Jobs

# after so long a comment is sent, so that proxies keep the connection and a client that left is noticed
QUIET_SECONDS = 15
LEAST_SECONDS = 0.1      # between two records
KEEPALIVE_COMMENT = ": waiting\n\n"


async def job_events(jobs: Jobs, job: str, look: Callable[[], dict[str, Any]]) -> AsyncIterator[str]:
    """`look` reads the record as it is now; it is called in a thread.

    The first and the last record are sent whole, the first at once.
    """
    changed, loop = asyncio.Event(), asyncio.get_running_loop()
    known: dict[str, Any] = {}
    stop = jobs.watch(job, lambda: loop.call_soon_threadsafe(changed.set))
    try:
        while True:
            changed.clear()
            ended = job not in jobs.live      # asked before the record is read: what is read after an end tells of it
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
    """The part of `record` that is not in `known`: prompts and pictures are long, and few events tell of them."""
    return {name: value for name, value in record.items() if name not in known or known[name] != value}


async def happened(changed: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(changed.wait(), QUIET_SECONDS)
    except asyncio.TimeoutError:
        return False
    return True
