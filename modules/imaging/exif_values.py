"""EXIF read entry by entry, in time linear in its length (TIFF 6.0, §2; EXIF 2.32, §4.6).

Values of a sound file lie beside one another, so that together they are no longer than the file: what claims more is
damaged, and costs no more than that.
"""

from __future__ import annotations

import codecs
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from PIL import ExifTags

EXIF_MARK = b"Exif\0\0"
TIFF_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
MOST_EXIF_ENTRIES = 5_000
MOST_CLAIMED = 64 * 2**20                  # bytes of all entries together
EXIF_TEXT, EXIF_BYTES, EXIF_UNDEFINED = 2, 1, 7
# type → struct's letter of a number; two letters for a fraction
NUMBERS = {1: "B", 3: "H", 4: "L", 5: "LL", 6: "b", 8: "h", 9: "l", 10: "ll", 11: "f", 12: "d", 13: "L"}
FIRST_IMAGE, COMMENTED, GPS, EXCHANGE, SECOND_IMAGE = "Image", "Photo", "GPS", "Interoperability", "Thumbnail"
INNER = {0x8769: COMMENTED, 0x8825: GPS, 0xA005: EXCHANGE}      # entries that say where a directory is
COMMENT_TAG = int(ExifTags.Base.UserComment)
WINDOWS_TEXTS = range(0x9C9B, 0x9CA0)      # XPTitle …
PLAIN_STEPS = b"Steps: "                   # is in generation data that are not UTF-16
LONGEST_NUMBERS = 16                       # numbers of one entry that are shown
MOST_DENOMINATOR = 100_000                       # of a second, say: denominators that cameras write are no larger


@dataclass(frozen=True, slots=True)
class ExifValue:
    """An entry of a directory: its tag, type, bytes, and struct's sign for their order."""

    directory: str
    tag: int
    kind: int
    data: bytes
    order: str

    @property
    def label(self) -> str:
        names = ExifTags.GPSTAGS if self.directory == GPS else ExifTags.TAGS
        return names.get(self.tag, f"0x{self.tag:04x}")

    @property
    def text(self) -> str:
        """Return the value if it is a text, or ""."""
        if self.tag == COMMENT_TAG and self.directory == COMMENTED:
            return comment_text(self.data) if self.kind != EXIF_TEXT else plain_exif_text(self.data)
        if self.tag in WINDOWS_TEXTS and self.directory == FIRST_IMAGE:
            return self.data.decode("utf-16-le", "replace").strip("\0")
        return plain_exif_text(self.data) if self.kind == EXIF_TEXT else ""

    @property
    def shown(self) -> str:
        """Return the value as a person reads it."""
        if self.text or self.kind == EXIF_TEXT:
            return self.text
        if self.kind in NUMBERS and len(self.data) <= LONGEST_NUMBERS * exif_value_size(self.kind):
            return " ".join(numbers_shown(self.kind, self.data, self.order))
        printable = self.data.strip(b"\0")
        if len(printable) <= LONGEST_NUMBERS and printable.isascii() and printable.decode("ascii").isprintable():
            return printable.decode("ascii")
        return f"{len(self.data):,} bytes"


def numbers_shown(kind: int, data: bytes, order: str) -> Iterator[str]:
    """Yield each number; a fraction as it is usually spoken of, 1/200 or 2.8."""
    form = struct.Struct(order + NUMBERS[kind])
    for place in range(0, len(data) - form.size + 1, form.size):
        found = form.unpack_from(data, place)
        if len(found) == 1 or not found[1]:
            yield f"{found[0]:g}" if isinstance(found[0], float) else str(found[0])
            continue
        value = Fraction(*found).limit_denominator(MOST_DENOMINATOR)
        yield str(value) if value.numerator == 1 else f"{float(value):g}"


def exif_value_size(kind: int) -> int:
    """Return the bytes of one value of a type."""
    return struct.calcsize("=" + NUMBERS[kind]) if kind in NUMBERS else 1


