"""Routes of the pictures that jobs start from: sent before the job, looked at again by their names."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from pydantic import Field

from modules.api.info import decode_base64, most_pixels
from modules.api.routing import KnownFields, account, owner, router, sent_as
from modules.app.app import App
from modules.app.kept_inputs import keep_input
from modules.base.accounts import Account, Role
from modules.base.errors import UnknownName
from modules.base.limits import EncodedPicture, Id
from modules.imaging.inputs import stored_input
from modules.requests.picture_data import picture_metadata


class PictureRequest(KnownFields):
    image: EncodedPicture = Field(description="A picture file in base64, or a data: address.")


def routes(app: App) -> APIRouter:
    api = router("reading", "/easel/v1", Role.GUEST)

    @api.post("/inputs")
    async def inputs(body: PictureRequest, request: Request) -> dict[str, str]:
        """Store a picture as input of jobs; the answer is its name, and the picture's generation data."""
        async with app.decoding.room(await asyncio.to_thread(most_pixels, [body.image])):
            return await asyncio.to_thread(kept_input, app, account(request), body.image)

    @api.get("/inputs/{name}", **sent_as("image/png"))
    def input_file(name: Id, request: Request) -> FileResponse:
        """A stored input picture by its name, PNG; 404 if it was deleted."""
        if path := stored_input(app.data_of(owner(request)).paths.inputs, name):
            return FileResponse(path, media_type="image/png")
        raise UnknownName("picture", name, [])

    return api


def kept_input(app: App, caller: Account, image: str) -> dict[str, str]:
    content = decode_base64(image)
    return {
        "name": keep_input(app, caller, content),
        "infotext": picture_metadata(content).infotext,
    }
