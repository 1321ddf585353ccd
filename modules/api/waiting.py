"""Waiting for a job without holding a thread."""

from __future__ import annotations

import asyncio
import contextlib

from modules.app.jobs import Jobs
from modules.store.jobs import JobRecord


async def ended(jobs: Jobs, job: str) -> JobRecord:
    """The job's record once it has ended; any number of callers may wait."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):      # the server has stopped meanwhile: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    await asyncio.to_thread(jobs.when_ended, job, tell)
    await done.wait()
    return await asyncio.to_thread(jobs.get, job)
