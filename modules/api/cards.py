"""/easel/v1/cards: the model files as cards, with descriptions and previews.

A card has an opaque id, never a path.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from PIL import Image
from pydantic import Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from modules.api.routing import PICTURE_TYPES, KnownFields, account, check_size, owner, router, sent_as
from modules.app.app import App
from modules.app.permissions import check_edits_models
from modules.base.accounts import Role
from modules.base.errors import Invalid, UnknownName, UnsupportedMedia
from modules.base.families import SPOKEN, family_named
from modules.base.limits import MAX_NAME, MAX_NOTES, MAX_PATH, MAX_SEARCH, MAX_SETTING, Id, Index, Name
from modules.imaging.inputs import apply_orientation
from modules.imaging.read import open_image
from modules.imaging.save import png
from modules.library import index as library_index
from modules.library.index import IndexEntry
from modules.library.model_kinds import MODEL_KINDS, ModelKind
from modules.requests.picture_data import picture_metadata

MAX_FAMILY = 40             # characters
LARGEST_PREVIEW_SIDE = 1024         # pixels of a preview
FIRST_SCAN_WAIT = 1.0              # s that the first list waits for the first scan
IMMUTABLE_CACHE = "private, max-age=604800, immutable"      # the address contains the version


class CardQuery(KnownFields):
    """A query for cards: filter, order and page."""

    kind: str = Field("lora", max_length=MAX_NAME, json_schema_extra={"enum": [kind.name for kind in MODEL_KINDS]})
    search: str = Field("", max_length=MAX_SEARCH, description="Parts of words, all of which must be there.")
    family: str = Field("", max_length=MAX_FAMILY)
    folder: str = Field("", max_length=MAX_PATH, description="With the folders in it.")
    sort: Literal["name", "date", "size", "path"] = "name"
    order: Literal["asc", "desc"] = "asc"
    offset: int = Field(0, ge=0, le=10**9)
    limit: int = Field(200, ge=1, le=1000)
    model_family: str = Field("", max_length=MAX_FAMILY, description="The family that cards' `fits` is about.")

    def query(self) -> library_index.IndexQuery:
        return library_index.IndexQuery(
            **self.model_dump(exclude={"order", "model_family"}), descending=self.order == "desc"
        )


class CardChange(KnownFields):
    """Changes of a card. A missing field stays as it is; null, or an empty text, removes it."""

    description: str | None = Field(None, max_length=MAX_SETTING * 2)
    family: str | None = Field(None, max_length=MAX_FAMILY)
    activation: str | None = Field(None, max_length=MAX_SETTING * 2)
    weight: float | None = Field(None, ge=-100, le=100)
    negative: str | None = Field(None, max_length=MAX_SETTING * 2)
    notes: str | None = Field(None, max_length=MAX_NOTES)
    vae: str | None = Field(
        None, max_length=MAX_NAME, description="What a checkpoint is used with where the VAE is Automatic."
    )


class PictureOf(KnownFields):
    """A picture of one of the caller's jobs."""

    job: Id
    index: Index


def routes(app: App) -> APIRouter:
    api = router("cards", "/easel/v1", Role.GUEST)

    def strength_for(request: Request) -> float:
        return usual_strength(app, owner(request))

    @api.get("/cards")
    def cards(wanted: Annotated[CardQuery, Query()], request: Request) -> dict[str, Any]:
        """One page of cards; `scanning` is true while the folders are still being read."""
        app.cards.wait(FIRST_SCAN_WAIT)
        return list_cards(app, wanted, strength_for(request))

    @api.post("/cards/refresh", status_code=204)
    def refresh() -> None:
        """Read the folders again."""
        app.cards.renew()

    @api.get("/cards/{card}")
    def get(card: Name, request: Request) -> dict[str, Any]:
        return detailed(app, app.cards.get(card), strength_for(request))

    @api.patch("/cards/{card}")
    def change(card: Name, change: CardChange, request: Request) -> dict[str, Any]:
        """Change a card's data, in `name.json` beside the file, as A1111 does."""
        check_edits_models(account(request), app.settings.current)
        return detailed(app, app.cards.change(app.cards.get(card), wanted(change)), strength_for(request))

    @api.get("/cards/{card}/preview", **sent_as(*PICTURE_TYPES))
    def preview(card: Name) -> Response:
        return preview_response(app.cards.preview(app.cards.get(card)))

    @api.put("/cards/{card}/preview", openapi_extra=PREVIEW_BODY)
    async def set_preview(card: Name, request: Request) -> dict[str, Any]:
        """Set the card's preview, `name.preview.png` beside the file, to a picture of one of your jobs or an upload."""
        check_edits_models(account(request), app.settings.current)
        entry, sent = app.cards.get(card), await sent_picture(request)
        async with app.decoding.room(0 if isinstance(sent, PictureOf) else count_pixels(sent)):
            return await asyncio.to_thread(pictured, app, entry, sent, owner(request))

    return api


def usual_strength(app: App, owner: str) -> float:
    """Return the strength that a click on a card writes into that account's prompt."""
    return app.data_of(owner).settings.current.extra_networks_default_multiplier


def list_cards(app: App, wanted: CardQuery, strength: float) -> dict[str, Any]:
    if wanted.kind not in app.models.catalogs:
        raise Invalid(
            f"There is no kind of model called {wanted.kind!r}.",
            f"There are: {', '.join(app.models.catalogs)}.",
            "kind",
        )
    index = app.cards.index
    page = index.page(wanted.query())
    return {
        "total": page.total,
        "folders": index.folders(wanted.kind),
        "families": index.families(wanted.kind),
        "cards": [card_of(app, entry, strength, wanted.model_family) for entry in page.entries],
        "scanning": app.cards.scanning,
    }


