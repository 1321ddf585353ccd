"""/easel/v1/library: the caller's pictures, found by text, fields and place. Another account's do not exist."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathField
from fastapi.responses import FileResponse, StreamingResponse
from pydantic.config import JsonDict

from modules.api.cards import IMMUTABLE_CACHE
from modules.api.event_stream import EventResponse, record_events
from modules.api.routing import PICTURE_TYPES, owner, router, sent_as
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import MAX_PATH
from modules.gallery.gallery import Gallery
from modules.gallery.index import TAG_TRAIT, PictureRow
from modules.gallery.search import Wanted
from modules.params.infotext import split_infotext

LARGEST_ID = 2**53
FIRST_LIBRARY_WAIT = 1.0      # s that the first list waits for the first scan
LIBRARY_EVENT_SECONDS = 0.5      # between two events
MAX_QUERY = 2_000             # characters of a search
VERSION_CHARACTERS = 16

PictureId = Annotated[int, PathField(ge=0, le=LARGEST_ID)]
LibraryQuery = Annotated[str, Query(max_length=MAX_QUERY, description="In the search language; see docs/library.md.")]
# the schema's words for what `place_condition` takes
PLACE_SCHEMA: JsonDict = {"pattern": r"^(folder:[0-9]{1,18}(/.*)?|album:[0-9]{1,18}|job:.+|trash)?$"}
PlaceText = Annotated[
    str,
    Query(alias="in", max_length=MAX_PATH, json_schema_extra=PLACE_SCHEMA,
          description="folder:<id>/<path>, album:<id>, job:<id>, trash; nothing for all."),
]
Sort = Literal["newest", "oldest", "name", "rating", "size", "model", "job"]


def routes(app: App) -> APIRouter:
    api = router("library", "/easel/v1/library", Role.GUEST)

    add_search(api, app)
    add_pictures(api, app)

    @api.post("/refresh", status_code=204)
    def refresh(request: Request) -> None:
        """Look through all folders again; the index follows in the background."""
        gallery_of(app, request).refresh()

    @api.get("/events", **sent_as("text/event-stream"))
    async def events(request: Request, limit: Annotated[int, Query(ge=0, le=1000)] = 0) -> StreamingResponse:
        """The library's changes as server-sent events: a number that changes with it, and how far a scan is."""
        return EventResponse(app.streams, owner(request), library_events(app, gallery_of(app, request), limit))

    return api


def add_search(api: APIRouter, app: App) -> None:
    @api.get("")
    def pictures(
        request: Request,
        q: LibraryQuery = "",
        place: PlaceText = "",
        sort: Sort = "newest",
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 200,
    ) -> dict[str, Any]:
        """One page of the pictures that fit; `total` is their number on all pages."""
        gallery = gallery_of(app, request)
        gallery.wait(FIRST_LIBRARY_WAIT)
        revision = gallery.index.revision
        page = gallery.search.page(wanted_of(app, request, q, place, sort), offset, limit)
        rows = [picture_entry(row) for row in page.rows]
        return {"total": page.total, "revision": revision, "pictures": rows, "notes": page.notes}

    @api.get("/sections")
    def sections(
        request: Request, q: LibraryQuery = "", place: PlaceText = "", sort: Sort = "newest"
    ) -> list[dict[str, Any]]:
        """The sections of the list in its order: days, models or jobs. Other orders have none.

        `title` is the beginning of a job's prompt.
        """
        gallery = gallery_of(app, request)
        found = gallery.search.sections(wanted_of(app, request, q, place, sort))
        titles = gallery.search.job_titles() if sort == "job" else {}
        return [{"name": name, "count": count, "title": titles.get(name, "")} for name, count in found]

    @api.get("/facets")
    def facets(request: Request, q: LibraryQuery = "", place: PlaceText = "") -> dict[str, list[dict[str, Any]]]:
        """Models, LoRAs, sizes … of the pictures that fit, with the number of pictures of each.

        Folders (`root`: the whole ones, by their ids) and albums are counted of all that fit `q`, wherever they are.
        """
        found = gallery_of(app, request).search.facets(wanted_of(app, request, q, place))
        return {
            name: [{"value": value, "count": count} for value, count in values] for name, values in found.items()
        }

    @api.get("/suggest")
    def suggest(
        request: Request, q: LibraryQuery = "", at: Annotated[int, Query(ge=0, le=MAX_QUERY)] = MAX_QUERY
    ) -> list[dict[str, Any]]:
        """Completions of the word that ends at the place `at` of a search; `text` takes the whole word's place."""
        return [{"text": text} for text in gallery_of(app, request).search.suggestions(q, at)]


