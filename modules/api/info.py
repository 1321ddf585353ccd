"""Routes for a picture's generation data and for the server's memory."""

from __future__ import annotations

import binascii
import contextlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import psutil
from fastapi import APIRouter
from pydantic import BaseModel, Field

from modules.api.routing import router
from modules.app.app import App
from modules.app.process_memory import resident_memory
from modules.base.accounts import Role
from modules.base.errors import InvalidImage, WebUIError
from modules.base.gpu_memory import UNAVAILABLE, gpu_memory
from modules.base.limits import EncodedPicture
from modules.imaging.read import open_image
from modules.params import infotext
from modules.plugins.pasting import told_of_paste
from modules.prompts.grammar import emphasised
from modules.requests.picture_data import picture_metadata


class PngInfoRequest(BaseModel):
    image: EncodedPicture = Field(description="A picture file in base64, or a data: address.")


class PngInfoReply(BaseModel):
    info: str                        # the generation data as text
    items: dict[str, Any]            # the picture's other texts
    parameters: dict[str, Any]       # the generation data by key


def routes(app: App) -> APIRouter:
    api = router("info", "/sdapi/v1", Role.GUEST)

    @api.post("/png-info")
    def png_info(body: PngInfoRequest) -> PngInfoReply:
        """The generation data in a picture."""
        found = picture_metadata(decode_base64(body.image))
        items = {"parameters": found.infotext, **found.items} if found.infotext else found.items
        fields = infotext.parse_infotext(found.infotext, emphasised) if found.infotext else {}
        told_of_paste(app.extensions, found.infotext, fields)
        return PngInfoReply(info=found.infotext, items=items, parameters=fields)

    @api.get("/memory")
    def memory() -> dict[str, Any]:
        """Bytes of main memory, the workers' included, and of the GPU's if there is one."""
        machine = psutil.virtual_memory()
        # until the device is known, torch may be half imported
        cuda = app.jobs.status.gpu_memory or (gpu_memory() if app.jobs.status.device else UNAVAILABLE)
        used = sum(resident_memory().values())
        return {"ram": {"free": machine.available, "used": used, "total": machine.total}, "cuda": cuda}

    return api


def decode_base64(image: str) -> bytes:
    """Decode a base64 text or a data: address, with line breaks, without padding, or in the URL alphabet.

    Raises InvalidImage.
    """
    if image.startswith(("http:", "https:", "file:")):
        raise InvalidImage("An address is not fetched from here.", "Send the picture itself, in base64.")
    text = payload(image)
    with contextlib.suppress(binascii.Error, ValueError):      # as most write it: nothing is copied
        return binascii.a2b_base64(text, strict_mode=True)
    text = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4) if len(text) % 4 else text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidImage("The picture is not valid base64.", "Send the file's bytes in base64.") from error


def most_pixels(images: Iterable[str]) -> int:
    """Return the pixels of the largest of some base64 pictures, by their headers; 0 for what is no picture."""
    sizes = []
    for image in images:
        with contextlib.suppress(WebUIError):
            width, height = open_image(decode_base64(image)).size
            sizes.append(width * height)
    return max(sizes, default=0)


def payload(image: str) -> str:
    """Return the text after the first comma of `data:image/png;base64,…`, or all of it."""
    head, comma, rest = image.partition(",")
    kind = head.strip()[:5].lower()
    if not comma or kind not in ("data:", "base6"):
        return image
    return unquote(rest) if "%" in rest else rest
