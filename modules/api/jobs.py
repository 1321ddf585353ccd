"""/easel/v1: jobs by id, for the page and for programs. Somebody else's job is one that does not exist."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from modules.api.options import chosen
from modules.api.routing import owner, router
from modules.app.app import App
from modules.app.jobs import pictures_of
from modules.base.errors import UnknownName
from modules.base.fields import form_defaults
from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.store.jobs import JobRecord

FORMS = {"txt2img": Txt2Img, "img2img": Img2Img}
LISTS = frozenset({"batch", "images", "infotexts", "script_args"})      # as long as a folder has files, and of no use to whoever follows a job


def routes(app: App) -> APIRouter:
    api = router("jobs", "/easel/v1")

    @api.get("/state")
    def state() -> dict[str, Any]:
        """The model, the queue, and what the form should start with."""
        told, checkpoint = app.jobs.state, chosen(app)
        sidecar = checkpoint.sidecar if checkpoint else {}
        return {
            "model": {"loading": told.loading, "loaded": told.loaded, "error": told.error},
            "queue": len(app.jobs.running()),
            "defaults": {tab: form_defaults(form) | known_defaults(form, sidecar.get("defaults")) for tab, form in FORMS.items()},
            "examples": sidecar.get("examples", []),
        }

    @api.get("/jobs")
    def recent(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> list[dict[str, Any]]:
        """The caller's newest jobs, newest first."""
        return [described(app, record, brief=True) for record in app.jobs.store.recent(owner(request), limit)]

    @api.get("/jobs/{job}")
    def get(job: str, request: Request, newest: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        """With all its pictures, or the `newest` few."""
        return described(app, app.jobs.get(job, owner(request)), newest=newest)

    @api.get("/jobs/{job}/preview")
    def preview(job: str, request: Request) -> Response:
        """The newest look at a picture in the making, JPEG."""
        app.jobs.get(job, owner(request))
        live = app.jobs.live.get(job)
        if live is None or not live.preview:
            raise UnknownName("preview", job, [])
        return Response(live.preview, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @api.get("/jobs/{job}/pictures/{index}")
    def picture(job: str, index: int, request: Request) -> FileResponse:
        """A finished picture's file."""
        for found in app.jobs.get(job, owner(request)).pictures:
            if found.index == index and Path(found.path).is_file():
                return FileResponse(found.path, filename=Path(found.path).name, content_disposition_type="inline")
        raise UnknownName("picture", str(index), [])

    @api.post("/jobs/{job}/interrupt", status_code=204)
    def interrupt(job: str, request: Request) -> None:
        app.jobs.interrupt(app.jobs.get(job, owner(request)).id)

    @api.post("/jobs/{job}/skip", status_code=204)
    def skip(job: str, request: Request) -> None:
        app.jobs.skip(app.jobs.get(job, owner(request)).id)

    return api


def known_defaults(form: type, values: Any) -> dict[str, Any]:
    """A model's suggestions, those that name a field."""
    names = {field.name for field in fields(form)}
    return {name: value for name, value in values.items() if name in names} if isinstance(values, dict) else {}


def described(app: App, record: JobRecord, brief: bool = False, newest: int = 0) -> dict[str, Any]:
    """newest: of how many pictures it tells; 0 is all"""
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
        "params": {name: value for name, value in record.params.items() if name not in LISTS},
        "asked": live.pictures if live else pictures_of(record.params),
        "made": len(record.pictures),
        "pictures": [
            {
                "index": picture.index,
                "url": f"{base}/pictures/{picture.index}",
                "seed": picture.facts.get("seed"),
                "saved": picture.saved,
                **({} if brief else {"infotext": picture.infotext}),
            }
            for picture in record.pictures[-newest:]
        ],
    }
