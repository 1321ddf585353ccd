"""/easel/v1/data: edits of pictures' data, previewed, saved and undone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from annotated_types import MaxLen
from fastapi import APIRouter, Request
from pydantic import Field

from modules.api.data_files import MOST_EDITED, Ref
from modules.api.routing import KnownFields, account, owner, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.border import outcome
from modules.base.limits import MAX_INFOTEXT, MAX_ITEMS, MAX_NAME, MAX_SETTING, JsonObject, Name
from modules.imaging.folders import content_of
from modules.imaging.thumbnail import picture_pixels
from modules.metadata.contents import picture_contents
from modules.requests.data_compare import compared_rows, plot_preset
from modules.requests.data_edit import STRIPPED, DataEdit, Replacement, strip_row
from modules.requests.data_saving import DataSaving
from modules.requests.picture_refs import find_picture

MOST_EXPRESSION = 500      # characters of what is found

Stripped = Annotated[Name, Field(json_schema_extra={"enum": [*STRIPPED]})]
RefList = Annotated[list[Ref], Field(min_length=1, max_length=MOST_EDITED)]


class ReplaceBody(KnownFields):
    find: str = Field(min_length=1, max_length=MOST_EXPRESSION)
    with_text: str = Field("", alias="with", max_length=MAX_SETTING)
    regex: bool = Field(False, description="find is a regular expression, with is its template.")
    keys: list[Name] = Field(
        [], alias="in", max_length=MAX_ITEMS, description="Fields, settings or keys to look in; without any, in all."
    )


class EditBody(KnownFields):
    infotext: str | None = Field(None, max_length=MAX_INFOTEXT, description="Generation data instead of all of these.")
    fields: JsonObject = Field({}, description="Fields by name, or pairs by key; null takes one away.")
    settings: JsonObject = {}
    unset: list[Name] = Field([], max_length=MAX_ITEMS, description="Fields or keys to take away.")
    texts: dict[Name, Annotated[str, MaxLen(MAX_INFOTEXT)] | None] = Field(
        {}, max_length=MAX_ITEMS, description="Other texts by keyword; null takes one away."
    )
    descriptive: JsonObject = Field({}, description="title, author, copyright, rating, description, keywords.")
    replace: list[ReplaceBody] = Field([], max_length=100)
    strip: list[Stripped] = Field([], max_length=len(STRIPPED))
    copy_from: Literal[""] | Ref = Field("", description="A picture whose generation data are taken.")
    convert_from: str = Field("", max_length=MAX_NAME, description="A program whose data are converted.")


class EditedPictures(KnownFields):
    pictures: RefList
    edit: EditBody


class SaveEditBody(EditedPictures):
    revisions: dict[Ref, Name] = Field(
        {}, max_length=MOST_EDITED, description="By picture, the revision that was looked at: another is not edited."
    )
    as_copy: bool = False


class PicturesBody(KnownFields):
    pictures: RefList


class ComparedBody(KnownFields):
    pictures: list[Ref] = Field(min_length=2, max_length=20)


class HistoryBody(KnownFields):
    pictures: RefList | None = Field(None, description="Without any, the whole history is emptied.")


def routes(app: App) -> APIRouter:
    api = router("data", "/easel/v1/data", Role.GUEST)

    def saving(request: Request) -> DataSaving:
        return DataSaving(app, account(request))

    async def each_picture(
        request: Request, pictures: list[str], do: Callable[[str], dict[str, Any]]
    ) -> dict[str, Any]:
        """Do something with each picture, once there is room to decode the largest: a refusal comes before all."""
        async with app.decoding.room(await asyncio.to_thread(named_pixels, app, owner(request), pictures)):
            return {"pictures": [await asyncio.to_thread(do, ref) for ref in dict.fromkeys(pictures)]}

    @api.post("/preview")
    async def preview(body: EditedPictures, request: Request) -> dict[str, Any]:
        """What an edit would change in each picture; nothing is written."""
        edit, mine = await asyncio.to_thread(read_edit, app, owner(request), body.edit), saving(request)
        return await each_picture(request, body.pictures, lambda ref: mine.preview(ref, edit))

    @api.post("/save")
    async def save(body: SaveEditBody, request: Request) -> dict[str, Any]:
        """Write an edit to pictures' files, or to copies of them; no byte of a picture changes."""
        edit, mine = await asyncio.to_thread(read_edit, app, owner(request), body.edit), saving(request)
        return await each_picture(
            request, body.pictures, lambda ref: mine.save(ref, edit, body.revisions.get(ref, ""), body.as_copy)
        )

    @api.post("/undo")
    async def undo(body: PicturesBody, request: Request) -> dict[str, Any]:
        """Take the last edit of each picture back."""
        return await each_picture(request, body.pictures, saving(request).undo)

    @api.post("/history/empty")
    async def empty_history(body: HistoryBody, request: Request) -> dict[str, int]:
        """Forget what pictures' data were before their edits."""
        return {"forgotten": await asyncio.to_thread(saving(request).forget, body.pictures)}

    @api.post("/repair")
    async def repair(body: PicturesBody, request: Request) -> dict[str, Any]:
        """Pictures of the library that are the same, by pixels or by looks, whose data a picture may have lost."""
        return await each_picture(request, body.pictures, saving(request).lost)

    @api.post("/compare")
    async def compare(body: ComparedBody, request: Request) -> dict[str, Any]:
        """Pictures' data side by side, and the X/Y/Z plot that leads from the first to the others."""
        async with app.decoding.room(await asyncio.to_thread(named_pixels, app, owner(request), body.pictures)):
            return await asyncio.to_thread(compared, app, owner(request), body.pictures)

    return api


def named_pixels(app: App, owner_name: str, refs: Iterable[str]) -> int:
    """Return the pixels of the largest picture; what is not there or cannot be read has none."""
    sizes = (outcome(lambda ref: picture_pixels(find_picture(app, owner_name, ref).path), ref) for ref in refs)
    return max((size for size in sizes if isinstance(size, int)), default=0)


def compared(app: App, owner_name: str, refs: list[str]) -> dict[str, Any]:
    """Return the comparison of pictures. Raises UnknownName, Invalid or InvalidImage."""
    pictures = [picture_contents(content_of(find_picture(app, owner_name, ref).path)) for ref in refs]
    preset = plot_preset([each.pasted for each in pictures])
    rows = [asdict(row) | {"differs": row.differs} for row in compared_rows(pictures)]
    return {"rows": rows, "preset": asdict(preset) if preset else None}


def read_edit(app: App, owner_name: str, body: EditBody) -> DataEdit:
    """Return an edit as sent. Raises UnknownName or Invalid for the picture to copy from."""
    for part in body.strip:
        strip_row(part)
    source = content_of(find_picture(app, owner_name, body.copy_from).path) if body.copy_from else None
    return DataEdit(
        source=source,
        program=body.convert_from,
        infotext=body.infotext,
        values={**body.fields, **dict.fromkeys(body.unset)},
        settings=body.settings,
        replacements=tuple(
            Replacement(each.find, each.with_text, each.regex, tuple(each.keys)) for each in body.replace
        ),
        texts=body.texts,
        descriptive=body.descriptive,
        strip=frozenset(body.strip),
    )
