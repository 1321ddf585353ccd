"""The queue as server-sent events: number of jobs, the caller's progress, and a number that changes with the list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from modules.api.event_stream import record_events
from modules.app.app import App
from modules.base.accounts import Account, Role
from modules.store.jobs import RUNNING

SHORTEST_SECONDS = 0.5      # between two events
MOST_AT_WORK = 20           # jobs of which an event tells how far they are


def queue_events(app: App, account: Account, limit: int = 0) -> AsyncIterator[str]:
    """Return the queue's events: the first is whole, later ones contain the changes.

    limit: the number of events, 0 without end
    """
    unfinished = app.jobs.unfinished
    return record_events(
        unfinished.watch_queue, lambda: (queue_state(app, account), False), lambda: unfinished.stopping,
        SHORTEST_SECONDS, limit,
    )


def queue_state(app: App, account: Account) -> dict[str, Any]:
    """Return the state of the queue for one account; of others' jobs only the number."""
    owner = account.name
    at_work = app.queue.unfinished(owner, (RUNNING,))
    return {
        "revision": app.jobs.unfinished.revision,
        "mode": app.jobs.mode,
        "keeper": account.role >= Role.ADMINISTRATOR,      # may they change the mode?
        "accounts": not account.is_local,
        "mine": len(app.queue.unfinished(owner)),
        "others": app.queue.others(owner),
        "running": [job_progress(app, job) for job in at_work[:MOST_AT_WORK]],
    }


def job_progress(app: App, job: str) -> dict[str, Any]:
    live = app.jobs.unfinished.live.get(job)
    if live is None:
        return {"id": job}
    return {
        "id": job, "step": live.step, "steps": live.steps, "fraction": round(live.fraction, 4),
        "eta": None if live.eta is None else round(live.eta), "previews": live.previews,
    }
