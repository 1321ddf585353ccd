"""/easel/v1/queue: the caller's jobs in order, and the operations on them.

Another owner's job does not exist for the caller, except that an administrator may cancel it.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field

from modules.api.audit_log import note
from modules.api.event_stream import EventResponse
from modules.api.jobs import job_json
from modules.api.queue_events import queue_events, queue_state
from modules.api.routing import KnownFields, account, owner, router, sent_as, words_pattern
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import UnknownName
from modules.base.limits import Id, Index
from modules.requests.again import input_names, recorded_form, run_again
from modules.requests.kinds import JOB_KINDS
from modules.store.jobs import DONE, ENDED, FAILED, INTERRUPTED, QUEUED, RUNNING, JobRecord

STATES = (QUEUED, RUNNING, DONE, INTERRUPTED, FAILED)
NEWEST_LISTED = 4      # pictures of each job in the list

States = Annotated[str, Query(
    pattern=words_pattern(STATES), max_length=100, description=f"Of {', '.join(STATES)}, with commas between."
)]
Start = Annotated[int, Query(ge=0, le=10_000_000, description="How many jobs to leave out at the beginning.")]
Limit = Annotated[int, Query(ge=1, le=200)]
EndedKinds = Annotated[str, Query(
    pattern=words_pattern(JOB_KINDS.names), max_length=500,
    description="Kinds of ended jobs with commas between; without, all.",
)]


class MoveBody(KnownFields):
    before: Id = Field("", description="A waiting job of yours that it is put before; empty is the end.")


class AgainBody(KnownFields):
    seed: Literal["same", "new"] = Field("same", description="The seeds that were used, or newly drawn ones.")


class ClearBody(KnownFields):
    states: list[Literal["done", "interrupted", "failed"]] = Field(
        ["done", "interrupted", "failed"], max_length=3,
        description="How the jobs ended that are taken out of the list.",
    )


class QueuedAgain(BaseModel):
    job: str      # the new one's id


class Cleared(BaseModel):
    cleared: int      # jobs that are not listed any more


def routes(app: App) -> APIRouter:
    api = router("queue", "/easel/v1/queue", Role.GUEST)
    add_listing(api, app)
    add_actions(api, app)
    return api


def add_listing(api: APIRouter, app: App) -> None:
    @api.get("")
    def listed(
        request: Request, states: States = f"{QUEUED},{RUNNING}", start: Start = 0, limit: Limit = 50,
        kinds: EndedKinds = "",
    ) -> dict[str, Any]:
        """The caller's jobs: running ones, waiting ones in the order of their start, then ended ones, newest first.

        `ahead` is the number of jobs of all accounts that start before a job; `wait` is the estimated number of seconds
        until it is done, if known.
        """
        wanted = [state for state in STATES if state in states.split(",")]
        of_kinds = [kind for kind in kinds.split(",") if kind]
        records, total = listed_jobs(app, owner(request), wanted, range(start, start + limit), of_kinds)
        counts = app.jobs.store.counts(owner(request))
        return {
            **queue_state(app, account(request)),
            "counts": {state: counts.get(state, 0) for state in STATES},
            "total": total,
            "jobs": [{**job_json(app, record, brief=True), "created": record.created} for record in records],
        }

    @api.get("/events", **sent_as("text/event-stream"))
    async def events(request: Request, limit: Annotated[int, Query(ge=0, le=10_000)] = 0) -> StreamingResponse:
        """Server-sent events: `revision` changes with the list, `running` is the progress of the caller's running jobs.

        The stream ends after `limit` events; 0 is never.
        """
        return EventResponse(app.streams, owner(request), queue_events(app, account(request), limit))

    @api.get("/{job}/request")
    def request_of(job: Id, request: Request) -> dict[str, Any]:
        """A job's request as form values: to change some of it, and ask again."""
        return recorded_form(app, app.jobs.get(job, owner(request)), account(request))

    @api.get("/{job}/inputs/{place}", **sent_as("image/png"))
    def input_picture(job: Id, place: Index, request: Request) -> FileResponse:
        """An input picture of the job, PNG; 404 if it was deleted."""
        names = input_names(app.jobs.get(job, owner(request)).params)
        folder = app.data_of(owner(request)).paths.inputs
        if 0 <= place < len(names) and (folder / names[place]).is_file():
            return FileResponse(folder / names[place], media_type="image/png")
        raise UnknownName("picture", str(place), [])


def add_actions(api: APIRouter, app: App) -> None:
    @api.post("/clear")
    def clear(body: ClearBody, request: Request) -> Cleared:
        """Remove ended jobs from the list. Their pictures stay."""
        return Cleared(cleared=app.queue.clear(owner(request), body.states))

    @api.post("/{job}/move", status_code=204)
    def move(job: Id, body: MoveBody, request: Request) -> None:
        """Put a waiting job before another one of yours, or at the end. The order survives a restart."""
        app.queue.move(job, body.before, owner(request))

    @api.post("/{job}/pause", status_code=204)
    def pause(job: Id, request: Request) -> None:
        """Pause a waiting job until it is resumed."""
        app.queue.pause(job, True, owner(request))

    @api.post("/{job}/resume", status_code=204)
    def resume(job: Id, request: Request) -> None:
        """Resume a paused job."""
        app.queue.pause(job, False, owner(request))

    @api.post("/{job}/cancel", status_code=204)
    async def cancel(job: Id, request: Request) -> None:
        """Cancel a job: a waiting one ends at once, a running one is interrupted and keeps its finished pictures.

        An ended job stays as it is. An administrator may cancel anybody's.
        """
        anybodys = account(request).role >= Role.ADMINISTRATOR
        record = await asyncio.to_thread(app.jobs.brief, job, None if anybodys else owner(request))
        await asyncio.to_thread(app.jobs.interrupt, record.id)
        if record.owner != owner(request):
            await note(app, request, owner(request), "cancelled a job of", record.owner)

    @api.post("/{job}/again")
    def again(job: Id, body: AgainBody, request: Request) -> QueuedAgain:
        """Ask for the same job again, with the same seeds or new ones."""
        record = app.jobs.get(job, owner(request))
        return QueuedAgain(job=run_again(app, record, account(request), body.seed == "new"))

    @api.post("/{job}/remove", status_code=204)
    def remove(job: Id, request: Request) -> None:
        """Remove an ended job from the list. Its pictures stay."""
        app.queue.hide(job, owner(request))


def listed_jobs(
    app: App, owner: str, states: list[str], part: range, kinds: list[str]
) -> tuple[list[JobRecord], int]:
    """Return a part of an account's jobs in these states, and the number of all.

    kinds: of those that have ended; empty is all kinds
    """
    unfinished = app.queue.unfinished(owner, states)
    records = [app.jobs.brief(job, owner, NEWEST_LISTED) for job in unfinished[part.start : part.stop]]
    ended, counts = [state for state in states if state in ENDED], app.jobs.store.counts(owner, kinds)
    total = len(unfinished) + sum(counts.get(state, 0) for state in ended)
    if ended and len(records) < len(part):
        from_ended = max(0, part.start - len(unfinished))
        page = len(part) - len(records), from_ended, NEWEST_LISTED
        records += app.jobs.store.history(owner, ended, *page, kinds)
    return records, total
