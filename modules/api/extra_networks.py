"""/sd_extra_networks: previews and metadata as programs written for A1111's cards ask for them. Names are looked up, never opened."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from modules.api.cards import picture
from modules.api.routing import router
from modules.app.app import App
from modules.base.errors import UnknownName

LONGEST = 1000      # characters of a name


def routes(app: App) -> APIRouter:
    api = router("cards", "/sd_extra_networks")

    @api.get("/thumb")
    def thumb(filename: Annotated[str, Query(max_length=LONGEST)]) -> Response:
        """The preview of that name, or of the model of that name, relative to its folder."""
        if entry := app.cards.index.pictured(filename):
            return picture(app.cards, entry)
        raise UnknownName("preview", filename[:100], [])

    @api.get("/metadata")
    def metadata(page: Annotated[str, Query(max_length=40)], item: Annotated[str, Query(max_length=LONGEST)]) -> dict[str, Any]:
        """What a safetensors file says of itself, as a text of JSON; {} if nothing."""
        if page not in PAGES:
            raise UnknownName("page", page, PAGES)
        if entry := app.cards.index.named(PAGES[page], item):
            found = app.cards.details(entry).metadata
            return {"metadata": json.dumps(found, indent=4, ensure_ascii=False)} if found else {}
        raise UnknownName(PAGES[page], item[:100], [])

    return api


PAGES = {"lora": "lora", "checkpoints": "checkpoint", "hypernetworks": "hypernetwork", "textual_inversion": "embedding"}
