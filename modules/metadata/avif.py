"""AVIF's EXIF and XMP: items of a HEIF file (ISO/IEC 14496-12, §8.11; ISO/IEC 23008-12, annex A).

A value goes into a media box of its own at the file's end; only the boxes that say where items are change. The coded
picture keeps its bytes, and where the boxes before it grow, the places of its parts are counted on.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias

from modules.base.errors import InvalidImage
from modules.imaging.read import damaged
from modules.metadata.pieces import FileMetadata, no_place

XMP_TYPE = b"application/rdf+xml"
IN_FILE, IN_META = 0, 1                # where an item's bytes are: construction methods
MOST_BOXES = 10_000
Spans: TypeAlias = "tuple[tuple[int, int], ...]"      # place and length of each part


@dataclass(frozen=True, slots=True)
class HeifBox:
    name: bytes
    head: bytes          # length and name, as in the file
    body: bytes

    @property
    def raw(self) -> bytes:
        return self.head + self.body


def read_boxes(content: bytes) -> Iterator[HeifBox]:
    """Yield the boxes of a file or of a box's body. Raises InvalidImage."""
    position = count = 0
    while position < len(content):
        count += 1
        size, name = struct.unpack(">I4s", content[position : position + 8].ljust(8, b"\0"))
        head = 16 if size == 1 else 8
        if size == 1:
            size = int.from_bytes(content[position + 8 : position + 16], "big")
        size = size or len(content) - position      # 0: up to the end
        if size < head or position + size > len(content) or count > MOST_BOXES:
            raise damaged()
        yield HeifBox(name, content[position : position + head], content[position + head : position + size])
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

    @property
    def meta_end(self) -> int:
        names = [box.name for box in self.boxes]
        return sum(len(box.raw) for box in self.boxes[: names.index(b"meta") + 1])

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
        places = dict(read_places(found.part(b"iloc")))
        items = tuple(item.at(*places.get(item.number, (IN_FILE, ()))) for item in read_infos(found.part(b"iinf")))
        if found.main not in {item.number for item in items}:
            raise damaged()
    return replace(found, items=items)


@contextlib.contextmanager
def damage_told() -> Iterator[None]:
    """Raise InvalidImage where a file is not built as it should be."""
    try:
        yield
    except (struct.error, IndexError, ValueError) as error:
        raise damaged() from error


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


# Reading and writing --------------------------------------------------------------------------------


class Avif:
    """The format: as a `PieceFormat`, though its parts are not one after another."""

    name = "AVIF"

    def read(self, content: bytes) -> FileMetadata:
        return self._metadata(read_heif(content), content)

    def _metadata(self, heif: Heif, content: bytes) -> FileMetadata:
        found = {item.metadata: heif.data(content, item) for item in heif.items if item.metadata}
        signed = any(map(states_origin, heif.boxes))
        return FileMetadata(exif=exif_of_item(found.get("exif", b"")), xmp=found.get("xmp", b""), signed=signed)

    def digest(self, content: bytes) -> str:
        """Return the SHA-256 of the pictures' bytes and of what describes them."""
        heif = read_heif(content)
        pictures = (each.kind + heif.data(content, each) for each in heif.items if not each.metadata)
        return sha256(b"".join((heif.part(b"pitm"), heif.part(b"iprp"), *pictures))).hexdigest()

    def write(self, content: bytes, metadata: FileMetadata) -> bytes:
        """Return the file with these metadata. Raises Invalid for texts and IPTC, InvalidImage for a film."""
        if metadata.texts or metadata.iptc:
            raise no_place(self.name, f"a text called {metadata.texts[0][0]!r}" if metadata.texts else "IPTC")
        heif = read_heif(content)
        if self._metadata(heif, content) == metadata:
            return content
        if any(box.name == b"moov" for box in heif.boxes):
            raise uneditable()
        new = {"exif": item_of_exif(metadata.exif), "xmp": metadata.xmp}
        with damage_told():
            bare = without_metadata(heif, metadata.signed)
            return written(bare, {name: value for name, value in new.items() if value})


C2PA_ID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")      # of its box (C2PA 2.1, §A.5)


def states_origin(box: HeifBox) -> bool:
    return box.name == b"uuid" and box.body.startswith(C2PA_ID)


def exif_of_item(data: bytes) -> bytes:
    """Return the TIFF block of an EXIF item: four bytes count what stands before it."""
    return data[4 + int.from_bytes(data[:4], "big") :].removeprefix(b"Exif\0\0")


def item_of_exif(exif: bytes) -> bytes:
    return bytes(4) + exif if exif else b""


