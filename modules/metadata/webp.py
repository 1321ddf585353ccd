"""WebP's chunks: EXIF, XMP and C2PA (WebP container specification, RFC 9649, §2.7)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from modules.imaging.read import RIFF_HEAD, damaged, webp_chunks
from modules.metadata.jpeg import EXIF_NAME
from modules.metadata.pieces import Holds, Piece, PieceFormat, no_place

CHUNK_HOLDS = {b"EXIF": Holds.EXIF, b"XMP ": Holds.XMP, b"C2PA": Holds.C2PA}
CHUNK_NAMES = {holds: name for name, holds in CHUNK_HOLDS.items()}
EXTENDED = b"VP8X"
ALPHA_FLAG, EXIF_FLAG, XMP_FLAG = 0x10, 0x08, 0x04
FLAGS = {Holds.EXIF: EXIF_FLAG, Holds.XMP: XMP_FLAG}


def split_webp(content: bytes) -> list[Piece]:
    """Return the head, each chunk, and what follows the last. Raises InvalidImage."""
    if content[:4] != b"RIFF" or content[8:RIFF_HEAD] != b"WEBP":
        raise damaged()
    pieces, position = [Piece(content[:RIFF_HEAD], Holds.FRAME)], RIFF_HEAD
    for start, length in webp_chunks(content):
        position = start + 8 + length + length % 2
        if position > len(content):
            raise damaged()
        pieces.append(webp_piece(content[start:position], length))
    return [*pieces, Piece(content[position:])]


def webp_piece(raw: bytes, length: int) -> Piece:
    name, data = raw[:4], raw[8 : 8 + length]
    if name == EXTENDED:
        return Piece(raw, Holds.FRAME)
    holds = CHUNK_HOLDS.get(name, Holds.IMAGE)
    if holds == Holds.EXIF:
        return Piece(raw, holds, value=data.removeprefix(EXIF_NAME))      # some programs write JPEG's name before it
    return Piece(raw, holds, value=data if holds == Holds.XMP else b"")


def encode_webp_chunk(holds: Holds, keyword: str, value: str | bytes) -> bytes:
    if holds not in CHUNK_NAMES:
        raise no_place("WebP", f"a text called {keyword!r}" if holds == Holds.TEXT else holds.value)
    return webp_chunk(CHUNK_NAMES[holds], bytes(value))      # type: ignore[arg-type]


def webp_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def behind_pixels(pieces: Sequence[Piece]) -> int:
    return len(pieces) - 1      # before what follows the last chunk


def finish_webp(pieces: Sequence[Piece]) -> bytes:
    """Return the file, its head counting its bytes and its first chunk telling what there is."""
    _, *chunks, tail = pieces
    flags = sum(flag for holds, flag in FLAGS.items() if any(each.holds == holds for each in chunks))
    if not any(each.raw[:4] == EXTENDED for each in chunks) and flags:
        chunks.insert(0, Piece(extended_chunk(next((each.raw for each in chunks), b"")), Holds.FRAME))
    body = b"".join(with_flags(each.raw, flags) if each.raw[:4] == EXTENDED else each.raw for each in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body + tail.raw


def with_flags(raw: bytes, flags: int) -> bytes:
    """Return the chunk of features with these of our flags. Raises InvalidImage for an empty one."""
    if len(raw) < 9:
        raise damaged()
    return raw[:8] + bytes((raw[8] & ~(EXIF_FLAG | XMP_FLAG) | flags,)) + raw[9:]


def extended_chunk(pixels: bytes) -> bytes:
    """Return the chunk of features for a plain file: its size, whether it has alpha. Raises InvalidImage."""
    name, data = pixels[:4], pixels[8:18]
    if name == b"VP8 " and len(data) == 10:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 6))
        alpha = 0
    elif name == b"VP8L" and data[:1] == b"\x2f":
        bits = int.from_bytes(data[1:5], "little")
        width, height, alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bits >> 28 & 1
    else:
        raise damaged()
    if not width or not height:
        raise damaged()
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
    return webp_chunk(EXTENDED, bytes((ALPHA_FLAG * alpha, 0, 0, 0)) + sides)


WEBP = PieceFormat("WebP", split_webp, encode_webp_chunk, behind_pixels, finish_webp)
