"""A1111's routes for progress and interruption. A person sees and stops only their own jobs."""

from __future__ import annotations

import base64
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from modules.api.routing import owner, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import UnknownName
from modules.base.limits import MAX_ID, Id
from modules.store.jobs import job_name

TaskName = Annotated[str, Query(max_length=MAX_ID)]


class TaskProgress(BaseModel):
    """The request of A1111's page for /internal/progress."""

    id_task: Id
    id_live_preview: int = -1
    live_preview: bool = True


def routes(app: App) -> APIRouter:
    api = router("progress", "", Role.GUEST)

    @api.get("/sdapi/v1/progress")
    def progress(request: Request, skip_current_image: bool = False, task_id: TaskName = "") -> dict[str, Any]:
        """The caller's oldest unfinished job, or the one with that id."""
        return progress_of(app, next(iter(jobs_meant(app, request, task_id)), ""), preview=not skip_current_image)

    @api.post("/sdapi/v1/interrupt")
    def interrupt(request: Request, task_id: TaskName = "") -> dict[str, Any]:
        """Stop the caller's running job, or the one with that id. The answer is empty, as A1111's."""
        for job in jobs_meant(app, request, task_id):
            app.jobs.interrupt(job)
        return {}

    @api.post("/sdapi/v1/skip")
    def skip(request: Request, task_id: TaskName = "") -> None:
        """Skip to the next picture of the caller's running job."""
        for job in jobs_meant(app, request, task_id):
            app.jobs.skip(job)

    @api.post("/internal/progress", include_in_schema=False)
    def internal_progress(body: TaskProgress, request: Request) -> dict[str, Any]:
        return internal(app, body, owner(request))

    @api.get("/internal/pending-tasks", include_in_schema=False)
    def pending_tasks(request: Request) -> dict[str, Any]:
        waiting = app.jobs.unfinished.running(owner(request))
        return {"size": len(waiting), "tasks": list(map(job_name, waiting))}

    return api


def jobs_meant(app: App, request: Request, job: str) -> list[str]:
    """Return the named job, or the caller's oldest. Raises UnknownName for another owner's."""
    if job:
        return [app.jobs.brief(job, owner(request)).id]
    return app.jobs.unfinished.running(owner(request))[:1]


def progress_of(app: App, job: str, preview: bool) -> dict[str, Any]:
    live = app.jobs.unfinished.live.get(job)
    picture = base64.b64encode(live.preview).decode() if live and preview and live.preview else None
    return {
        "progress": live.fraction if live else float(bool(job)),      # a job of that id has ended
        "eta_relative": (live.eta or 0.0) if live else 0.0,
        "state": {
            "skipped": live.skipped if live else False,
            "interrupted": live.interrupted if live else False,
            "stopping_generation": False,
            "job": job_name(job),
            "job_count": live.pictures if live else 0,
            "job_timestamp": time.strftime("%Y%m%d%H%M%S"),
            "job_no": int(live.fraction * live.pictures) if live else 0,
            "sampling_step": live.step if live else 0,
            "sampling_steps": live.steps if live else 0,
        },
        "current_image": picture,
        "textinfo": f"Loading {app.jobs.status.state.loading}" if app.jobs.status.state.loading else None,
        "current_task": job_name(job) if live else None,
    }


def internal(app: App, body: TaskProgress, owner: str) -> dict[str, Any]:
    """Return the answer to A1111's page. An unknown job is neither active nor completed."""
    try:
        record = app.jobs.brief(body.id_task, owner)
    except UnknownName:
        return {"active": False, "queued": False, "completed": False, "textinfo": "Unknown task"}
    live = app.jobs.unfinished.live.get(record.id)
    preview = live.preview if live and body.live_preview and live.previews != body.id_live_preview else None
    return {
        "active": live is not None and live.began is not None,
        "queued": live is not None and live.began is None,
        "completed": record.ended,
        "progress": live.fraction if live else None,
        "eta": live.eta if live else None,
        "live_preview": f"data:image/jpeg;base64,{base64.b64encode(preview).decode()}" if preview else None,
        "id_live_preview": live.previews if live else -1,
        "textinfo": "Waiting..." if live and live.began is None else None,
    }
