"""AVIF's EXIF and XMP: items of a HEIF file (ISO/IEC 14496-12, §8.11; ISO/IEC 23008-12, annex A).

A value goes into a media box of its own at the file's end; only the boxes that say where items are change. The coded
picture keeps its bytes, and where the boxes before it grow, the places of its parts are counted on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain, takewhile

from modules.metadata.avif_film import FILM, changed_film, film_description, film_items
from modules.metadata.heif import (
    IN_FILE,
    IN_META,
    XMP_TYPE,
    Heif,
    HeifBox,
    HeifItem,
    damage_told,
    infos_body,
    make_box,
    places_body,
    read_boxes,
    read_heif,
    uneditable,
    within_file,
)
from modules.metadata.pieces import FileMetadata, no_place


class Avif:
    """The format: as a `PieceFormat`, though its parts are not one after another."""

    name = "AVIF"

    def read(self, content: bytes) -> FileMetadata:
        return self._metadata(read_heif(content), content)

    def _metadata(self, heif: Heif, content: bytes) -> FileMetadata:
        items = (*track_metadata(heif), *heif.items)      # the file's own word goes last, and so first
        last = {item.metadata: item for item in items if item.metadata}
        found = {name: heif.data(content, item) for name, item in last.items()}
        signed = any(map(states_origin, heif.boxes))
        return FileMetadata(exif=exif_of_item(found.get("exif", b"")), xmp=found.get("xmp", b""), signed=signed)

    def digest(self, content: bytes) -> str:
        """Return the SHA-256 of the pictures' bytes and of what describes them."""
        heif = read_heif(content)
        pictures = (each.kind + heif.data(content, each) for each in heif.items if not each.metadata)
        found = sha256(heif.part(b"pitm") + heif.part(b"iprp"))
        for part in chain(pictures, film_bytes(heif)):
            found.update(part)
        return found.hexdigest()

    def write(self, content: bytes, metadata: FileMetadata) -> bytes:
        """Return the file with these metadata. Raises Invalid for texts and IPTC, InvalidImage."""
        if metadata.texts or metadata.iptc:
            raise no_place(self.name, f"a text called {metadata.texts[0][0]!r}" if metadata.texts else "IPTC")
        heif = read_heif(content)
        if self._metadata(heif, content) == metadata:
            return content
        if any(box.name == FRAGMENT for box in heif.boxes):
            raise uneditable()
        new = {"exif": item_of_exif(metadata.exif), "xmp": metadata.xmp}
        with damage_told():
            bare = without_metadata(heif, metadata.signed)
            return written(bare, {name: value for name, value in new.items() if value})


FRAGMENT = b"moof"      # a film in parts, each of which says where its pictures are
C2PA_ID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")      # of its box (C2PA 2.1, §A.5)


def states_origin(box: HeifBox) -> bool:
    return box.name == b"uuid" and box.body.startswith(C2PA_ID)


def exif_of_item(data: bytes) -> bytes:
    """Return the TIFF block of an EXIF item: four bytes count what stands before it."""
    return data[4 + int.from_bytes(data[:4], "big") :].removeprefix(b"Exif\0\0")


def item_of_exif(exif: bytes) -> bytes:
    return bytes(4) + exif if exif else b""


def track_metadata(heif: Heif) -> list[HeifItem]:
    return [item for item in within_file(film_items(heif.boxes)) if item.metadata and item.method == IN_FILE]


def film_bytes(heif: Heif) -> Iterator[bytes]:
    """Yield a film's description and its pictures, without metadata that stand between them; nothing of a picture."""
    if any(box.name == FILM for box in heif.boxes):
        with damage_told():
            yield from (part for box in heif.boxes if box.name == FILM for part in film_description(box))
            yield from (box.body for box in without_metadata(heif, True).boxes if box.name == b"mdat")


def without_metadata(heif: Heif, signed: bool) -> Heif:
    """Return the file without EXIF and XMP: their own media boxes are left out, other bytes of theirs become zeros.

    A statement of origin that is not wanted becomes free room of its length, so that nothing moves.
    """
    stored = (*heif.items, *track_metadata(heif))
    gone = {span for item in stored if item.metadata and item.method == IN_FILE for span in item.spans}
    inside = [span for item in heif.items if item.metadata and item.method == IN_META for span in item.spans]
    content = zeroed(b"".join(box.raw for box in heif.boxes), gone)
    last = len(heif.boxes) - sum(1 for _ in takewhile(lambda box: box.name == b"mdat", reversed(heif.boxes)))
    boxes, position = [], 0
    for number, box in enumerate(heif.boxes):
        start = position + len(box.head)
        position += len(box.raw)
        if number >= last and (start, len(box.body)) in gone:
            continue
        if states_origin(box) and not signed:
            boxes.append(HeifBox(b"free", box.head[:4] + b"free" + box.head[8:], bytes(len(box.body))))
        else:
            boxes.append(replace(box, body=content[start:position]))
    parts = [replace(part, body=zeroed(part.body, inside)) if part.name == b"idat" else part for part in heif.parts]
    return Heif(tuple(boxes), tuple(parts), tuple(item for item in heif.items if not item.metadata))


