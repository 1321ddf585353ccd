"""Pictures of the library as requests name them: by their ids, or as all that fit a search."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MaxLen
from fastapi import Request
from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from modules.api.library import LARGEST_ID, MAX_QUERY, PLACE_SCHEMA, gallery_of, wanted_of
from modules.api.routing import KnownFields
from modules.app.app import App
from modules.base.errors import Invalid, UnknownName
from modules.base.limits import MAX_PATH
from modules.gallery.gallery import Gallery
from modules.gallery.index import PictureRow
from modules.gallery.search import place_condition

MOST_NAMED = 20_000      # ids in one request
ShortId = Annotated[int, Field(ge=0, le=LARGEST_ID)]
ChosenIds = Annotated[list[ShortId], MaxLen(MOST_NAMED)]


SELECTION_SCHEMA: JsonDict = {"anyOf": [
    {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in ("pictures", "q")
]}


class ChosenPictures(KnownFields):
    """Pictures by their ids, or all that fit a search in a place."""

    model_config = ConfigDict(json_schema_extra=SELECTION_SCHEMA)

    pictures: ChosenIds | None = Field(None, description="Ids; without, all that fit q and in.")
    q: str | None = Field(None, max_length=MAX_QUERY, description="A search; an empty one fits all.")
    place: str = Field(
        "", alias="in", max_length=MAX_PATH, json_schema_extra=PLACE_SCHEMA,
        description="Where q looks, as in GET /easel/v1/library.",
    )


def chosen_rows(app: App, request: Request, chosen: ChosenPictures) -> tuple[Gallery, list[PictureRow]]:
    """Return the caller's library and the pictures that are meant. Raises Invalid, or UnknownName for an id."""
    gallery = gallery_of(app, request)
    place_condition(chosen.place)
    if chosen.pictures is not None:
        return gallery, named_rows(gallery, chosen.pictures)
    if chosen.q is None:
        raise Invalid("No pictures are named.", "Send their ids in pictures, or a search in q.", "pictures")
    ids, notes = gallery.search.found(wanted_of(app, request, chosen.q, chosen.place))
    if notes:      # what it means is not sure, and something is to be done to all that fit
        raise Invalid(notes[0], "Correct the search.", "q")
    return gallery, gallery.index.rows(ids.tolist())


def named_rows(gallery: Gallery, ids: list[int]) -> list[PictureRow]:
    """Return the pictures of these ids. Raises UnknownName if there is none of one."""
    rows = gallery.index.rows(list(dict.fromkeys(ids)))
    known = {row.id for row in rows}
    for each in ids:
        if each not in known:
            raise UnknownName("picture", str(each), [])
    return rows
