"""The workers as the administrator sees them: one, or the several of a pool or a cluster."""

from __future__ import annotations

from modules.app.app import App
from modules.base.errors import Conflict
from modules.engine.messages import WorkerGroup, WorkerInfo

ONLY_WORKER = "1"      # the name of a worker that is the only one


def workers_of(app: App) -> list[WorkerInfo]:
    """Return all workers; [] until there is one."""
    worker = app.jobs.worker
    if isinstance(worker, WorkerGroup):
        return worker.listed()
    return [only_worker(app)] if worker else []


def only_worker(app: App) -> WorkerInfo:
    status = app.jobs.status
    return WorkerInfo(
        ONLY_WORKER, status.device.get("device", ""), status.health.phase, status.health.deaths, status.state.loading,
        tuple(filter(None, [status.state.loaded])), len(app.jobs.unfinished.live), reason=status.health.reason,
        precision=status.device.get("unet", ""), memory=status.memory,
    )


def drain_worker(app: App, name: str, draining: bool) -> None:
    """Give a worker no further jobs, or jobs again. Raises UnknownName, or Conflict where there is only one."""
    worker = app.jobs.worker
    if not isinstance(worker, WorkerGroup):
        raise Conflict("There is only one worker.", "Pause or drain the queue instead.")
    worker.drain(name, draining)