def exif_values(content: bytes) -> list[ExifValue]:
    """Return the entries of all directories, as far as they can be read; none of what is no EXIF."""
    block = content.removeprefix(EXIF_MARK)
    order = TIFF_ORDERS.get(block[:4], "")
    return list(ExifBlock(block, order).values()) if order else []


class ExifBlock:
    """A TIFF block that is read: how many entries and bytes there may still be."""

    def __init__(self, block: bytes, order: str) -> None:
        self.block, self.order = block, order
        self.bytes_left, self.entries_left, self.claimed = len(block), MOST_EXIF_ENTRIES, 0
        self.waiting: list[tuple[str, int]] = []
        self.seen: set[int] = set()

    def values(self) -> Iterator[ExifValue]:
        self.waiting = [(FIRST_IMAGE, self._number("L", 4))]
        while self.waiting:
            name, place = self.waiting.pop(0)
            if place not in self.seen:
                self.seen.add(place)
                yield from self._directory(name, place)

    def _directory(self, name: str, place: int) -> Iterator[ExifValue]:
        there = max(0, (len(self.block) - place - 2) // 12)
        count = min(self._number("H", place), there, self.entries_left)
        for row in range(place + 2, place + 2 + 12 * count, 12):
            self.entries_left -= 1
            yield from self._entry(name, row)
        following = self._number("L", place + 2 + 12 * count)
        if name == FIRST_IMAGE and following:
            self.waiting.append((SECOND_IMAGE, following))

    def _entry(self, name: str, row: int) -> Iterator[ExifValue]:
        tag, kind, count = struct.unpack_from(f"{self.order}HHL", self.block, row)
        if tag in INNER:
            self.waiting.append((INNER[tag], self._number("L", row + 8)))
            return
        size = count * exif_value_size(kind)
        place = row + 8 if size <= 4 else self._number("L", row + 8)
        if place + size > len(self.block):
            return
        self.claimed += size
        if size <= self.bytes_left:
            self.bytes_left -= size
            yield ExifValue(name, tag, kind, self.block[place : place + size], self.order)

    def _number(self, form: str, place: int) -> int:
        """Return a number of the block, 0 beyond its end."""
        try:
            return struct.unpack_from(self.order + form, self.block, place)[0]
        except struct.error:
            return 0


def claims_too_much(content: bytes) -> bool:
    """Return whether a block's entries, read one by one as Pillow reads them, would fill the memory."""
    block = content.removeprefix(EXIF_MARK)
    found = ExifBlock(block, TIFF_ORDERS.get(block[:4], ""))
    if found.order:
        deque(found.values(), maxlen=0)
    return found.claimed > MOST_CLAIMED or not found.entries_left


# Texts ---------------------------------------------------------------------------------------------


def plain_exif_text(data: bytes) -> str:
    """EXIF 2's texts are ASCII by the standard, UTF-8 by habit."""
    data = data.strip(b"\0")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def comment_text(comment: bytes) -> str:
    """Return a user comment: eight bytes that name its encoding, then the text (EXIF 2.32, §4.6.5)."""
    code, text = comment[:8].rstrip(b"\0 ").upper(), comment[8:]
    if code == b"UNICODE":
        return wide_text(text)
    if code == b"JIS":
        return text.decode("iso2022_jp", "replace").strip("\0")
    return (text if code in (b"ASCII", b"") else comment).decode("utf-8", "replace").strip("\0")


def wide_text(text: bytes) -> str:
    """Decode UTF-16, whose byte order EXIF leaves open: a byte order mark decides, or else "Steps: …"."""
    if text[:2] in (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE):
        return text.decode("utf-16", "replace")
    if PLAIN_STEPS in text:      # some programs name the encoding and write another
        return text.decode("utf-8", "replace").strip("\0")
    big = text[::2].count(0) >= text[1::2].count(0)
    return text.decode("utf-16-be" if big else "utf-16-le", "replace")
