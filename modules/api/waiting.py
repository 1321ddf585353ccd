"""Waiting for a job without holding a thread."""

from __future__ import annotations

import asyncio
import contextlib

from modules.app.jobs import Jobs
from modules.base.errors import Stopping
from modules.store.jobs import JobRecord


async def ended(jobs: Jobs, job: str) -> JobRecord:
    """Return the job's record once it has ended; any number of callers may wait. Raises Stopping."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):      # the server has stopped meanwhile
            loop.call_soon_threadsafe(done.set)

    try:
        await asyncio.to_thread(jobs.unfinished.when_ended, job, tell)
        await done.wait()
    except asyncio.CancelledError as error:  # the server stops and waits for nobody
        raise Stopping(
            "Easel is being stopped.",
            f"The job is kept and goes on when Easel is started again: see /easel/v1/jobs/{job}.",
        ) from error
    return await asyncio.to_thread(jobs.get, job)
