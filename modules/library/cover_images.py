"""Pictures in a safetensors file's metadata: kohya-ss's `ssmd_cover_images` and modelspec's `thumbnail`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from modules.base.errors import UnknownName
from modules.library.safetensors_header import is_named_safetensors, read_header

COVERS, THUMBNAIL = "ssmd_cover_images", "modelspec.thumbnail"      # a JSON list of pictures in base64; a data: address
DATA = "data:image/"


def cover_pictures(metadata: Mapping[str, str]) -> list[str]:
    """Return the pictures in base64; they are not checked here."""
    try:
        covers = json.loads(metadata.get(COVERS, "[]"))
    except (ValueError, RecursionError):
        covers = []
    thumbnail = metadata.get(THUMBNAIL, "")
    found = [cover for cover in covers if isinstance(cover, str)] if isinstance(covers, list) else []
    return [*found, thumbnail.partition(",")[2]] if thumbnail.startswith(DATA) else found


def cover_picture(path: Path, index: int = 0) -> bytes:
    """Return one picture's bytes. Raises UnknownName if there is none, ModelError if the file is broken."""
    found = cover_pictures(read_header(path).metadata) if is_named_safetensors(path) else []
    try:
        return base64.b64decode(found[index])
    except (IndexError, ValueError) as error:
        raise UnknownName("cover picture", str(index), []) from error
