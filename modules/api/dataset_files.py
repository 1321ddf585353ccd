"""/easel/v1/datasets: the pictures' files themselves."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from modules.api.cards import count_pixels
from modules.api.datasets import DatasetPlace, allowed_data
from modules.api.routing import FileRoute, account, router, sent_as
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import MAX_NAME, MAX_PATH
from modules.imaging.thumbnail import picture_pixels, thumbnail_jpeg
from modules.requests.datasets import add_picture, find_dataset, picture_at

PICTURE_BODY = {"requestBody": {"required": True, "content": {"image/*": {}}}}
KEPT_FOR_GOOD = {"Cache-Control": "private, max-age=31536000, immutable"}      # an address names the picture's version


def routes(app: App) -> APIRouter:
    api = router("datasets", "/easel/v1", Role.MEMBER, FileRoute)

    @api.post("/datasets/files", openapi_extra=PICTURE_BODY)
    async def files(
        folder: DatasetPlace, name: Annotated[str, Query(max_length=MAX_NAME)], request: Request
    ) -> dict[str, str]:
        """Add a picture, as it is, under a name that is still free."""
        allowed_data(app, request)
        content = await request.body()
        async with app.decoding.room(await asyncio.to_thread(count_pixels, content)):
            kept = await asyncio.to_thread(add_picture, app, account(request), folder, name, content)
        return {"picture": kept}

    @api.get("/datasets/picture", **sent_as("image/*"))
    async def picture(
        folder: DatasetPlace, picture: Annotated[str, Query(max_length=MAX_PATH)], request: Request,
        whole: bool = False, version: Annotated[str, Query(max_length=MAX_NAME)] = "",
    ) -> Response:
        """A picture, small or as its file is. `version` is for caches alone."""
        path = await asyncio.to_thread(lambda: picture_at(find_dataset(allowed_data(app, request), folder), picture))
        headers = KEPT_FOR_GOOD if version else None
        if whole:
            return FileResponse(path, headers=headers)
        async with app.decoding.room(await asyncio.to_thread(picture_pixels, path)):
            return Response(await asyncio.to_thread(thumbnail_jpeg, path), media_type="image/jpeg", headers=headers)

    return api
