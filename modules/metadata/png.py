"""PNG's chunks: texts, EXIF, XMP and C2PA (PNG 3rd edition, §5, §11.3; XMP 3, §1.1.5; C2PA 2.1, §A.3)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from modules.base.errors import Invalid
from modules.base.limits import MAX_INFOTEXT
from modules.imaging.exif_values import EXIF_MARK
from modules.imaging.read import PNG_SIGNATURE, TEXTS, chunk_text, damaged, png_chunks, too_much_text
from modules.metadata.pieces import Holds, Piece, PieceFormat, no_place

XMP_KEYWORD = "XML:com.adobe.xmp"
LONGEST_KEYWORD = 79


def split_png(content: bytes) -> list[Piece]:
    """Return the signature, each chunk, and what follows the last. Raises InvalidImage or TooLarge."""
    if not content.startswith(PNG_SIGNATURE):
        raise damaged()
    pieces, position, length = [Piece(PNG_SIGNATURE)], len(PNG_SIGNATURE), 0
    for kind, data in png_chunks(memoryview(content)):
        end = position + len(data) + 12
        pieces.append(chunk_piece(kind, data, content[position:end]))
        length += len(pieces[-1].value) if kind in TEXTS else 0
        if length > MAX_INFOTEXT:
            raise too_much_text()
        position = end
    return [*pieces, Piece(content[position:])]


def chunk_piece(kind: bytes, data: memoryview, raw: bytes) -> Piece:
    if kind == b"eXIf":
        return Piece(raw, Holds.EXIF, value=bytes(data).removeprefix(EXIF_MARK))      # some programs write JPEG's name
    if kind == b"caBX":
        return Piece(raw, Holds.C2PA)
    if kind not in TEXTS:
        return Piece(raw)
    keyword, text = chunk_text(kind, data)
    if keyword == XMP_KEYWORD:
        return Piece(raw, Holds.XMP, value=text.encode())
    return Piece(raw, Holds.TEXT, keyword, text)


def encode_chunk(holds: Holds, keyword: str, value: str | bytes) -> bytes:
    """Return a chunk: tEXt for Latin-1 as in A1111's files, else iTXt, which is UTF-8. Raises Invalid."""
    if holds == Holds.EXIF:
        return png_chunk(b"eXIf", bytes(value))      # type: ignore[arg-type]
    if holds == Holds.XMP:
        return international_chunk(XMP_KEYWORD, bytes(value).decode("utf-8", "replace"))      # type: ignore[arg-type]
    if holds != Holds.TEXT:
        raise no_place("PNG", holds.value)
    check_keyword(keyword)
    text = str(value).replace("\0", "")
    try:
        return png_chunk(b"tEXt", f"{keyword}\0{text}".encode("latin-1"))
    except UnicodeEncodeError:
        return international_chunk(keyword, text)


def check_keyword(keyword: str) -> None:
    """Raise Invalid for what no PNG text may be called (§11.3.3.2)."""
    printable = all(" " <= mark <= "~" or "\xa1" <= mark <= "\xff" for mark in keyword)
    if not 0 < len(keyword) <= LONGEST_KEYWORD or not printable or keyword != keyword.strip() or "  " in keyword:
        raise Invalid(
            f"{keyword[:LONGEST_KEYWORD]!r} cannot be the key of a text in a PNG file.",
            f"A key has 1 to {LONGEST_KEYWORD} printable Latin characters.",
        )


def international_chunk(keyword: str, text: str) -> bytes:
    """Uncompressed, of no language, without a translated keyword."""
    return png_chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8", "replace"))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def before_pixels(pieces: Sequence[Piece]) -> int:
    """Return the place before the first IDAT: readers that stop at the pixels find what stands there."""
    return next((number for number, each in enumerate(pieces) if each.raw[4:8] == b"IDAT"), len(pieces) - 2)


PNG = PieceFormat("PNG", split_png, encode_chunk, before_pixels)
