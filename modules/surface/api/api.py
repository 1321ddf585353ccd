"""A1111's `modules.api.api`: pictures in requests and replies, as text."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import HTTPException
from PIL import Image

from modules.base.border import outcome
from modules.imaging.read import open_image
from modules.imaging.save import FileFormat, encode_image


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