def without_metadata(heif: Heif, signed: bool) -> Heif:
    """Return the file without EXIF and XMP: their own media boxes are left out, other bytes of theirs become zeros.

    A statement of origin that is not wanted becomes free room of its length, so that nothing moves.
    """
    gone = [span for item in heif.items if item.metadata and item.method == IN_FILE for span in item.spans]
    inside = [span for item in heif.items if item.metadata and item.method == IN_META for span in item.spans]
    boxes, position = [], 0
    for number, box in enumerate(heif.boxes):
        start = position + len(box.head)
        position += len(box.raw)
        last = all(each.name == b"mdat" for each in heif.boxes[number:])
        if last and (start, len(box.body)) in gone:
            continue
        if states_origin(box) and not signed:
            box = HeifBox(b"free", box.head[:4] + b"free" + box.head[8:], bytes(len(box.body)))
        boxes.append(replace(box, body=zeroed(box.body, [(place - start, length) for place, length in gone])))
    parts = [replace(part, body=zeroed(part.body, inside)) if part.name == b"idat" else part for part in heif.parts]
    return Heif(tuple(boxes), tuple(parts), tuple(item for item in heif.items if not item.metadata))


def zeroed(body: bytes, spans: list[tuple[int, int]]) -> bytes:
    """Return the bytes with zeros in the spans that lie in them."""
    for place, length in spans:
        if place >= 0 and place + length <= len(body):
            body = body[:place] + bytes(length) + body[place + length :]
    return body


def written(heif: Heif, values: Mapping[str, bytes]) -> bytes:
    """Return the file with a new item for each value."""
    first = max((item.number for item in heif.items), default=0) + 1
    new = [new_item(first + number, name, len(value)) for number, (name, value) in enumerate(values.items())]
    growth = len(meta_box(heif, (*heif.items, *new), first).raw) - len(meta_of(heif).raw)
    moved = tuple(item_moved(item, heif.meta_end, growth) for item in heif.items)
    place = sum(len(box.raw) for box in heif.boxes) + growth
    for number, value in enumerate(values.values()):
        new[number] = replace(new[number], spans=((place + 8, len(value)),))
        place += 8 + len(value)
    meta = meta_box(heif, (*moved, *new), first)
    boxes = [meta if box.name == b"meta" else box for box in heif.boxes]
    return b"".join(box.raw for box in (*boxes, *(make_box(b"mdat", value) for value in values.values())))


def new_item(number: int, name: str, length: int) -> HeifItem:
    kind, tail = (b"Exif", b"\0") if name == "exif" else (b"mime", b"\0" + XMP_TYPE + b"\0")
    info = make_box(b"infe", b"\2\0\0\1" + struct.pack(">HH", number, 0) + kind + tail)      # 1: hidden
    return HeifItem(number, kind, info.raw, IN_FILE, ((0, length),))


def item_moved(item: HeifItem, after: int, growth: int) -> HeifItem:
    if item.method != IN_FILE:
        return item
    return replace(item, spans=tuple((place + growth * (place >= after), length) for place, length in item.spans))


def meta_of(heif: Heif) -> HeifBox:
    return next(box for box in heif.boxes if box.name == b"meta")


def meta_box(heif: Heif, items: tuple[HeifItem, ...], first: int) -> HeifBox:
    """Return the `meta` box that describes these items; those from number `first` on describe the main picture."""
    bodies = {
        b"iinf": infos_body(heif.part(b"iinf"), items),
        b"iloc": places_body(items),
        b"iref": references_body(heif, [item.number for item in items if item.number >= first]),
    }
    parts = [make_box(part.name, bodies.pop(part.name)) if part.name in bodies else part for part in heif.parts]
    parts += [make_box(name, body) for name, body in bodies.items() if len(body) > 4]
    return make_box(b"meta", meta_of(heif).body[:4] + b"".join(part.raw for part in parts))


def infos_body(former: bytes, items: tuple[HeifItem, ...]) -> bytes:
    count = struct.pack(">H" if former[0] == 0 else ">L", len(items))
    return former[:4] + count + b"".join(item.info for item in items)


def places_body(items: tuple[HeifItem, ...]) -> bytes:
    """Places and lengths of four bytes, counted from the beginning; version 1 tells methods."""
    body = struct.pack(">BBBBBBH", 1, 0, 0, 0, 0x44, 0, len(items))
    for item in items:
        body += struct.pack(">HHHH", item.number, item.method, 0, len(item.spans))
        body += b"".join(struct.pack(">LL", *span) for span in item.spans)
    return body


def references_body(heif: Heif, new: list[int]) -> bytes:
    """Return `iref` without what refers from items that are gone, and with "describes" for new ones (§8.11.12)."""
    former = heif.part(b"iref") or bytes(4)
    form = ">HH" if former[0] == 0 else ">LH"
    there = {item.number for item in heif.items}
    kept = [box for box in read_boxes(former[4:]) if struct.unpack_from(form, box.body)[0] in there]
    kept += [make_box(b"cdsc", struct.pack(form, each, 1) + struct.pack(form[:2], heif.main)) for each in new]
    return former[:4] + b"".join(box.raw for box in kept)


AVIF = Avif()
