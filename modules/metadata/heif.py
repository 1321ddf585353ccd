"""HEIF files: boxes, and the items that they describe (ISO/IEC 14496-12, §4.2, §8.11; ISO/IEC 23008-12, annex A)."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from modules.base.errors import InvalidImage
from modules.base.limits import MAX_FILE
from modules.imaging.read import damaged

XMP_TYPE = b"application/rdf+xml"
IN_FILE, IN_META = 0, 1                # where an item's bytes are: construction methods
MOST_BOXES = 10_000
Spans: TypeAlias = "tuple[tuple[int, int], ...]"      # place and length of each part


@dataclass(frozen=True, slots=True)
class HeifBox:
    name: bytes
    head: bytes          # length and name
    body: bytes

    @property
    def raw(self) -> bytes:
        return self.head + self.body


def read_boxes(content: bytes) -> Iterator[HeifBox]:
    """Yield the boxes of a file or of a box's body; one up to the end says its length. Raises InvalidImage."""
    position = count = 0
    while position < len(content):
        count += 1
        size, name = struct.unpack(">I4s", content[position : position + 8].ljust(8, b"\0"))
        head = 16 if size == 1 else 8
        if size == 1:
            size = int.from_bytes(content[position + 8 : position + 16], "big")
        size = size or len(content) - position      # 0: up to the end, which may be another one when it is written
        if size < head or position + size > len(content) or count > MOST_BOXES:
            raise damaged()
        says = content[position : position + head] if head > 8 else struct.pack(">I4s", size, name)
        yield HeifBox(name, says, content[position + head : position + size])
        position += size


def make_box(name: bytes, body: bytes) -> HeifBox:
    return HeifBox(name, struct.pack(">I4s", len(body) + 8, name), body)


@dataclass(frozen=True, slots=True)
class HeifItem:
    """An item of the file: its description as in the file, and where its bytes are.

    spans: place and length of each part, counted from the file's beginning or, for IN_META, from that of `idat`
    """

    number: int
    kind: bytes
    info: bytes
    method: int = IN_FILE
    spans: Spans = ()

    def at(self, method: int, spans: Spans) -> HeifItem:
        return replace(self, method=method, spans=spans)

    @property
    def metadata(self) -> str:
        """Return which field of FileMetadata it holds, or ""."""
        is_xmp = self.kind == b"mime" and XMP_TYPE in self.info.split(b"\0")
        return "exif" if self.kind == b"Exif" else "xmp" if is_xmp else ""


@dataclass(frozen=True, slots=True)
class Heif:
    """A HEIF file: its boxes, and the items that its `meta` box describes."""

    boxes: tuple[HeifBox, ...]
    parts: tuple[HeifBox, ...]          # those of `meta`
    items: tuple[HeifItem, ...]

    def part(self, name: bytes) -> bytes:
        """Return the body of a box in `meta`, or nothing."""
        return next((box.body for box in self.parts if box.name == name), b"")

    @property
    def main(self) -> int:
        """The main picture's number (§8.11.4)."""
        body = self.part(b"pitm")
        return int.from_bytes(body[4 : 6 if body[0] == 0 else 8], "big")

    def data(self, content: bytes, item: HeifItem) -> bytes:
        """Return an item's bytes. Raises InvalidImage."""
        source = content if item.method == IN_FILE else self.part(b"idat")
        if any(place + length > len(source) for place, length in item.spans):
            raise damaged()
        return b"".join(source[place : place + length] for place, length in item.spans)


def read_heif(content: bytes) -> Heif:
    """Return a file's boxes and items. Raises InvalidImage."""
    with damage_told():
        boxes = tuple(read_boxes(content))
        [meta] = [box for box in boxes if box.name == b"meta"]
        found = Heif(boxes, tuple(read_boxes(meta.body[4:])), ())
        items = tuple(described_items(found.part(b"iinf"), found.part(b"iloc")))
        if found.main not in {item.number for item in items}:
            raise damaged()
    return replace(found, items=within_file(items))


def within_file(items: Iterable[HeifItem]) -> tuple[HeifItem, ...]:
    """Return items. Raises InvalidImage if they are longer together than a file may be: their spans may overlap."""
    found = tuple(items)
    if sum(length for item in found for _, length in item.spans) > MAX_FILE:
        raise damaged()
    return found


@contextlib.contextmanager
def damage_told() -> Iterator[None]:
    """Raise InvalidImage where a file is not built as it should be."""
    try:
        yield
    except (struct.error, IndexError, ValueError, RecursionError) as error:
        raise damaged() from error


def described_items(infos: bytes, places: bytes) -> Iterator[HeifItem]:
    """Yield the items that the boxes `iinf` and `iloc` describe. Raises InvalidImage."""
    there = dict(read_places(places))
    yield from (item.at(*there.get(item.number, (IN_FILE, ()))) for item in read_infos(infos))


def read_infos(body: bytes) -> Iterator[HeifItem]:
    """Yield the items of `iinf`, without their places (§8.11.6)."""
    for box in read_boxes(body[6 if body[0] == 0 else 8 :]):
        if box.name != b"infe" or box.body[0] not in (2, 3):
            raise uneditable()
        wide = box.body[0] == 3
        [number] = struct.unpack_from(">L" if wide else ">H", box.body, 4)
        kind_at = 10 if wide else 8
        yield HeifItem(number, box.body[kind_at : kind_at + 4], box.raw)


def read_places(body: bytes) -> Iterator[tuple[int, tuple[int, Spans]]]:
    """Yield number, and method and spans of each item of `iloc` (§8.11.3)."""
    version, sizes = body[0], (body[4] >> 4, body[4] & 15, body[5] >> 4, body[5] & 15)
    offset_size, length_size, base_size, index_size = sizes
    take = NumberReader(body, 6)
    for _ in range(take.next(2 if version < 2 else 4)):
        number = take.next(2 if version < 2 else 4)
        method = take.next(2) & 15 if version else IN_FILE
        elsewhere, base = take.next(2), take.next(base_size)
        spans = []
        for _ in range(take.next(2)):
            take.next(index_size if version else 0)
            spans.append((base + take.next(offset_size), take.next(length_size)))
        if version > 2 or elsewhere or method not in (IN_FILE, IN_META) or not all(length for _, length in spans):
            raise uneditable()
        yield number, (method, tuple(spans))


class NumberReader:
    """Big-endian numbers of given lengths, one after another. Raises InvalidImage at the end."""

    def __init__(self, content: bytes, position: int) -> None:
        self.content, self.position = content, position

    def next(self, length: int) -> int:
        self.position += length
        if self.position > len(self.content):
            raise damaged()
        return int.from_bytes(self.content[self.position - length : self.position], "big")


def uneditable() -> InvalidImage:
    return InvalidImage("This AVIF file keeps its parts in a way that Easel does not change.", "Save a copy as PNG.")


# Writing -------------------------------------------------------------------------------------------


def infos_body(former: bytes, items: Sequence[HeifItem]) -> bytes:
    count = struct.pack(">H" if former[0] == 0 else ">L", len(items))
    return former[:4] + count + b"".join(item.info for item in items)


def places_body(items: Sequence[HeifItem]) -> bytes:
    """Places and lengths of four bytes, counted from the beginning; version 1 tells methods."""
    body = struct.pack(">BBBBBBH", 1, 0, 0, 0, 0x44, 0, len(items))
    for item in items:
        body += struct.pack(">HHHH", item.number, item.method, 0, len(item.spans))
        body += b"".join(struct.pack(">LL", *span) for span in item.spans)
    return body