def add_pictures(api: APIRouter, app: App) -> None:
    @api.get("/pictures/{picture}")
    def details(picture: PictureId, request: Request) -> dict[str, Any]:
        """A picture with all that is known of it."""
        gallery = gallery_of(app, request)
        return picture_details(gallery, gallery.index.picture(picture))

    @api.get("/pictures/{picture}/file", **sent_as(*PICTURE_TYPES))
    def file(picture: PictureId, request: Request) -> FileResponse:
        gallery = gallery_of(app, request)
        row = gallery.index.picture(picture)
        return FileResponse(gallery.path_of(row), filename=shown_name(row), content_disposition_type="inline")

    @api.get("/pictures/{picture}/thumbnail", **sent_as("image/jpeg"))
    async def thumbnail(picture: PictureId, request: Request) -> Response:
        """A small JPEG, its longer side 256 pixels; `v`, the picture's version, lets browsers keep it."""
        gallery = gallery_of(app, request)
        row = await asyncio.to_thread(gallery.index.picture, picture)
        content = await asyncio.to_thread(gallery.thumbnails.kept, row.digest)
        if content is None:
            async with app.decoding.room(row.width * row.height):
                content = await asyncio.to_thread(gallery.thumbnail, row)
        return Response(content, media_type="image/jpeg", headers={"Cache-Control": IMMUTABLE_CACHE})


def gallery_of(app: App, request: Request) -> Gallery:
    """Return the caller's library; the first call begins to look through the folders."""
    gallery = app.galleries.of(owner(request))
    gallery.begin()
    return gallery


def wanted_of(app: App, request: Request, text: str, place: str, sort: Sort = "newest") -> Wanted:
    """Return what is to be listed; a job may be called by its account's own name for it."""
    if place.startswith("job:"):
        found = app.jobs.store.brief(place.removeprefix("job:"), 0, owner(request))
        place = f"job:{found.id}" if found else place
    return Wanted(text=text, inside=place, sort=sort)


def picture_entry(row: PictureRow) -> dict[str, Any]:
    """Return a picture as lists have it."""
    flags = [name for name, on in (("changed", row.changed), ("broken", row.broken)) if on]
    return {
        "id": row.id, "name": shown_name(row), "width": row.width, "height": row.height,
        "at": datetime.fromtimestamp(row.at).astimezone().isoformat(timespec="seconds"),
        "favourite": bool(row.favourite), "rating": row.rating, "kind": row.kind, "broken": bool(row.broken),
        "version": row.digest[:VERSION_CHARACTERS], "flags": flags,
    }


def shown_name(row: PictureRow) -> str:
    """Return a file's name; of one in the trash, its former one."""
    return row.origin.rpartition("/")[2] or row.name


def picture_details(gallery: Gallery, row: PictureRow) -> dict[str, Any]:
    infotext, _, note = gallery.index.texts(row.id)
    said = split_infotext(infotext)
    place = row.origin or row.place
    return picture_entry(row) | {
        "root": row.root,
        "folder": place.rpartition("/")[0],
        "path": place,
        "bytes": row.size,
        "format": row.format,
        "problem": row.broken,
        "infotext": infotext,
        "prompt": said.prompt,
        "negative_prompt": said.negative_prompt,
        "pairs": [[key, value] for key, value in said.pairs.items()],
        "program": row.program,
        "tags": gallery.index.traits(row.id, TAG_TRAIT),
        "albums": [{"id": album, "name": name} for album, name in gallery.marks.albums_of(row.id)],
        "note": note,
        "job": row.job,
        "index": row.position,
        "tampered": bool(row.changed),
        "read_only": bool(gallery.index.root(row.root).read_only),
        "trashed": bool(row.origin),
    }


def library_events(app: App, gallery: Gallery, limit: int) -> AsyncIterator[str]:
    """Return the library's events: the first is whole, later ones contain the changes."""

    def read() -> tuple[dict[str, Any], bool]:
        indexing = gallery.indexing
        return {
            "revision": gallery.index.revision, "indexing": {"done": indexing.done, "total": indexing.total}
        }, False

    return record_events(gallery.watch, read, lambda: app.jobs.unfinished.stopping, LIBRARY_EVENT_SECONDS, limit)
