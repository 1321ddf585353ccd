"""/easel/v1/data: all that pictures' files say of how they were made, read and edited."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from modules.api.cards import count_pixels
from modules.api.data_files import MOST_EDITED, PictureRef, Ref, is_editable, shown_file_name
from modules.api.library_files import ZIP_HEADERS
from modules.api.routing import KnownFields, account, owner, router, sent_as
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import MAX_INFOTEXT, MAX_ITEMS, MAX_NAME, JsonObject
from modules.gallery.bundles import zip_of
from modules.imaging.folders import content_of
from modules.params.infotext_edit import edited_infotext
from modules.requests.data_fields import DataParts, checked_changes, data_parts, written_data
from modules.requests.data_saving import DataSaving
from modules.requests.data_shown import notes_on_names, shown_contents, shown_parts
from modules.requests.picture_refs import find_picture

PairText = Annotated[str, Field(max_length=MAX_INFOTEXT)]


class TextBody(KnownFields):
    infotext: str | None = Field(
        None, max_length=MAX_INFOTEXT,
        description="Alone, it is split into its parts; with fields or settings, these are changed in it.",
    )
    tab: Literal["", "txt2img", "img2img", "extras"] = ""
    fields: JsonObject = {}
    settings: JsonObject = {}
    unknown: list[tuple[PairText, PairText]] = Field([], max_length=MAX_ITEMS)


class ZippedFile(KnownFields):
    picture: Ref
    name: str = Field(min_length=1, max_length=MAX_NAME, description="The file's name in the zip.")


class ZippedBody(KnownFields):
    pictures: list[ZippedFile] = Field(min_length=1, max_length=MOST_EDITED)


def routes(app: App) -> APIRouter:
    api = router("data", "/easel/v1/data", Role.GUEST)

    @api.get("")
    async def data(picture: PictureRef, request: Request) -> dict[str, Any]:
        """All that a picture's file says: generation data whole and as fields, other texts, EXIF, XMP, IPTC."""
        found = await asyncio.to_thread(find_picture, app, owner(request), picture)
        content = await asyncio.to_thread(content_of, found.path)
        async with app.decoding.room(await asyncio.to_thread(count_pixels, content)):
            shown = await asyncio.to_thread(shown_contents, content)
        standing = app.data_of(owner(request)).settings.current
        notes = await asyncio.to_thread(notes_on_names, shown["infotext"], app.models, standing)
        edits = await asyncio.to_thread(DataSaving(app, account(request)).history.of, shown["revision"])
        return shown | {
            "picture": found.ref,
            "name": shown_file_name(found, content),
            "editable": found.in_place and is_editable(content),
            "notes": [*shown["notes"], *notes],
            "history": [
                {"number": each.number, "at": local_time(each.at), "what": each.what} for each in edits
            ],
        }

    @api.post("/text")
    def text(body: TextBody) -> dict[str, Any]:
        """Generation data as their parts, or written of them: a form and its raw text kept in step."""
        tab = body.tab or data_parts(body.infotext or "").tab
        if body.infotext is None:
            return {"infotext": written_data(DataParts(tab, body.fields, body.settings, body.unknown))}
        if body.fields or body.settings:
            changes = checked_changes(body.infotext, tab, body.fields, body.settings)
            return shown_parts(edited_infotext(body.infotext, changes))
        return shown_parts(body.infotext)

    @api.post("/zip", **sent_as("application/zip"))
    def zipped(body: ZippedBody, request: Request) -> StreamingResponse:
        """Pictures' files as they are, as one zip."""
        who = owner(request)
        files = (
            (PurePosixPath(each.name.replace("/", "_")), partial(named_content, app, who, each.picture))
            for each in body.pictures
        )
        return StreamingResponse(zip_of(files), media_type="application/zip", headers=ZIP_HEADERS)

    return api


def named_content(app: App, owner_name: str, ref: str) -> bytes:
    return content_of(find_picture(app, owner_name, ref).path)


def local_time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")
