"""JPEG's segments: EXIF, XMP, IPTC, comments and C2PA (ITU T.81, annex B; EXIF 2.32, §4.5; XMP 3, §1.1.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from modules.base.errors import Invalid
from modules.base.limits import MAX_INFOTEXT
from modules.imaging.read import damaged
from modules.metadata.pieces import Holds, Piece, PieceFormat, no_place

START, SCAN, COMMENT_SEGMENT, APP0 = 0xD8, 0xDA, 0xFE, 0xE0
APP1, APP11, APP13 = APP0 + 1, APP0 + 11, APP0 + 13
ALONE = {0x01, *range(0xD0, 0xD9)}      # markers without a length
MOST_SEGMENTS = 10_000
LONGEST_SEGMENT = 65_533                # bytes, without the length itself

EXIF_NAME = b"Exif\0\0"
XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
XMP_EXTENSION_NAME = b"http://ns.adobe.com/xmp/extension/\0"
RESOURCES_NAME = b"Photoshop 3.0\0"
SEGMENT_NAMES = {      # marker and name → what the rest of the segment holds
    (APP1, EXIF_NAME): Holds.EXIF,
    (APP1, XMP_NAME): Holds.XMP,
    (APP1, XMP_EXTENSION_NAME): Holds.MORE,
    (APP13, RESOURCES_NAME): Holds.IPTC,
    (APP11, b"JP"): Holds.C2PA,
}
COMMENT_KEYWORD = "comment"
EXTENSION_HEAD = 40      # bytes


def split_jpeg(content: bytes) -> list[Piece]:
    """Return each segment up to the first scan, and all the rest. Raises InvalidImage."""
    if content[:2] != bytes((0xFF, START)):
        raise damaged()
    pieces, position = [Piece(content[:2])], 2
    while len(pieces) < MOST_SEGMENTS:
        marker_at = position
        while content[marker_at : marker_at + 2] == b"\xff\xff":      # filling
            marker_at += 1
        if content[marker_at : marker_at + 1] != b"\xff" or marker_at + 4 > len(content):
            break
        marker = content[marker_at + 1]
        if marker == SCAN:
            return [*pieces, Piece(content[position:])]
        length = 0 if marker in ALONE else int.from_bytes(content[marker_at + 2 : marker_at + 4], "big")
        end = marker_at + 2 + length
        if end > len(content) or marker not in ALONE and length < 2:
            break
        pieces.append(segment_piece(marker, content[marker_at + 4 : end], content[position:end]))
        position = end
    raise damaged()


def segment_piece(marker: int, data: bytes, raw: bytes) -> Piece:
    if marker == COMMENT_SEGMENT:
        return Piece(raw, Holds.TEXT, COMMENT_KEYWORD, data.decode("utf-8", "replace"))
    for (wanted, name), holds in SEGMENT_NAMES.items():
        if marker == wanted and data.startswith(name):
            keyword = Holds.XMP.value if holds == Holds.MORE else ""
            return Piece(raw, holds, keyword, data[len(name) :])
    return Piece(raw)


def extended_xmp(content: bytes) -> bytes:
    """Return the XMP that had no room in a JPEG's first packet; b"" if there is none, or not all of it is there.

    Each part has an identifier of 32 letters, the whole length and its own place (XMP 3, §1.1.3.1).
    """
    if not content.startswith(bytes((0xFF, START))):
        return b""
    parts: dict[int, bytes] = {}
    whole, wanted = 0, b""
    for piece in split_jpeg(content):
        data = piece.value if isinstance(piece.value, bytes) else b""
        if piece.holds != Holds.MORE or len(data) < EXTENSION_HEAD or (wanted and data[:32] != wanted):
            continue
        wanted, whole, place = data[:32], *struct.unpack(">LL", data[32:EXTENSION_HEAD])
        parts[place] = data[EXTENSION_HEAD:]
    joined = b"".join(part for _, part in sorted(parts.items()))
    return joined if len(joined) == whole <= 4 * MAX_INFOTEXT else b""


def encode_segment(holds: Holds, keyword: str, value: str | bytes) -> bytes:
    """Return a segment. Raises Invalid for a text that is no comment, and for what is too long."""
    if holds == Holds.TEXT:
        if keyword != COMMENT_KEYWORD:
            raise no_place("JPEG", f"a text called {keyword!r}")
        return segment(COMMENT_SEGMENT, str(value).encode("utf-8", "replace"), "comment")
    marker, name = next(key for key, held in SEGMENT_NAMES.items() if held == holds)
    data = bytes(value)      # type: ignore[arg-type]
    room = LONGEST_SEGMENT - len(name) if holds == Holds.IPTC else max(1, len(data))      # the others are one segment
    parts = [data[start : start + room] for start in range(0, len(data), room)]
    return b"".join(segment(marker, name + part, holds.value) for part in parts)


def segment(marker: int, data: bytes, what: str) -> bytes:
    if len(data) > LONGEST_SEGMENT:
        raise Invalid(
            f"A JPEG file has room for {LONGEST_SEGMENT:,} bytes of {what}; these are {len(data):,}.",
            "Save a copy as PNG, which has room for more.",
        )
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def after_heads(pieces: Sequence[Piece]) -> int:
    """Return the place behind JFIF's head and the EXIF that stands there.

    It is before any list of further pictures in the file, whose places are counted from that list on.
    """
    for number, each in enumerate(pieces[1:], 1):
        if each.raw[1:2] != bytes((APP0,)) and each.holds != Holds.EXIF:
            return number
    return len(pieces)


JPEG = PieceFormat("JPEG", split_jpeg, encode_segment, after_heads)
