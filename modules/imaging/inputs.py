"""Input pictures of jobs, stored as files named by their content: a job is plain data and survives a restart."""

from __future__ import annotations

import re
import struct
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from modules.base.errors import InvalidImage
from modules.base.files import write_atomically
from modules.imaging.read import open_image
from modules.imaging.save import png

NAME = re.compile(r"[0-9a-f]{64}\.png")
SENT_ENDING = "sent"      # of a picture's file that is kept as it came, with all its metadata
SENT_NAME = re.compile(rf"[0-9a-f]{{64}}\.{SENT_ENDING}")
DEEP = ("I", "I;16", "I;16B")      # Pillow's modes for 16-bit grey


def save_input(folder: Path, content: bytes) -> str:
    """Store a picture, upright and of 8 bits; returns its name. Raises InvalidImage or TooLarge."""
    name, stored = encode_input(content)
    write_input(folder, name, stored)
    return name


def encode_input(content: bytes) -> tuple[str, bytes]:
    """Return an input picture's name and its file's content. Raises InvalidImage or TooLarge."""
    stored = png(apply_orientation(open_image(content)), "")
    return f"{sha256(stored).hexdigest()}.png", stored


def write_input(folder: Path, name: str, stored: bytes) -> None:
    write_atomically(folder / name, stored)      # also if it exists: a file in use must not count as old


def stored_input(folder: Path, name: str) -> Path | None:
    """Return the file of a stored picture; None if there is none of that name."""
    path = folder / name
    return path if NAME.fullmatch(name) and path.is_file() else None


def load_input(folder: Path, name: str) -> Image.Image:
    """Return a stored picture: L, RGB or RGBA. Raises InvalidImage."""
    try:
        if not NAME.fullmatch(name):
            raise FileNotFoundError(name)
        content = (folder / name).read_bytes()
    except OSError as error:
        raise InvalidImage("A picture this job starts from is gone.", "Send it again.") from error
    image = open_image(content)
    image.load()
    return image


def apply_orientation(image: Image.Image) -> Image.Image:
    """Return the picture rotated as its EXIF says, as L, RGB or RGBA. Raises InvalidImage for a truncated file."""
    try:
        image.load()
        return to_display_mode(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise InvalidImage("The picture is damaged or was cut off.", "Use the original file.") from error


def to_display_mode(image: Image.Image) -> Image.Image:
    """Convert palettes, CMYK and deep channels to L, RGB or RGBA of 8 bits."""
    if image.mode in DEEP:
        grey = np.asarray(image).clip(0, 65_535).astype(np.int32)
        grey += 128      # in place, in integers: a large picture has hundreds of megabytes here
        grey //= 257
        return Image.fromarray(grey.astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")

