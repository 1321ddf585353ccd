"""/easel/v1/library: favourites, ratings, tags, notes and albums."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import MaxLen
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from modules.api.library import PictureId, gallery_of
from modules.api.library_choice import ChosenPictures, chosen_rows
from modules.api.routing import KnownFields, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import Invalid, UnknownName
from modules.base.limits import MAX_SETTING
from modules.gallery.gallery import Gallery

MAX_TAG, MOST_TAGS_AT_ONCE = 100, 100
Tag = Annotated[str, MaxLen(MAX_TAG)]
Tags = Annotated[list[Tag], MaxLen(MOST_TAGS_AT_ONCE)]
Albums = Annotated[list[int | Tag], MaxLen(MOST_TAGS_AT_ONCE)]


class MarksBody(ChosenPictures):
    """Changes of pictures' marks; what is missing stays as it is."""

    favourite: bool | None = None
    rating: int | None = Field(None, ge=0, le=5)
    add_tags: Tags = []
    remove_tags: Tags = []
    note: str | None = Field(None, max_length=MAX_SETTING)
    add_albums: Albums = Field([], description="Ids, or names; an album of a new name is made.")
    remove_albums: Albums = []


class MarksReply(BaseModel):
    changed: int
    revision: int


class AlbumBody(KnownFields):
    name: str = Field(min_length=1, max_length=MAX_TAG)
    note: str = Field("", max_length=MAX_SETTING)


class AlbumChange(KnownFields):
    name: str | None = Field(None, min_length=1, max_length=MAX_TAG)
    note: str | None = Field(None, max_length=MAX_SETTING)


def routes(app: App) -> APIRouter:
    api = router("library", "/easel/v1/library", Role.GUEST)

    @api.patch("/pictures")
    def mark(body: MarksBody, request: Request) -> MarksReply:
        """Change marks of pictures: favourite, rating, tags, note, albums."""
        gallery, rows = chosen_rows(app, request, body)
        change_marks(gallery, [row.id for row in rows], body)
        return MarksReply(changed=len(rows), revision=gallery.index.revision)

    add_albums(api, app)
    return api


def add_albums(api: APIRouter, app: App) -> None:
    @api.get("/albums")
    def albums(request: Request) -> list[dict[str, Any]]:
        return all_albums(gallery_of(app, request))

    @api.post("/albums")
    def add_album(body: AlbumBody, request: Request) -> dict[str, Any]:
        gallery = gallery_of(app, request)
        return album_entry(gallery, gallery.marks.put_album(album_name(body.name), body.note))

    @api.patch("/albums/{album}")
    def change_album(album: PictureId, body: AlbumChange, request: Request) -> dict[str, Any]:
        gallery = gallery_of(app, request)
        known = album_entry(gallery, album)
        name = album_name(known["name"] if body.name is None else body.name)
        gallery.marks.put_album(name, known["note"] if body.note is None else body.note, album)
        gallery.tell()
        return album_entry(gallery, album)

    @api.delete("/albums/{album}", status_code=204)
    def remove_album(album: PictureId, request: Request) -> None:
        """Delete an album; its pictures stay."""
        gallery = gallery_of(app, request)
        album_entry(gallery, album)
        gallery.marks.remove_album(album)
        gallery.tell()


def change_marks(gallery: Gallery, ids: list[int], body: MarksBody) -> None:
    columns = {"favourite": body.favourite, "rating": body.rating}
    given = {name: int(value) for name, value in columns.items() if value is not None}
    if given:
        gallery.marks.mark(ids, given)
    if body.add_tags or body.remove_tags:
        gallery.marks.add_tags(ids, tag_names(body.add_tags), tag_names(body.remove_tags))
    if body.note is not None:
        gallery.marks.set_note(ids, body.note)
    if body.add_albums or body.remove_albums:
        add = [album_number(gallery, each, make=True) for each in body.add_albums]
        gallery.marks.set_albums(ids, add, [album_number(gallery, each, make=False) for each in body.remove_albums])
    gallery.tell()


def tag_names(names: list[str]) -> list[str]:
    """Return tags with single spaces, without empty ones."""
    return [name for name in (" ".join(each.split()) for each in names) if name]


def album_name(name: str) -> str:
    """Return an album's name with single spaces. Raises Invalid if nothing is left."""
    if not (found := " ".join(name.split())):
        raise Invalid("An album needs a name.", "Write one.", "name")
    return found


def album_number(gallery: Gallery, album: int | str, make: bool) -> int:
    """Return an album's id. Raises UnknownName.

    make: add one of a name that there is not yet
    """
    known = gallery.marks.albums()
    for number, name, *_ in known:
        if album == number or (isinstance(album, str) and name.casefold() == " ".join(album.split()).casefold()):
            return number
    if make and isinstance(album, str):
        return gallery.marks.put_album(album_name(album), "")
    raise UnknownName("album", str(album), [name for _, name, *_ in known])


def all_albums(gallery: Gallery) -> list[dict[str, Any]]:
    """Return all albums; `cover` is the newest picture of each."""
    return [
        {"id": number, "name": name, "note": note, "count": count, "cover": cover}
        for number, name, note, count, cover in gallery.marks.albums()
    ]


def album_entry(gallery: Gallery, album: int) -> dict[str, Any]:
    """Return one album. Raises UnknownName."""
    for each in all_albums(gallery):
        if each["id"] == album:
            return each
    raise UnknownName("album", str(album), [])
