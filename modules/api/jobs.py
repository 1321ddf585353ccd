"""/easel/v1: jobs started and followed by id, for the page and for programs.

Another owner's job does not exist for the caller.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from annotated_types import MaxLen
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from modules.api.event_stream import EventResponse
from modules.api.job_events import job_events
from modules.api.routing import KnownFields, account, owner, router, sent_as, words_pattern
from modules.app.app import App
from modules.base.accounts import Account, Role
from modules.base.limits import MAX_ITEMS, Id, Index, JsonList, JsonObject, Name
from modules.engine.messages import HALF_MADE, NSFW_DETECTED, RETURNED, UNRETURNED, WITHHELD
from modules.requests.form import read_submission
from modules.requests.kinds import JOB_KINDS
from modules.requests.page_values import with_page_values
from modules.requests.submit import Submission, submit
from modules.store.jobs import GRID, PICTURES, JobRecord

MOST_LISTED_PICTURES = 100      # of each job, in a list of jobs

Kinds = Annotated[str, Query(
    pattern=words_pattern(JOB_KINDS.names), max_length=500,
    description="Kinds of jobs with commas between; without, all.",
)]


class ChosenScript(KnownFields):
    name: Name
    arguments: JsonObject = Field({}, description="By name; what is not given is as usual.")


class JobRequest(KnownFields):
    """A request of the page or of a program.

    Fields that are not given are as on the page: the model's own defaults.
    """

    kind: Name = Field(json_schema_extra={"enum": [*JOB_KINDS.names]})
    fields: Annotated[dict[Name, Any], MaxLen(MAX_ITEMS)] = Field({}, description="The request's fields by name.")
    settings: JsonObject = Field(
        {}, description="Settings for this job alone, by name: the checkpoint, the VAE, any other."
    )
    script: ChosenScript | None = Field(
        None, description="A script of txt2img or img2img, in place of script_name and script_args."
    )
    extensions: Annotated[dict[Name, JsonList], MaxLen(MAX_ITEMS)] = Field(
        {}, description="By an extension's script's title, what its controls in the page hold, in their order."
    )
    save: bool = Field(True, description="Also write the pictures to the server's outputs folder.")


class JobStarted(BaseModel):
    job: str                # its id
    notes: list[str]        # remarks on fields that were ignored or changed


def submission_of(app: App, body: JobRequest, caller: Account) -> Submission:
    """Return what a body asks for, without what extensions' controls hold. Raises as `read_submission` does."""
    script = (body.script.name, body.script.arguments) if body.script else None
    asked = read_submission(app, caller, body.kind, body.fields, body.settings, script)
    return replace(asked, save=body.save)


def routes(app: App) -> APIRouter:
    api = router("jobs", "/easel/v1", Role.GUEST)

    @api.post("/jobs")
    def start(body: JobRequest, request: Request) -> JobStarted:
        """Start a job and answer its id at once. An error names the field."""
        asked = with_page_values(app, account(request), submission_of(app, body, account(request)), body.extensions)
        submitted = submit(app, asked, account(request))
        return JobStarted(job=submitted.job, notes=list(submitted.notes))

    @api.get("/jobs")
    def recent(
        request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 20, kinds: Kinds = ""
    ) -> list[dict[str, Any]]:
        """The caller's newest jobs, newest first, each with its newest pictures."""
        found = app.jobs.store.recent(
            owner(request), limit, MOST_LISTED_PICTURES, [kind for kind in kinds.split(",") if kind]
        )
        return [job_json(app, record, brief=True) for record in found]

    @api.get("/jobs/{job}", response_model=dict[str, Any])
    def get(job: Id, request: Request, newest: Index = 0) -> Response:
        """A job with all its pictures, or the `newest` few."""
        # a plain response, since it is polled several times a second
        return JSONResponse(job_json(app, app.jobs.brief(job, owner(request), newest or None)))

    @api.get("/jobs/{job}/events", **sent_as("text/event-stream"))
    async def events(job: Id, request: Request, newest: Index = 0) -> StreamingResponse:
        """Server-sent events: the job as GET returns it, again after each change; the last one is its end."""
        account_name = owner(request)
        found = (await asyncio.to_thread(app.jobs.brief, job, account_name)).id

        def look() -> dict[str, Any]:
            return job_json(app, app.jobs.brief(found, account_name, newest or None))

        return EventResponse(app.streams, account_name, job_events(app.jobs.unfinished, found, look))

    @api.get("/jobs/{job}/preview", **sent_as("image/jpeg", none="There is none yet, or none any more"))
    def preview(job: Id, request: Request) -> Response:
        """The newest preview of the job, JPEG; nothing before the first one and after the job's end."""
        live = app.jobs.unfinished.live.get(app.jobs.brief(job, owner(request)).id)
        if live is None or not live.preview:      # asked for just as it ended: no error
            return Response(status_code=204)
        return Response(live.preview, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @api.post("/jobs/{job}/interrupt", status_code=204)
    def interrupt(job: Id, request: Request) -> None:
        app.jobs.interrupt(app.jobs.brief(job, owner(request)).id)

    @api.post("/jobs/{job}/skip", status_code=204)
    def skip(job: Id, request: Request) -> None:
        app.jobs.skip(app.jobs.brief(job, owner(request)).id)

    return api


def job_json(app: App, record: JobRecord, brief: bool = False) -> dict[str, Any]:
    """Return a job for the page and for programs; `brief` leaves out each picture's generation data."""
    live, waiting = app.jobs.unfinished.live.get(record.id), app.queue.waiting(record)
    base = f"/easel/v1/jobs/{record.id}"
    return {
        "id": record.id,
        "kind": record.kind,
        "state": record.state,
        "error": record.error,
        "warnings": record.warnings,
        "ahead": waiting.ahead,
        "wait": waiting.seconds,
        "paused": record.paused,
        "step": live.step if live else 0,
        "steps": live.steps if live else 0,
        "fraction": live.fraction if live else float(record.ended),
        "eta": live.eta if live else None,
        "seconds": record.seconds,
        "preview": f"{base}/preview?n={live.previews}" if live and live.preview else None,
        "params": record.params,
        "asked": live.pictures if live else record.asked,
        "made": record.made,
        "pictures": [
            {
                "index": picture.index,
                "kind": picture.kind,
                "url": f"{base}/pictures/{picture.index}",
                "returned": [
                    f"{base}/pictures/{picture.index}/returned/{place}"
                    for place, _ in enumerate(picture.facts.get(RETURNED, ()))
                ],
                "seed": picture.facts.get("seed"),
                "saved": picture.saved,
                "whole": not picture.facts.get(HALF_MADE, False),
                NSFW_DETECTED: picture.facts.get(NSFW_DETECTED),
                WITHHELD: picture.facts.get(WITHHELD),
                **({} if brief else {"infotext": picture.infotext}),
            }
            for picture in record.pictures if not (picture.kind == GRID and picture.facts.get(UNRETURNED))
        ],
        "outputs": [
            {"index": output.index, "kind": output.kind, "name": Path(output.path).name, "facts": output.facts}
            for output in record.outputs
            if output.kind not in PICTURES
        ],
    }
