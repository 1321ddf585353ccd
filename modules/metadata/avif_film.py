"""An AVIF film's description, `moov`: where its pictures are, and what its tracks say (ISO/IEC 14496-12, §8.1–8.7).

A track may have metadata of its own beside the file's. What is written stands in both, at one place.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

from modules.metadata.heif import HeifBox, HeifItem, described_items, infos_body, make_box, places_body, read_boxes

FILM, TRACK, META = b"moov", b"trak", b"meta"
FILM_PARTS = (FILM, TRACK, b"mdia", b"minf", b"stbl")      # boxes that hold boxes, down to the places
CHUNK_PLACES = {b"stco": "L", b"co64": "Q"}      # struct's letter of a place


def film_items(boxes: Sequence[HeifBox]) -> Iterator[HeifItem]:
    """Yield the items of all tracks. Raises InvalidImage."""
    tracks = (track for box in boxes if box.name == FILM for track in read_boxes(box.body) if track.name == TRACK)
    for track in tracks:
        for box in read_boxes(track.body):
            parts = {part.name: part.body for part in read_boxes(box.body[4:])} if box.name == META else {}
            if {b"iinf", b"iloc"} <= parts.keys():
                yield from described_items(parts[b"iinf"], parts[b"iloc"])


def changed_film(film: HeifBox, moved: Callable[[int], int], head: bytes, items: Sequence[HeifItem]) -> HeifBox:
    """Return the description with its pictures' places counted on, and with these items in place of its tracks' own.

    head: the box that says what kind of data a `meta` box describes
    """
    parts, waiting = [], list(items)
    for box in read_boxes(film.body):
        if box.name == TRACK:
            box = changed_track(box, moved, track_meta(head, waiting) if waiting else b"")
            waiting = []
        parts.append(box.raw)
    return make_box(FILM, b"".join(parts))


def changed_track(track: HeifBox, moved: Callable[[int], int], meta: bytes) -> HeifBox:
    kept = [with_places_moved(box, moved).raw for box in read_boxes(track.body) if box.name != META]
    return make_box(TRACK, b"".join(kept[:1]) + meta + b"".join(kept[1:]))      # a track's head is its first box


def track_meta(head: bytes, items: Sequence[HeifItem]) -> bytes:
    described = make_box(b"iloc", places_body(items)).raw + make_box(b"iinf", infos_body(bytes(4), items)).raw
    return make_box(META, bytes(4) + head + described).raw


def with_places_moved(box: HeifBox, moved: Callable[[int], int]) -> HeifBox:
    if box.name in FILM_PARTS:
        return make_box(box.name, b"".join(with_places_moved(part, moved).raw for part in read_boxes(box.body)))
    letter = CHUNK_PLACES.get(box.name)
    if not letter:
        return box
    [count] = struct.unpack_from(">L", box.body, 4)
    places = struct.unpack_from(f">{count}{letter}", box.body, 8)
    return make_box(box.name, box.body[:8] + struct.pack(f">{count}{letter}", *map(moved, places)))


def film_description(box: HeifBox) -> Iterator[bytes]:
    """Yield what of a description is no metadata and stays when pictures move."""
    if box.name in FILM_PARTS:
        for part in read_boxes(box.body):
            yield from film_description(part)
    elif box.name not in CHUNK_PLACES and box.name != META:
        yield box.raw
