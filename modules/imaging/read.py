"""Reading generation data from untrusted picture files: no pixel is decoded, and no overlong text is read."""

from __future__ import annotations

import io
import itertools
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError
from PIL._avif import AvifDecoder
from PIL.JpegImagePlugin import JpegImageFile

from modules.base.errors import InvalidImage, TooLarge
from modules.base.limits import MAX_FILE, MAX_INFOTEXT
from modules.imaging.exif_values import COMMENT_TAG, COMMENTED, FIRST_IMAGE, ExifValue, claims_too_much, exif_values

READABLE_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP")
MOST_PIXELS = 64_000_000
MOST_CHUNKS = 100_000           # of a PNG; a large one has some thousands
MOST_OTHERS = 20_000            # chunks without pixels
RIFF_HEAD = 12                  # bytes: RIFF, its length, WEBP
MOST_WEBP_CHUNKS = 100_000      # a long animation has some thousands
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Metadata:
    infotext: str               # the generation data, or ""
    items: dict[str, str]       # the other texts


def open_image(content: bytes) -> Image.Image:
    """Open a picture of a known kind and a sane size, without decoding it. Raises InvalidImage or TooLarge."""
    if len(content) > MAX_FILE:
        raise too_large_file(len(content))
    return open_image_file(io.BytesIO(content))


def open_image_file(file: BinaryIO) -> Image.Image:
    """Open a picture's file, of which only the beginning is read. Raises InvalidImage or TooLarge."""
    check_chunks(file)
    try:
        check_directories(file)
        image = opened_by_pillow(file)
    except Image.DecompressionBombError as error:
        raise too_many_pixels() from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, RuntimeError) as error:
        raise InvalidImage(
            "That is not a picture Easel can read.", f"It reads {', '.join(READABLE_FORMATS)}."
        ) from error
    if image.width * image.height > MOST_PIXELS:
        raise too_many_pixels()
    if claims_too_much(image.info.get("exif", b"")):
        raise damaged()
    return image


def opened_by_pillow(file: BinaryIO) -> Image.Image:
    """Open a picture, also a PNG whose texts have wrong checksums, which Pillow refuses. Raises what Pillow raises."""
    start = file.tell()
    with warnings.catch_warnings():
        # our own limit is lower and is enforced
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            return Image.open(file, formats=READABLE_FORMATS)
        except UnidentifiedImageError:
            file.seek(start)
            if file.read(len(PNG_SIGNATURE)) != PNG_SIGNATURE:
                raise
            file.seek(start)
            content = file.read(MAX_FILE + 1)
            if not has_wrong_checksum(content):
                raise
            return Image.open(io.BytesIO(with_true_checksums(content)), formats=READABLE_FORMATS)


def check_chunks(file: BinaryIO) -> None:
    """Raise InvalidImage for a PNG of too many chunks: Pillow reads each before it knows a size.

    The file's position stays.
    """
    start, others = file.tell(), 0
    if file.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE:
        for count in itertools.count():
            head = file.read(8)
            if len(head) < 8 or head[4:] == b"IEND":
                break
            others += head[4:] != b"IDAT"
            if count >= MOST_CHUNKS or others > MOST_OTHERS:
                raise damaged()
            file.seek(int.from_bytes(head[:4], "big") + 4, io.SEEK_CUR)
    file.seek(start)


class JpegHead(JpegImageFile):
    """A JPEG's segments, without Pillow's look at the resolution in EXIF, for which it reads all of EXIF."""

    def _read_dpi_from_exif(self) -> None:
        pass


def check_directories(file: BinaryIO) -> None:
    """Raise InvalidImage for EXIF and lists of pictures of which Pillow, opening the file, would fill the memory.

    Its readers of other formats leave EXIF alone until it is asked for. The file's position stays. Raises what Pillow
    raises for what is no such picture.
    """
    start = file.tell()
    head = file.read(12)
    file.seek(start)
    if head[:2] == b"\xff\xd8":
        found = JpegHead(file).info
        blocks = [found.get(name, b"") for name in ("exif", "mp")]
    elif head[4:8] == b"ftyp":
        blocks = [AvifDecoder(file.read(), "auto", 1).get_info()[4] or b""]
    else:
        return
    file.seek(start)
    if any(map(claims_too_much, blocks)):
        raise damaged()