def zeroed(content: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """Return the bytes with zeros in the spans that lie in them."""
    found = bytearray(content)
    for place, length in spans:
        if place + length <= len(found):
            found[place : place + length] = bytes(length)
    return bytes(found)


def written(heif: Heif, values: Mapping[str, bytes]) -> bytes:
    """Return the file with a new item for each value."""
    first = max((item.number for item in heif.items), default=0) + 1
    new = [new_item(first + number, name, len(value)) for number, (name, value) in enumerate(values.items())]
    grown = describing_boxes(heif, new, lambda place: place)
    moved = moving(heif, grown)
    place = sum(len(grown.get(box.name, box).raw) for box in heif.boxes)
    for number, value in enumerate(values.values()):
        new[number] = replace(new[number], spans=((place + 8, len(value)),))
        place += 8 + len(value)
    now = describing_boxes(heif, new, moved)
    boxes = [now.get(box.name, box) for box in heif.boxes]
    return b"".join(box.raw for box in (*boxes, *(make_box(b"mdat", value) for value in values.values())))


def describing_boxes(heif: Heif, new: Sequence[HeifItem], moved: Callable[[int], int]) -> dict[bytes, HeifBox]:
    """Return the boxes that say where things are, with new items; their lengths do not depend on the places."""
    items = [item_moved(item, moved) for item in heif.items]
    head = next((part.raw for part in heif.parts if part.name == b"hdlr"), b"")
    film = next((box for box in heif.boxes if box.name == FILM), None)
    described = {b"meta": meta_box(heif, items, new)}
    return described | {FILM: changed_film(film, moved, head, new)} if film else described


def moving(heif: Heif, grown: Mapping[bytes, HeifBox]) -> Callable[[int], int]:
    """Return the function from a place in the file to that after boxes before it have grown."""
    growths, end = [], 0
    for box in heif.boxes:
        end += len(box.raw)
        if growth := len(grown.get(box.name, box).raw) - len(box.raw):
            growths.append((end, growth))

    def moved(place: int) -> int:
        return place + sum(growth for after, growth in growths if place >= after)

    return moved


def new_item(number: int, name: str, length: int) -> HeifItem:
    kind, tail = (b"Exif", b"\0") if name == "exif" else (b"mime", b"\0" + XMP_TYPE + b"\0")
    info = make_box(b"infe", b"\2\0\0\1" + struct.pack(">HH", number, 0) + kind + tail)      # 1: hidden
    return HeifItem(number, kind, info.raw, IN_FILE, ((0, length),))


def item_moved(item: HeifItem, moved: Callable[[int], int]) -> HeifItem:
    if item.method != IN_FILE:
        return item
    return replace(item, spans=tuple((moved(place), length) for place, length in item.spans))


def meta_of(heif: Heif) -> HeifBox:
    return next(box for box in heif.boxes if box.name == b"meta")


def meta_box(heif: Heif, items: Sequence[HeifItem], new: Sequence[HeifItem]) -> HeifBox:
    """Return the `meta` box that describes these items and new ones, which describe the main picture."""
    described = (*items, *new)
    bodies = {
        b"iinf": infos_body(heif.part(b"iinf"), described),
        b"iloc": places_body(described),
        b"iref": references_body(heif, [item.number for item in new]),
    }
    parts = [make_box(part.name, bodies.pop(part.name)) if part.name in bodies else part for part in heif.parts]
    parts += [make_box(name, body) for name, body in bodies.items() if len(body) > 4]
    return make_box(b"meta", meta_of(heif).body[:4] + b"".join(part.raw for part in parts))


def references_body(heif: Heif, new: list[int]) -> bytes:
    """Return `iref` without what refers from items that are gone, and with "describes" for new ones (§8.11.12)."""
    former = heif.part(b"iref") or bytes(4)
    form = ">HH" if former[0] == 0 else ">LH"
    there = {item.number for item in heif.items}
    kept = [box for box in read_boxes(former[4:]) if struct.unpack_from(form, box.body)[0] in there]
    kept += [make_box(b"cdsc", struct.pack(form, each, 1) + struct.pack(form[:2], heif.main)) for each in new]
    return former[:4] + b"".join(box.raw for box in kept)


AVIF = Avif()
