"""/easel/v1/sketches: the pictures and strokes that an account's editors held last, packed by the page."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from modules.api.drafts import DeviceName, SeenRevision, drafts_of
from modules.api.routing import FileRoute, account, router, sent_as
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import NotFound
from modules.store.drafts import SketchDraft

PACKED = "application/octet-stream"
SKETCH_BODY = {"requestBody": {"required": True, "content": {PACKED: {}}}}


def routes(app: App) -> APIRouter:
    api = router("drafts", "/easel/v1", Role.GUEST, FileRoute)

    @api.get("/sketches/{name}", **sent_as(PACKED))
    def sketch(name: SketchDraft, request: Request) -> Response:
        """An editor's draft, as the page packed it; nothing for an editor that was emptied."""
        found = drafts_of(app, account(request)).of(name)
        if found is None:
            raise NotFound("There is no such sketch.", "It is kept once that editor held a picture.")
        return Response(found.content, media_type=PACKED)

    @api.post("/sketches/{name}", openapi_extra=SKETCH_BODY)
    async def keep_sketch(
        name: SketchDraft, request: Request, device: DeviceName, seen: SeenRevision = 0
    ) -> dict[str, Any]:
        """Keep what an editor holds now; the rules are those of drafts, but what is replaced is not sent back."""
        mine, content = drafts_of(app, account(request)), await request.body()
        version, before = await asyncio.to_thread(mine.write, name, content, device, seen)
        return {**asdict(version), "replaced": before and asdict(before.version)}

    return api
