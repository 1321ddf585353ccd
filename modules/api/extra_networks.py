"""/sd_extra_networks: previews, metadata and cards, as A1111's clients request them.

Names are looked up, never opened.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from modules.api.cards import card_of, preview_response, usual_strength
from modules.api.routing import PICTURE_TYPES, owner, router, sent_as
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import UnknownName
from modules.base.limits import MAX_PATH, Index
from modules.library.cover_images import cover_picture
from modules.library.index import IndexEntry
from modules.library.model_kinds import with_pages

QueryText = Annotated[str, Query(max_length=MAX_PATH)]


def routes(app: App) -> APIRouter:
    api = router("cards", "/sd_extra_networks", Role.GUEST)

    @api.get("/thumb", **sent_as(*PICTURE_TYPES))
    def thumb(filename: QueryText) -> Response:
        """The preview of that name, or of the model of that name, relative to its folder."""
        if entry := app.cards.index.pictured(filename):
            return preview_response(app.cards.preview(entry))
        raise UnknownName("preview", filename[:100], [])

    @api.get("/metadata")
    def metadata(page: QueryText, item: QueryText) -> dict[str, Any]:
        """A safetensors file's own metadata, as a text of JSON; {} if there is none."""
        found = app.cards.details(find_entry(app, page, item)).metadata
        return {"metadata": json.dumps(found, indent=4, ensure_ascii=False)} if found else {}

    @api.get("/cover-images", **sent_as(*PICTURE_TYPES))
    def cover_images(page: QueryText, item: QueryText, index: Index = 0) -> Response:
        """A picture in a safetensors file's metadata."""
        return preview_response(cover_picture(Path(find_entry(app, page, item).path), index))

    @api.get("/get-single-card")
    def get_single_card(request: Request, page: QueryText, name: QueryText, tabname: QueryText = "") -> dict[str, str]:
        """One card as HTML with A1111's elements and classes."""
        return {"html": html_of(card_of(app, find_entry(app, page, name), usual_strength(app, owner(request))))}

    return api


def find_entry(app: App, page: str, item: str) -> IndexEntry:
    """Return the index entry. Raises UnknownName."""
    pages = {kind.page: kind for kind in with_pages(app.models.kinds)}
    kind = pages.get(page.lower().replace(" ", "_"))
    if kind is None:
        raise UnknownName("page", page[:100], pages)
    if entry := app.cards.index.named(kind.name, item):
        return entry
    raise UnknownName(kind.label, item[:100], [])


def html_of(card: dict[str, Any]) -> str:
    name, title, description, preview = (
        escape(str(card[key] or "")) for key in ("name", "title", "description", "preview")
    )
    shown = f'<img src="{preview}" class="preview" loading="lazy">' if preview else ""
    texts = f'<span class="name">{title}</span><span class="description">{description}</span>'
    return f'<div class="card" data-name="{name}">{shown}<div class="actions">{texts}</div></div>'
