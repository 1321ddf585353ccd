"""Texts hidden in the lowest bits of a picture's pixels, column by column: NovelAI's form, "stealth PNG info".

A signature of 15 letters comes first, then the length in bits, then the text, which may be packed with gzip. Whether
there is one is seen in a PNG's first column, for which no more rows are unpacked than the signature is long.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modules.base.errors import InvalidImage, TooLarge
from modules.base.limits import MAX_INFOTEXT
from modules.imaging.read import PNG_SIGNATURE, open_image, png_chunks

MOST_HIDDEN_PIXELS = 6_000_000      # decoded at once, outside of the budget of pictures that are worked on
SIGNATURE_BITS, LENGTH_BITS = 15 * 8, 32
UNPACKED_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class HiddenForm:
    """One way of hiding a text."""

    signature: bytes
    channels: tuple[int, ...]      # whose lowest bits hold it
    packed: bool


HIDDEN_FORMS = (
    HiddenForm(b"stealth_pngcomp", (3,), True),
    HiddenForm(b"stealth_pnginfo", (3,), False),
    HiddenForm(b"stealth_rgbcomp", (0, 1, 2), True),
    HiddenForm(b"stealth_rgbinfo", (0, 1, 2), False),
)


def hidden_text(content: bytes) -> str:
    """Return the text hidden in a PNG or a lossless WebP, or "". Raises InvalidImage or TooLarge."""
    if not may_hide(content):
        return ""
    image = open_image(content)
    if image.width * image.height > MOST_HIDDEN_PIXELS or image.mode not in ("RGB", "RGBA"):
        return ""
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, zlib.error, struct.error):
        return ""
    forms = (form for form in HIDDEN_FORMS if max(form.channels) < len(image.mode))
    return next(filter(None, (text_in_pixels(image, form) for form in forms)), "")


def text_in_pixels(image: Image.Image, form: HiddenForm) -> str:
    head = packed_bits(first_columns(image, form, SIGNATURE_BITS + LENGTH_BITS), form, SIGNATURE_BITS + LENGTH_BITS)
    length = int.from_bytes(head[len(form.signature) : len(form.signature) + LENGTH_BITS // 8], "big")
    if not head.startswith(form.signature) or length > 8 * MAX_INFOTEXT:
        return ""
    count = SIGNATURE_BITS + LENGTH_BITS + length
    data = packed_bits(first_columns(image, form, count), form, count)[len(form.signature) + LENGTH_BITS // 8 :]
    return gunzipped(data) if form.packed else data.decode("utf-8", "replace")


def first_columns(image: Image.Image, form: HiddenForm, count: int) -> NDArray[np.uint8]:
    """Return as many columns of pixels as hold so many bits."""
    columns = -(-count // (image.height * len(form.channels)))
    return np.asarray(image.crop((0, 0, min(columns, image.width), image.height)))


def packed_bits(pixels: NDArray[np.uint8], form: HiddenForm, count: int) -> bytes:
    """Return the first bits of the columns as bytes."""
    part = pixels[:, :, form.channels] & 1
    return np.packbits(part.transpose(1, 0, 2).reshape(-1)[:count]).tobytes()


def gunzipped(data: bytes) -> str:
    """Unpack gzip, at most a little more than the longest text."""
    try:
        return zlib.decompressobj(wbits=31).decompress(data, MAX_INFOTEXT).decode("utf-8", "replace")
    except zlib.error:
        return ""


# Is there one? -------------------------------------------------------------------------------------


def may_hide(content: bytes) -> bool:
    """Return whether the picture begins with a signature, as far as that is seen without decoding all of it."""
    if content.startswith(PNG_SIGNATURE):
        return png_may_hide(content)
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP" and b"VP8L" in content[:4096]


def png_may_hide(content: bytes) -> bool:
    """Look at the first column of an RGB or RGBA PNG; one of few rows, or interlaced, has to be decoded."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", content.ljust(29, b"\0"), 16)
    if depth != 8 or colour not in (2, 6) or not 0 < width * height <= MOST_HIDDEN_PIXELS:
        return False
    channels = 4 if colour == 6 else 3
    if interlaced or height < SIGNATURE_BITS:
        return height * width * 3 >= SIGNATURE_BITS + LENGTH_BITS
    column = b"".join(islice(first_column(content, width, channels), SIGNATURE_BITS))
    if len(column) < SIGNATURE_BITS * channels:
        return False
    pixels = np.frombuffer(column, np.uint8).reshape(SIGNATURE_BITS, 1, channels)
    return any(
        packed_bits(pixels, form, SIGNATURE_BITS) == form.signature
        for form in HIDDEN_FORMS
        if max(form.channels) < channels
    )


def first_column(content: bytes, width: int, channels: int) -> Iterator[bytes]:
    """Yield the first pixel of each row (PNG 3rd edition, §9).

    It has no neighbour to the left, so that the row's filter adds nothing, the pixel above it, or half of that.
    """
    above = bytes(channels)
    for row in rows_unpacked(content, 1 + width * channels):
        factor = (0, 0, 2, 1, 2)[row[0]] if row[0] < 5 else 0
        pairs = zip(row[1 : 1 + channels], above, strict=True)
        above = bytes((byte + upper * factor // 2) & 255 for byte, upper in pairs)
        yield above


def rows_unpacked(content: bytes, length: int) -> Iterator[bytes]:
    """Yield the rows of pixels, filtered as they stand in the file, one at a time."""
    unpacker, waiting = zlib.decompressobj(), bytearray()
    try:
        for kind, data in png_chunks(memoryview(content)):
            left: bytes = bytes(data) if kind == b"IDAT" else b""
            while left:
                waiting += unpacker.decompress(left, UNPACKED_AT_ONCE)
                left = unpacker.unconsumed_tail
                while len(waiting) >= length:
                    yield bytes(waiting[:length])
                    del waiting[:length]
    except (zlib.error, InvalidImage, TooLarge):
        return