def card_of(app: App, entry: IndexEntry, strength: float, model_family: str = "") -> dict[str, Any]:
    preview = f"/easel/v1/cards/{entry.id}/preview?v={library_index.identity(entry.preview, entry.stamp)[:8]}"
    return {
        "id": entry.id,
        "kind": entry.kind,
        "name": entry.name,
        "title": entry.title,
        "folder": entry.folder,
        "family": entry.family,
        "fits": entry.family == model_family if entry.family and model_family else None,
        "preview": preview if entry.preview else None,
        "insert": inserted(app.models.of(entry.kind).kind, entry, strength),
        "activation": entry.activation,
        "negative": entry.negative,
        "weight": entry.weight,
        "description": entry.description,
        "modified": datetime.fromtimestamp(entry.modified / 1e9, UTC).isoformat(timespec="seconds"),
        "size": entry.size,
        "problem": entry.problem,
    }


def inserted(kind: ModelKind, entry: IndexEntry, strength: float) -> str:
    """Return the text that a click writes: a prompt's words, or a checkpoint's or VAE's name in the settings.

    It contains folders only if it would be ambiguous without.
    """
    if kind.chosen:
        return entry.file
    name = f"{entry.folder}/{entry.name}" if entry.folder and entry.shares_name else entry.name
    return f"<{kind.tag}:{name}:{entry.weight or strength:g}>" if kind.tag else name


def detailed(app: App, entry: IndexEntry, strength: float) -> dict[str, Any]:
    needs = app.models.of(entry.kind).kind.needs
    offered = {f"{need}s": ["None", *(file.name for file in app.models.of(need).list())] for need in needs}
    return card_of(app, entry, strength) | asdict(app.cards.details(entry)) | offered


def wanted(change: CardChange) -> dict[str, Any]:
    """Return the change as fields of the file. Raises Invalid for an unknown family."""
    given = change.model_dump(exclude_unset=True)
    if family := given.get("family"):
        given["family"] = family_named(family)
        if not given["family"]:
            raise Invalid(
                f"{family!r} is no family of models.",
                f"Write {', '.join(SPOKEN.values())}, or nothing.",
                field="family",
            )
    return given


def preview_response(content: bytes) -> Response:
    """Return a response for a preview, if the content is a picture, whatever the file's name."""
    kind = Image.MIME[open_image(content).format or ""]
    return Response(content, media_type=kind, headers={"Cache-Control": IMMUTABLE_CACHE})


def count_pixels(content: bytes) -> int:
    """Return the number of pixels. Raises InvalidImage or TooLarge."""
    width, height = open_image(content).size
    return width * height


def pictured(app: App, entry: IndexEntry, sent: PictureOf | bytes, owner: str) -> dict[str, Any]:
    content = picture_of(app, sent, owner) if isinstance(sent, PictureOf) else sent
    return card_of(app, app.cards.set_preview(entry, preview_png(content)), usual_strength(app, owner))


def picture_of(app: App, wanted: PictureOf, owner: str) -> bytes:
    """Return the picture's file. Raises UnknownName, also for another owner's job."""
    for found in app.jobs.get(wanted.job, owner).pictures:
        if found.index == wanted.index and Path(found.path).is_file():
            return Path(found.path).read_bytes()
    raise UnknownName("picture", str(wanted.index), [])


def preview_png(content: bytes) -> bytes:
    """Convert a picture to a PNG of moderate size, with its generation data. Raises InvalidImage or TooLarge."""
    infotext = picture_metadata(content).infotext
    image = apply_orientation(open_image(content))
    image.thumbnail((LARGEST_PREVIEW_SIDE, LARGEST_PREVIEW_SIDE), Image.Resampling.LANCZOS)
    return png(image, infotext)


async def sent_picture(request: Request) -> PictureOf | bytes:
    """Return the uploaded picture, or the reference to a job's picture.

    Raises UnsupportedMedia, RequestValidationError, Invalid or TooLarge.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await sent_file(request)
    if kind and kind != "application/json":
        raise UnsupportedMedia("Send JSON, or a picture as multipart/form-data.", "Set the header Content-Type.")
    try:
        return PictureOf.model_validate(await request.json())
    except ValidationError as error:
        raise RequestValidationError(
            [problem | {"loc": ("body", *problem["loc"])} for problem in error.errors()]
        ) from error
    except ValueError as error:
        raise Invalid("That names no picture.", 'Send {"job": its id, "index": the picture\'s number}.') from error


async def sent_file(request: Request) -> bytes:
    """Return the form's only file; its name does not matter. Raises Invalid or TooLarge."""
    try:
        form = await MultiPartParser(request.headers, limited_body(request), max_files=1, max_fields=4).parse()
    except (MultiPartException, KeyError) as error:
        raise Invalid("The form cannot be read.", "Send one picture as multipart/form-data.") from error
    files = [value for value in form.values() if isinstance(value, UploadFile)]
    content = await files[0].read() if files else b""
    await form.close()
    if not files:
        raise Invalid("There is no picture in the form.", "Send one picture as multipart/form-data.")
    return content


async def limited_body(request: Request) -> AsyncGenerator[bytes, None]:
    """Yield the body in parts. Raises TooLarge."""
    size = 0
    async for part in request.stream():
        check_size(size := size + len(part))
        yield part


PREVIEW_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": PictureOf.model_json_schema()},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"image": {"type": "string", "format": "binary"}}}
            },
        },
    }
}