def too_large_file(size: int) -> TooLarge:
    return TooLarge(f"The picture file has {size >> 20} MB.", f"Up to {MAX_FILE >> 20} MB are read.")


def too_many_pixels() -> TooLarge:
    error = TooLarge("The picture has too many pixels.", f"Up to {MOST_PIXELS // 1_000_000} million are read.")
    error.code = "image_too_large"
    return error


LARGEST_TEXT_CHUNK = 4 * MAX_INFOTEXT      # bytes: a character of UTF-8 has at most four


def too_much_text() -> TooLarge:
    return TooLarge(
        "The picture's generation data is longer than any prompt.", f"Up to {MAX_INFOTEXT:,} characters are read."
    )


def damaged() -> InvalidImage:
    return InvalidImage("The picture is damaged or was cut off.", "Use the original file.")


def read_metadata(content: bytes) -> Metadata:
    """Return the texts in PNG chunks, EXIF, and comments of GIF and JPEG. Raises InvalidImage or TooLarge."""
    image = open_image(content)
    texts, unseen = png_told(content) if image.format == "PNG" else ({}, b"")
    if image.format == "WEBP":
        unseen = webp_exif(content)
    exif = read_exif(image, unseen)
    infotext = texts.pop("parameters", "") or read_exif_comment(exif) or comment_of(image)
    if len(infotext) > MAX_INFOTEXT:
        raise too_much_text()
    return Metadata(infotext, exif_texts(exif) | texts)


def png_texts(content: bytes) -> dict[str, str]:
    """Return keyword → text, wherever in the file (PNG 3rd edition, §11.3.3). Raises InvalidImage or TooLarge."""
    return png_told(content)[0]


def png_told(content: bytes) -> tuple[dict[str, str], bytes]:
    """Return texts by keyword and EXIF, also what is behind the pixels. Raises InvalidImage or TooLarge."""
    texts: dict[str, str] = {}
    exif, length = b"", 0
    for kind, data in png_chunks(memoryview(content)):
        if kind in TEXTS:
            keyword, text = chunk_text(kind, data)
            texts[keyword] = text
            length += len(text) + len(keyword)
            if length > MAX_INFOTEXT:
                raise too_much_text()
        elif kind == b"eXIf":
            exif = exif or bytes(data)
    return texts, exif


