"""A1111's route that puts a picture into words."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from modules.api.info import decode_base64, most_pixels
from modules.api.replies import failure
from modules.api.routing import account, router
from modules.api.waiting import ended
from modules.app.app import App
from modules.base.accounts import Account, Role
from modules.base.errors import Invalid, ModelMissing, UnknownName
from modules.base.limits import MAX_NAME, EncodedPicture
from modules.library.captioners import find_captioner
from modules.params.interrogation import Interrogation
from modules.requests.captions import caption_request, written_caption
from modules.requests.submit import Submission, submit
from modules.store.jobs import JobRecord

CLIP_NAMES, DEEPBOORU_NAMES = ("clip",), ("deepdanbooru", "deepbooru")
DEEPBOORU_FILE = "models/torch_deepdanbooru/model-resnet_custom_v3.pt"


class InterrogateRequest(BaseModel):
    image: Annotated[EncodedPicture, Field(description="A picture file in base64, or a data: address.")] = ""
    model: str = Field("clip", max_length=MAX_NAME)


class InterrogateReply(BaseModel):
    caption: str


def routes(app: App) -> APIRouter:
    api = router("extras", "/sdapi/v1", Role.GUEST)

    @api.post("/interrogate")
    async def interrogate(body: InterrogateRequest, request: Request) -> InterrogateReply:
        """Put a picture into words with BLIP, and wait for it; where there is no such file, the error names it."""
        await asyncio.to_thread(check_interrogator, app, body.model)
        async with app.decoding.room(await asyncio.to_thread(most_pixels, [body.image])):
            asked = await asyncio.to_thread(kept_request, app, body.image, account(request))
        submitted = await asyncio.to_thread(submit, app, Submission("interrogate", asked), account(request))
        record = await ended(app.jobs, submitted.job)
        return InterrogateReply(caption=await asyncio.to_thread(caption_of, app, record, asked))

    return api


def check_interrogator(app: App, model: str) -> None:
    """Raise UnknownName for a model that A1111 has not either, ModelMissing or ModelCorrupt for one without a file."""
    if model in DEEPBOORU_NAMES:
        raise ModelMissing(
            "DeepDanbooru cannot be read: pictures are put into tags by no model here.",
            f"Its file would be {DEEPBOORU_FILE}. CLIP's button puts a picture into words.",
        )
    if model not in CLIP_NAMES:
        raise UnknownName("interrogation model", model, CLIP_NAMES + DEEPBOORU_NAMES[:1])
    find_captioner(app.models)


def kept_request(app: App, image: str, caller: Account) -> Interrogation:
    """Return the request for a picture, which is kept.

    Raises Invalid, InvalidImage, TooLarge or OverQuota.
    """
    if not image:
        raise Invalid("There is no picture to put into words.", "Send the file's bytes in base64.", field="image")
    return caption_request(app, decode_base64(image), caller)


def caption_of(app: App, record: JobRecord, asked: Interrogation) -> str:
    """Return the caption that a job has written. Raises its error, or JobFailed if it was interrupted."""
    if record.error:
        raise failure(record.error)
    return written_caption(app, record, asked)
