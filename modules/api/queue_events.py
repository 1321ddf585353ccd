"""The queue as server-sent events: number of jobs, the caller's progress, and a number that changes with the list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from modules.api.job_events import KEEPALIVE_COMMENT, changes, happened
from modules.app.app import App
from modules.base.accounts import Account, Role
from modules.store.jobs import RUNNING

SHORTEST_SECONDS = 0.5      # between two events
MOST_AT_WORK = 20           # jobs of which an event tells how far they are


async def queue_events(app: App, account: Account, limit: int = 0) -> AsyncIterator[str]:
    """Yield the queue's events: the first is whole, later ones contain the changes.

    limit: the number of events, 0 without end
    """
    changed, loop = asyncio.Event(), asyncio.get_running_loop()
    known: dict[str, Any] = {}
    stop = app.jobs.watch_queue(lambda: loop.call_soon_threadsafe(changed.set))
    try:
        while True:
            changed.clear()
            state = await asyncio.to_thread(queue_state, app, account)
            if news := changes(known, state):
                yield f"data: {json.dumps(news)}\n\n"
                limit -= 1
            if app.jobs.stopping or limit == 0:
                return
            known = state
            await asyncio.sleep(SHORTEST_SECONDS)
            while not await happened(changed):
                yield KEEPALIVE_COMMENT
    finally:
        stop()


def queue_state(app: App, account: Account) -> dict[str, Any]:
    """Return the state of the queue for one account; of others' jobs only the number."""
    owner = account.name
    at_work = app.queue.unfinished(owner, (RUNNING,))
    return {
        "revision": app.jobs.revision,
        "mode": app.jobs.mode,
        "keeper": account.role >= Role.ADMINISTRATOR,      # may they change the mode?
        "accounts": not account.is_local,
        "mine": len(app.queue.unfinished(owner)),
        "others": app.queue.others(owner),
        "running": [job_progress(app, job) for job in at_work[:MOST_AT_WORK]],
    }


def job_progress(app: App, job: str) -> dict[str, Any]:
    live = app.jobs.live.get(job)
    if live is None:
        return {"id": job}
    return {
        "id": job, "step": live.step, "steps": live.steps, "fraction": round(live.fraction, 4),
        "eta": None if live.eta is None else round(live.eta), "previews": live.previews,
    }
