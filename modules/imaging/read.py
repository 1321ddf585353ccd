"""Generation data out of picture files, read with suspicion: nothing is decoded before its size is known."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image, UnidentifiedImageError

from modules.base.errors import InvalidImage, TooLarge

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP")
MOST_PIXELS = 64_000_000
LARGEST_FILE = 128 * 2**20      # bytes
LONGEST_TEXT = 2**20            # characters of generation data; long prompts have a few thousand
COMMENT_CODES = (b"UNICODE\0", b"ASCII\0\0\0")


@dataclass(frozen=True)
class Metadata:
    infotext: str               # the generation data, "" if there is none
    items: dict[str, str]       # the other texts


def open_image(content: bytes) -> Image.Image:
    """A picture of a known kind and a sane size, not decoded yet. Raises InvalidImage or TooLarge."""
    if len(content) > LARGEST_FILE:
        raise TooLarge(f"The picture file has {len(content) >> 20} MB.", f"Up to {LARGEST_FILE >> 20} MB are read.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)      # our own limit is lower and does refuse
            image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise too_many_pixels() from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InvalidImage("That is not a picture Easel can read.", f"It reads {', '.join(FORMATS)}.") from error
    if image.width * image.height > MOST_PIXELS:
        raise too_many_pixels()
    return image


def too_many_pixels() -> TooLarge:
    error = TooLarge("The picture has too many pixels.", f"Up to {MOST_PIXELS // 1_000_000} million are read.")
    error.code = "image_too_large"
    return error


def read_metadata(content: bytes) -> Metadata:
    """Texts in PNG chunks, or EXIF's user comment. Raises InvalidImage or TooLarge."""
    image = open_image(content)
    try:
        image.load()      # PNG texts may stand behind the pixels
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise InvalidImage("The picture is damaged or was cut off.", "Use the original file.") from error
    texts = {str(key): value for key, value in image.info.items() if isinstance(value, str)}
    infotext = texts.pop("parameters", "") or exif_comment(image) or gif_comment(image)
    if len(infotext) > LONGEST_TEXT:
        raise TooLarge("The picture's generation data is longer than any prompt.", f"Up to {LONGEST_TEXT:,} characters are read.")
    return Metadata(infotext, {key: value[:LONGEST_TEXT] for key, value in texts.items()})


def exif_comment(image: Image.Image) -> str:
    """EXIF's UserComment: eight bytes that name its encoding, then the text (EXIF 2.32, §4.6.5)."""
    try:
        comment: Any = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
    except (OSError, ValueError, SyntaxError):
        return ""
    if isinstance(comment, str):
        return comment
    code, text = comment[:8], comment[8:]
    if code == COMMENT_CODES[0]:
        return text.decode("utf-16-be" if text[:1] == b"\0" else "utf-16-le", "replace")
    return (text if code == COMMENT_CODES[1] else comment).decode("utf-8", "replace").strip("\0")


def gif_comment(image: Image.Image) -> str:
    comment = image.info.get("comment", b"") if image.format == "GIF" else b""
    return comment.decode("utf-8", "replace") if isinstance(comment, bytes) else ""
