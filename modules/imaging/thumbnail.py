"""A small copy of a picture, for lists."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from modules.base.errors import InvalidImage
from modules.imaging.inputs import apply_orientation

THUMBNAIL_SIDE = 256      # pixels, the longer side


def picture_pixels(path: Path) -> int:
    """Return the pixels of a picture's file, by its header. Raises InvalidImage."""
    try:
        with Image.open(path) as image:
            return image.width * image.height
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidImage("The picture cannot be read.", "Its file is gone or damaged.") from error


def content_thumbnail(content: bytes) -> bytes:
    """Return a small JPEG of a picture's content. Raises InvalidImage."""
    return small_jpeg(BytesIO(content))


def thumbnail_jpeg(path: Path) -> bytes:
    """Return a small JPEG of a picture's file. Raises InvalidImage."""
    return small_jpeg(path)


def small_jpeg(source: Path | BytesIO) -> bytes:
    """Return a small JPEG of a picture. Raises InvalidImage."""
    try:
        with Image.open(source) as image:
            image.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            small = apply_orientation(image).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidImage("The picture cannot be read.", "Its file is gone or damaged.") from error
    file = BytesIO()
    small.save(file, "JPEG", quality=80)
    return file.getvalue()