def png_chunks(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield kind and data of each chunk, up to the last (§5.3). Raises InvalidImage for a truncated file.

    A checksum counts where a picture depends on the chunk; elsewhere browsers show the picture without, too.
    """
    for kind, data, right in checked_chunks(content):
        if not right and not is_ancillary(kind):
            raise damaged()
        yield kind, data


def checked_chunks(content: memoryview) -> Iterator[tuple[bytes, memoryview, bool]]:
    """Yield kind and data of each chunk, and whether its checksum is right. Raises InvalidImage for a cut-off file."""
    position, kind = len(PNG_SIGNATURE), b""
    for count in itertools.count():
        if kind == b"IEND":
            return
        if count == MOST_CHUNKS:
            raise damaged()
        try:
            length, kind = struct.unpack_from(">I4s", content, position)
            [checksum] = struct.unpack_from(">I", content, position + 8 + length)
        except struct.error as error:
            raise damaged() from error
        data = content[position + 8 : position + 8 + length]
        yield kind, data, zlib.crc32(data, zlib.crc32(kind)) == checksum
        position += length + 12


def is_ancillary(kind: bytes) -> bool:
    """Return whether a picture can be shown without the chunk: its kind begins with a small letter (§5.4)."""
    return bool(kind[0] & 0x20)


def has_wrong_checksum(content: bytes) -> bool:
    """Return whether an ancillary chunk of a PNG has one. Raises InvalidImage for a truncated file."""
    return any(is_ancillary(kind) and not right for kind, _, right in checked_chunks(memoryview(content)))


def with_true_checksums(content: bytes) -> bytes:
    """Return a PNG with the checksums of its ancillary chunks put right. Raises InvalidImage for a truncated file."""
    mended, position = bytearray(content), len(PNG_SIGNATURE)
    for kind, data, right in checked_chunks(memoryview(content)):
        position += len(data) + 12
        if not right and is_ancillary(kind):
            mended[position - 4 : position] = struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
    return bytes(mended)


def chunk_text(kind: bytes, data: memoryview) -> tuple[str, str]:
    """Return keyword and text of a chunk whose kind is in TEXTS. Raises InvalidImage or TooLarge."""
    if len(data) > LARGEST_TEXT_CHUNK:      # before it is copied
        raise too_much_text()
    keyword, _, rest = bytes(data).partition(b"\0")
    return keyword.decode("latin-1"), TEXTS[kind](rest)


def plain_text(rest: bytes) -> str:
    return rest.decode("latin-1")


def compressed_text(rest: bytes) -> str:
    return inflate_text(rest[1:]).decode("latin-1")


def international_text(rest: bytes) -> str:
    """Compression flag and method, language, translated keyword, UTF-8."""
    _, _, text = rest[2:].partition(b"\0")[2].partition(b"\0")
    return (inflate_text(text) if rest[:1] == b"\1" else text).decode("utf-8", "replace")


def inflate_text(data: bytes) -> bytes:
    """Inflate at most a little more than the longest text: a few bytes can expand to gigabytes."""
    try:
        return zlib.decompressobj().decompress(data, 4 * MAX_INFOTEXT + 1)
    except zlib.error as error:
        raise damaged() from error


TEXTS = {b"tEXt": plain_text, b"zTXt": compressed_text, b"iTXt": international_text}


def read_exif(image: Image.Image, unseen: bytes) -> list[ExifValue]:
    """Return the EXIF's entries, none if it is damaged. Raises TooLarge.

    It does not use `image.getexif()`, which decodes a PNG.
    unseen: EXIF that Pillow leaves out: a PNG's behind the pixels, a WebP's of which its head does not tell
    """
    exif = image.info.get("exif", b"") or unseen
    if len(exif) > 4 * MAX_INFOTEXT:
        raise too_much_text()
    return exif_values(exif)


def webp_exif(content: bytes) -> bytes:
    """Return the first EXIF chunk's data, b"" if there is none."""
    found = ((start, length) for start, length in webp_chunks(content) if content[start : start + 4] == b"EXIF")
    return next((content[start + 8 : start + 8 + length] for start, length in found), b"")


def webp_chunks(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each chunk of a WebP begins and how many bytes of data it says it has (RFC 9649, §2.3)."""
    position, end = RIFF_HEAD, min(len(content), 8 + int.from_bytes(content[4:8], "little"))
    for _ in range(MOST_WEBP_CHUNKS):
        if position + 8 > end:
            return
        length = int.from_bytes(content[position + 4 : position + 8], "little")
        yield position, length
        position += 8 + length + length % 2


def read_exif_comment(exif: list[ExifValue]) -> str:
    return next((each.text for each in exif if each.tag == COMMENT_TAG and each.directory == COMMENTED), "")


def exif_texts(exif: list[ExifValue]) -> dict[str, str]:
    """Return EXIF's other texts, such as description and artist, by EXIF's names; some programs store data there."""
    return {each.label: each.text for each in exif if each.directory == FIRST_IMAGE and each.text.strip("\0 ")}


def comment_of(image: Image.Image) -> str:
    """A GIF's or JPEG's comment."""
    comment = image.info.get("comment", b"") if image.format in ("GIF", "JPEG") else b""
    return comment.decode("utf-8", "replace") if isinstance(comment, bytes) else ""

