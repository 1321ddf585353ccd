"""/agent-scheduler/v1: the queue under the names of the agent-scheduler extension, for tools that know it.

Tasks are the caller's jobs, told by their ids. Addresses that the extension would call are not called.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, BeforeValidator, Field

from modules.api.audit_log import note
from modules.api.generate import begin_generation
from modules.api.queue import listed_jobs
from modules.api.requests import Img2ImgRequest, Txt2ImgRequest, normalise_request, understood_img2img
from modules.api.routing import account, owner, router
from modules.app.app import App
from modules.app.jobs import OPEN, PAUSED
from modules.base.accounts import Role
from modules.base.errors import Invalid
from modules.base.limits import MAX_PATH, Id, Name
from modules.requests.again import INPUT_FIELDS, run_again
from modules.requests.saving_by_hand import pictures_there
from modules.store.jobs import DONE, ENDED, FAILED, INTERRUPTED, QUEUED, RUNNING, JobRecord

STATUSES = {QUEUED: "pending", RUNNING: "running", DONE: "done", FAILED: "failed", INTERRUPTED: "interrupted"}
SCHEDULER_PREFIX = "/agent-scheduler/v1"
TOP, BOTTOM = "top", "bottom"      # in place of a task that another one is moved to

Offset = Annotated[int, Query(ge=0, le=10_000_000)]
TaskLimit = Annotated[int, Query(ge=1, le=200)]
Callback = Annotated[
    str, Field(max_length=MAX_PATH, json_schema_extra={"maxLength": 0},
               description="Must be empty, since nothing is called from here: ask for the task from time to time."),
]
HistoryStatus = Annotated[str, Query(max_length=20, description="done, failed or interrupted; else all of them.")]


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """What the extension adds to A1111's requests."""

    checkpoint: Name | None = None
    vae: Name | None = None
    callback_url: Callback | None = None


@dataclass(frozen=True, kw_only=True)
class Txt2ImgTask(TaskOptions, Txt2ImgRequest):
    """A txt2img request to be queued."""


@dataclass(frozen=True, kw_only=True)
class Img2ImgTask(TaskOptions, Img2ImgRequest):
    """An img2img request to be queued."""


Txt2ImgTaskBody = Annotated[Txt2ImgTask, BeforeValidator(normalise_request), Body()]
Img2ImgTaskBody = Annotated[Img2ImgTask, BeforeValidator(understood_img2img), Body()]


class TaskQueued(BaseModel):
    task_id: str


class TaskMessage(BaseModel):
    success: bool = True
    message: str


def routes(app: App) -> APIRouter:
    api, whole = router("agent-scheduler", SCHEDULER_PREFIX, Role.GUEST), APIRouter()
    add_asking(api, app)
    add_telling(api, app)
    add_changing(api, app)
    whole.include_router(api)
    whole.include_router(pausing(app))
    return whole


def add_asking(api: APIRouter, app: App) -> None:
    @api.post("/queue/txt2img")
    async def queue_txt2img(body: Txt2ImgTaskBody, request: Request) -> TaskQueued:
        """Queue a txt2img request, which is saved in the outputs; the answer is its id."""
        return await queued(app, body, request)

    @api.post("/queue/img2img")
    async def queue_img2img(body: Img2ImgTaskBody, request: Request) -> TaskQueued:
        """Queue an img2img request."""
        return await queued(app, body, request)

    @api.post("/task/{job}/requeue")
    def requeue(job: Id, request: Request) -> TaskMessage:
        """Queue an ended task again, as it was."""
        run_again(app, app.jobs.get(job, owner(request)), account(request), new_seed=False)
        return TaskMessage(message="Task requeued")


async def queued(app: App, body: Txt2ImgTask | Img2ImgTask, request: Request) -> TaskQueued:
    if body.callback_url:
        raise Invalid("Addresses are not called from here.", "Ask for the task from time to time.", "callback_url")
    chosen = {"sd_model_checkpoint": body.checkpoint, "sd_vae": body.vae}
    overrides = {name: value for name, value in chosen.items() if value}
    body = replace(body, save_images=True, override_settings={**body.override_settings, **overrides})
    return TaskQueued(task_id=(await begin_generation(app, body, account(request))).job)


