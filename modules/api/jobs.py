"""/easel/v1: jobs by id, for the page and for programs. Somebody else's job is one that does not exist."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field

from modules.api.routing import owner, router
from modules.app.app import App
from modules.base.errors import UnknownName
from modules.base.limits import Id
from modules.engine.jobs import RETURNED
from modules.settings.choices import MODEL_SETTINGS
from modules.store.jobs import JobRecord
from modules.tasks.model_choice import checkpoint_named, form_start, standing_choice
from modules.tasks.patterns import OUTPUTS
from modules.tasks.saving_by_hand import save_by_hand

MOST_PICTURES = 100      # of each job, in a list of jobs
SOUND = "notification.mp3"      # in the data folder, where A1111 has it


class SaveBody(BaseModel):
    index: int = Field(ge=0, description="The picture's; with save_selected_only off, all pictures of the job are saved.")


class SaveReply(BaseModel):
    files: list[str]      # where the copies are, below the folder of outputs


def routes(app: App) -> APIRouter:
    api, logging = router("jobs", "/easel/v1"), Lock()

    @api.get("/state")
    def state(request: Request, checkpoint: Annotated[str, Query(max_length=500)] = "") -> dict[str, Any]:
        """The model in memory, the queue, and what the forms should hold with that checkpoint, or with the caller's; `sound` is how loud
        a job's end is, from 0 to 1."""
        told, choice = app.jobs.state, standing_choice(app, owner(request))
        return {
            "model": {"loading": told.loading, "loaded": told.loaded, "error": told.error},
            "queue": len(app.jobs.running()),
            "sound": sound_volume(app),
            "choice": choice,
            **form_start(app, checkpoint_named(app, checkpoint or choice["sd_model_checkpoint"] or "")),
        }

    @api.post("/choice", status_code=204)
    def choose(values: Annotated[dict[str, Any], Body(max_length=len(MODEL_SETTINGS))], request: Request) -> None:
        """Remember the caller's model, VAE or clip skip, for the next page they open. The server's settings stay as they are."""
        if name := values.get("sd_model_checkpoint"):
            app.models.checkpoints.find(str(name))
        app.choices.remember(owner(request), values)

    @api.get("/jobs")
    def recent(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> list[dict[str, Any]]:
        """The caller's newest jobs, newest first, each with its newest pictures."""
        return [described(app, record, brief=True) for record in app.jobs.store.recent(owner(request), limit, MOST_PICTURES)]

    @api.get("/jobs/{job}", response_model=dict[str, Any])
    def get(job: Id, request: Request, newest: Annotated[int, Query(ge=0)] = 0) -> Response:
        """With all its pictures, or the `newest` few."""
        return JSONResponse(described(app, app.jobs.brief(job, owner(request), newest or None)))      # plain data, asked several times a second

    @api.get("/jobs/{job}/preview")
    def preview(job: Id, request: Request) -> Response:
        """The newest look at a picture in the making, JPEG."""
        app.jobs.brief(job, owner(request))
        live = app.jobs.live.get(job)
        if live is None or not live.preview:
            raise UnknownName("preview", job, [])
        return Response(live.preview, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @api.get("/jobs/{job}/pictures/{index}")
    def picture(job: Id, index: int, request: Request) -> FileResponse:
        """A finished picture's file."""
        found = app.jobs.store.picture(app.jobs.brief(job, owner(request)).id, index)
        if found and Path(found.path).is_file():
            return FileResponse(found.path, filename=Path(found.path).name, content_disposition_type="inline")
        raise UnknownName("picture", str(index), [])

    @api.get("/jobs/{job}/pictures/{index}/returned/{place}")
    def returned(job: Id, index: int, place: int, request: Request) -> FileResponse:
        """A file that is shown with a picture: its mask, or what was painted in that."""
        of_it = [path for found in app.jobs.get(job, owner(request)).pictures if found.index == index for path in found.facts.get(RETURNED, ())]
        if 0 <= place < len(of_it) and Path(of_it[place]).is_file():
            return FileResponse(of_it[place], filename=Path(of_it[place]).name, content_disposition_type="inline")
        raise UnknownName("picture", f"{index}-{place}", [])

    @api.post("/jobs/{job}/save")
    def save(job: Id, body: SaveBody, request: Request) -> SaveReply:
        """Copy a picture into the folder of those saved by hand, and list it there in log.csv, as the settings have it."""
        outputs = app.flags.paths.outputs
        copies = save_by_hand(app.jobs.get(job, owner(request)), body.index, app.settings.current, outputs, logging)
        return SaveReply(files=[f"{OUTPUTS}/{path.relative_to(outputs).as_posix()}" for path in copies])

    @api.post("/jobs/{job}/interrupt", status_code=204)
    def interrupt(job: Id, request: Request) -> None:
        app.jobs.interrupt(app.jobs.brief(job, owner(request)).id)

    @api.post("/jobs/{job}/skip", status_code=204)
    def skip(job: Id, request: Request) -> None:
        app.jobs.skip(app.jobs.brief(job, owner(request)).id)

    @api.get("/notification.mp3")
    def sound() -> FileResponse:
        """What the page plays when a job has ended, if such a file is in the data folder."""
        if sound_file(app).is_file():
            return FileResponse(sound_file(app))
        raise UnknownName("sound", SOUND, [])

    return api


def sound_file(app: App) -> Path:
    return app.flags.paths.data_dir / SOUND


def sound_volume(app: App) -> float | None:
    """From 0 to 1; None where no sound is wanted or there is none."""
    settings = app.settings.current
    return settings.notification_volume / 100 if settings.notification_audio and sound_file(app).is_file() else None


def described(app: App, record: JobRecord, brief: bool = False) -> dict[str, Any]:
    """A job as the page and programs follow it; `brief` leaves out each picture's generation data."""
    live = app.jobs.live.get(record.id)
    base = f"/easel/v1/jobs/{record.id}"
    return {
        "id": record.id,
        "kind": record.kind,
        "state": record.state,
        "error": record.error,
        "warnings": record.warnings,
        "ahead": app.jobs.ahead_of(record.id) if live else 0,
        "step": live.step if live else 0,
        "steps": live.steps if live else 0,
        "fraction": live.fraction if live else float(record.ended),
        "eta": live.eta if live else None,
        "preview": f"{base}/preview?n={live.previews}" if live and live.preview else None,
        "params": record.params,
        "asked": live.pictures if live else record.asked,
        "made": record.made,
        "pictures": [
            {
                "index": picture.index,
                "url": f"{base}/pictures/{picture.index}",
                "returned": [f"{base}/pictures/{picture.index}/returned/{place}" for place, _ in enumerate(picture.facts.get(RETURNED, ()))],
                "seed": picture.facts.get("seed"),
                "saved": picture.saved,
                **({} if brief else {"infotext": picture.infotext}),
            }
            for picture in record.pictures
        ],
    }
