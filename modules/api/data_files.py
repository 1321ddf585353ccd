"""/easel/v1/data: picture files that are sent to be read and edited, and files as downloads."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from pydantic import AfterValidator, WithJsonSchema

from modules.api.cards import count_pixels
from modules.api.routing import FileRoute, account, owner, router, sent_as
from modules.app.app import App
from modules.app.kept_inputs import keep_file
from modules.base.accounts import Role
from modules.base.border import outcome
from modules.base.limits import MAX_NAME
from modules.imaging.folders import content_of
from modules.metadata.formats import metadata_format
from modules.requests.picture_refs import REF_PATTERN, UPLOAD_REF, PictureFile, checked_ref, find_picture

MOST_EDITED = 500      # pictures in one request
SENT_KINDS = {"PNG": "png", "JPEG": "jpg", "WebP": "webp", "AVIF": "avif"}      # endings of names
FILE_BODY = {"requestBody": {"required": True, "content": {"image/*": {}}}}
Ref = Annotated[
    str, AfterValidator(checked_ref), WithJsonSchema({
        "type": "string", "pattern": REF_PATTERN, "description": "job:<id>/<index>, library:<id> or upload:<hash>.",
    }),
]
PictureRef = Annotated[Ref, Query()]


def routes(app: App) -> APIRouter:
    api = router("data", "/easel/v1/data", Role.GUEST, FileRoute)

    @api.post("/files", openapi_extra=FILE_BODY)
    async def files(request: Request) -> dict[str, str]:
        """Keep a picture's file as it is for some days, for its data to be read and edited."""
        content = await request.body()
        async with app.decoding.room(await asyncio.to_thread(count_pixels, content)):
            digest = await asyncio.to_thread(keep_file, app, account(request), content)
        return {"picture": f"{UPLOAD_REF}:{digest}"}

    @api.get("/file", **sent_as("application/octet-stream"))
    async def file(
        picture: PictureRef, request: Request, name: Annotated[str, Query(max_length=MAX_NAME)] = ""
    ) -> FileResponse:
        """A picture's file as it is, to be kept under that name."""
        found = await asyncio.to_thread(find_picture, app, owner(request), picture)
        called = name or await asyncio.to_thread(lambda: shown_file_name(found, content_of(found.path)))
        return FileResponse(found.path, filename=called, media_type="application/octet-stream")

    return api


def is_editable(content: bytes) -> bool:
    return not isinstance(outcome(metadata_format, content), Exception)


def shown_file_name(found: PictureFile, content: bytes) -> str:
    """Return a picture's name; one that was sent is called by what it is."""
    if found.name:
        return found.name
    known = outcome(metadata_format, content)
    ending = "bin" if isinstance(known, Exception) else SENT_KINDS[known.name]
    return f"picture.{ending}"