def add_telling(api: APIRouter, app: App) -> None:
    @api.get("/queue")
    def waiting(request: Request, limit: TaskLimit = 20, offset: Offset = 0) -> dict[str, Any]:
        """The caller's unfinished tasks, in the order of their start."""
        records, total = listed_jobs(app, owner(request), [RUNNING, QUEUED], range(offset, offset + limit), [])
        running = app.queue.unfinished(owner(request), (RUNNING,))
        return {
            "current_task_id": running[0] if running else None,
            "pending_tasks": [told(record, place) for place, record in enumerate(records, offset)],
            "total_pending_tasks": total,
            "paused": app.jobs.mode != OPEN,
        }

    @api.get("/history")
    def history(
        request: Request, status: HistoryStatus = "", limit: TaskLimit = 20, offset: Offset = 0
    ) -> dict[str, Any]:
        """The caller's ended tasks, newest first."""
        states = [status] if status in ENDED else sorted(ENDED)
        records, total = listed_jobs(app, owner(request), states, range(offset, offset + limit), [])
        return {"tasks": [told(record) for record in records], "total": total}

    @api.get("/task/{job}")
    def task(job: Id, request: Request) -> dict[str, Any]:
        """A task."""
        record = app.jobs.get(job, owner(request))
        return {"success": True, "data": told(record, place_among_waiting(app, record))}

    @api.get("/task/{job}/position")
    def position(job: Id, request: Request) -> dict[str, Any]:
        """The number of the caller's tasks before one that waits."""
        record = app.jobs.brief(job, owner(request))
        place = place_among_waiting(app, record)
        return {"success": True, "data": {"status": STATUSES[record.state], "position": place}}

    @api.get("/task/{job}/results")
    @api.get("/results/{job}", deprecated=True)
    def results(job: Id, request: Request) -> dict[str, Any]:
        """The pictures of a task that is done, each in base64 with its generation data."""
        record = app.jobs.get(job, owner(request))
        if record.state != DONE:
            return {"success": False, "message": f"Task is {STATUSES[record.state]}"}
        return {"success": True, "data": [
            {"image": base64.b64encode(Path(each.path).read_bytes()).decode(), "infotext": each.infotext}
            for each in pictures_there(record.pictures)
        ]}


def told(record: JobRecord, position: int | None = None) -> dict[str, Any]:
    """Return a job as a task; pictures in `result` are told by their addresses."""
    apart = {*INPUT_FIELDS, "script_args"}
    params = {name: value for name, value in record.params.items() if name not in apart}
    created = round(record.created * 1000)
    return {
        "id": record.id, "api_task_id": None, "api_task_callback": None, "name": None, "type": record.kind,
        "status": STATUSES[record.state], "priority": record.place, "position": position, "bookmarked": False,
        "params": {**params, "checkpoint": record.settings.get("sd_model_checkpoint")},
        "result": json.dumps(result_of(record)) if record.ended else None,
        "created_at": created, "updated_at": created,
    }


def result_of(record: JobRecord) -> Mapping[str, Any]:
    return {
        "images": [f"/easel/v1/jobs/{record.id}/pictures/{each.index}" for each in record.pictures],
        "infotexts": [each.infotext for each in record.pictures],
        **({"error": record.error} if record.error else {}),
    }


def place_among_waiting(app: App, record: JobRecord) -> int | None:
    waiting = app.queue.unfinished(record.owner, (QUEUED,))
    return waiting.index(record.id) if record.id in waiting else None


def add_changing(api: APIRouter, app: App) -> None:
    @api.post("/task/{job}/run")
    def run(job: Id, request: Request) -> TaskMessage:
        """Put a waiting task before the caller's others."""
        move_task(app, job, TOP, owner(request))
        return TaskMessage(message="Task is scheduled to run next")

    @api.post("/task/{job}/move/{over}")
    def move(job: Id, over: Id, request: Request) -> TaskMessage:
        """Put a waiting task before another one, or in place of its id at the `top` or the `bottom`."""
        move_task(app, job, over, owner(request))
        return TaskMessage(message="Task moved")

    @api.delete("/task/{job}")
    def delete(job: Id, request: Request) -> TaskMessage:
        """Interrupt a task at work, cancel one that waits, take an ended one out of the history."""
        record = app.jobs.brief(job, owner(request))
        if record.ended:
            app.queue.hide(record.id)
        else:
            app.jobs.interrupt(record.id)
        return TaskMessage(message="Task interrupted" if record.state == RUNNING else "Task deleted")

    @api.post("/queue/clear")
    def clear_queue(request: Request) -> TaskMessage:
        """Cancel all of the caller's tasks that wait."""
        for job in app.queue.unfinished(owner(request), (QUEUED,)):
            app.jobs.interrupt(job)
        return TaskMessage(message="Queue cleared.")

    @api.post("/history/clear")
    def clear_history(request: Request) -> TaskMessage:
        """Take all of the caller's ended tasks out of the history. Their pictures stay."""
        app.queue.clear(owner(request), ENDED)
        return TaskMessage(message="History cleared.")


def move_task(app: App, job: str, over: str, owner: str) -> None:
    """Move a waiting job of an owner. Raises UnknownName or Conflict."""
    app.jobs.brief(job, owner)
    others = [each for each in app.queue.unfinished(owner, (QUEUED,)) if each != job]
    before = {TOP: others[0] if others else "", BOTTOM: ""}.get(over, over)
    app.queue.move(job, before, owner)


def pausing(app: App) -> APIRouter:
    """Return the routes of the administrator."""
    api = router("agent-scheduler", SCHEDULER_PREFIX, Role.ADMINISTRATOR)

    async def set_mode(request: Request, mode: str) -> TaskMessage:
        await asyncio.to_thread(app.queue.set_mode, mode)
        await note(app, request, owner(request), f"set the queue to {mode}")
        return TaskMessage(message="Queue paused." if mode == PAUSED else "Queue resumed.")

    @api.post("/queue/pause")
    @api.post("/pause", deprecated=True)
    async def pause(request: Request) -> TaskMessage:
        """Pause the whole queue: tasks are taken and none is begun. For the administrator."""
        return await set_mode(request, PAUSED)

    @api.post("/queue/resume")
    @api.post("/resume", deprecated=True)
    async def resume(request: Request) -> TaskMessage:
        """Let the queue go on. For the administrator."""
        return await set_mode(request, OPEN)

    return api
