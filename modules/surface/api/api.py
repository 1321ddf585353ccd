"""A1111's `modules.api.api`: pictures in requests and replies, as text."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException
from PIL import Image

from modules.base.border import outcome
from modules.imaging.read import open_image
from modules.imaging.save import FileFormat, encode_image
from modules.plugins.hollow import NotHere


def decode_base64_to_image(encoding: str) -> Image.Image:
    """Return the picture in a base64 text, with or without `data:` before it. Raises HTTPException."""
    _, _, content = encoding.rpartition(",")
    found = outcome(open_image, outcome_bytes(content))
    if isinstance(found, Exception):
        raise HTTPException(status_code=500, detail="Invalid encoded image") from found
    return found


def outcome_bytes(text: str) -> bytes:
    found = outcome(base64.b64decode, text)
    return b"" if isinstance(found, Exception) else found


def encode_pil_to_base64(image: Any) -> bytes:
    """Return a picture's PNG in base64."""
    if isinstance(image, str):
        return image.encode()
    info = image.info.get("parameters", "") if isinstance(image.info, dict) else ""
    return base64.b64encode(encode_image(image, FileFormat("png"), info))


class Api:
    """A1111's API as a value: it adds addresses to an application. Its own addresses are Easel's already.

    What it does for a request, such as `text2imgapi`, raises NotHere: ask the address.
    """

    def __init__(self, app: Any, queue_lock: Any = None) -> None:
        self.app, self.queue_lock, self.router = app, queue_lock, APIRouter()

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        self.app.add_api_route(path, endpoint, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotHere(f"modules.api.api.Api.{name}")
