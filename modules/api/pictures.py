"""/easel/v1: the pictures of a job. Another owner's picture does not exist for the caller."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Lock

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from modules.api.routing import PICTURE_TYPES, KnownFields, account, owner, router, sent_as
from modules.app.app import App
from modules.app.storage import check_storage
from modules.base.accounts import Role
from modules.base.errors import UnknownName
from modules.base.limits import Id, Index
from modules.engine.messages import RETURNED
from modules.imaging.thumbnail import picture_pixels, thumbnail_jpeg
from modules.requests.patterns import OUTPUTS_PREFIX
from modules.requests.saving_by_hand import save_by_hand
from modules.settings.account_limits import account_limits


class SaveBody(KnownFields):
    index: Index = Field(description="The picture's; with save_selected_only off, all pictures of the job are saved.")


class SaveReply(BaseModel):
    files: list[str]      # where the copies are, below the folder of outputs


def routes(app: App) -> APIRouter:
    api, logging = router("jobs", "/easel/v1", Role.GUEST), Lock()

    @api.get("/jobs/{job}/pictures/{index}", **sent_as(*PICTURE_TYPES))
    def picture(job: Id, index: Index, request: Request) -> FileResponse:
        """A finished picture's file."""
        found = app.jobs.store.picture(app.jobs.brief(job, owner(request)).id, index)
        if found and Path(found.path).is_file():
            return FileResponse(found.path, filename=Path(found.path).name, content_disposition_type="inline")
        raise UnknownName("picture", str(index), [])

    @api.get("/jobs/{job}/pictures/{index}/thumbnail", **sent_as("image/jpeg"))
    async def thumbnail(job: Id, index: Index, request: Request) -> Response:
        """A finished picture as a small JPEG, its longer side 256 pixels."""
        found = await asyncio.to_thread(app.jobs.store.picture, app.jobs.brief(job, owner(request)).id, index)
        if not found or not Path(found.path).is_file():
            raise UnknownName("picture", str(index), [])
        async with app.decoding.room(await asyncio.to_thread(picture_pixels, Path(found.path))):
            content = await asyncio.to_thread(thumbnail_jpeg, Path(found.path))
        return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})

    @api.get("/jobs/{job}/pictures/{index}/returned/{place}", **sent_as(*PICTURE_TYPES))
    def returned(job: Id, index: Index, place: Index, request: Request) -> FileResponse:
        """A file shown with a picture: its mask, or the painting cut out by it."""
        of_it = [
            path
            for found in app.jobs.get(job, owner(request)).pictures
            if found.index == index
            for path in found.facts.get(RETURNED, ())
        ]
        if 0 <= place < len(of_it) and Path(of_it[place]).is_file():
            return FileResponse(of_it[place], filename=Path(of_it[place]).name, content_disposition_type="inline")
        raise UnknownName("picture", f"{index}-{place}", [])

    @api.post("/jobs/{job}/save")
    def save(job: Id, body: SaveBody, request: Request) -> SaveReply:
        """Copy a picture into the folder of pictures saved by hand, and list it in log.csv, as the settings have it."""
        mine, name = app.data_of(owner(request)), owner(request)
        record = app.jobs.get(job, name)
        check_storage(account_limits(app.settings.current, account(request).role.name), mine.outputs)
        copies = save_by_hand(record, body.index, mine.settings.current, mine.paths.outputs, logging)
        outputs = app.flags.paths.outputs
        return SaveReply(files=[f"{OUTPUTS_PREFIX}/{path.relative_to(outputs).as_posix()}" for path in copies])

    return api
