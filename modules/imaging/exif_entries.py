"""EXIF written and changed entry by entry: all else stays where it is (TIFF 6.0, §2; EXIF 2.32, §4.6).

A camera's own notes, thumbnails and unknown entries are found by their places in the block, so nothing that stays may
move: a new value goes to the end, and a former one is overwritten with zeros where it stood.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from PIL import ExifTags

from modules.base.errors import InvalidImage
from modules.imaging.exif_values import (
    COMMENT_TAG,
    EXIF_TEXT,
    EXIF_UNDEFINED,
    TIFF_ORDERS,
    exif_value_size,
)

EMPTY = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"                # a directory without entries, and none after it
LONG = 4                                              # type of a place in the block
EXIF_DIRECTORY = int(ExifTags.IFD.Exif)
UNICODE_CODE = b"UNICODE\0"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a directory; `field` is its value, or the value's place where that has more than four bytes."""

    tag: int
    kind: int
    count: int
    field: bytes

    @property
    def size(self) -> int:
        return exif_value_size(self.kind) * self.count


def with_user_comment(exif: bytes, text: str) -> bytes:
    """Return EXIF with the text as its user comment, in UTF-16; "" takes the comment away. Raises InvalidImage."""
    if not exif and not text:
        return b""
    order = byte_order(exif or EMPTY)
    encoded = UNICODE_CODE + text.encode("utf-16-le" if order == "<" else "utf-16-be", "replace") if text else None
    return Tiff(exif or EMPTY).with_value((EXIF_DIRECTORY, COMMENT_TAG), EXIF_UNDEFINED, encoded)


def with_exif_text(exif: bytes, tag: int, text: str) -> bytes:
    """Return EXIF with a text of its first directory, such as its artist; "" takes it away. Raises InvalidImage."""
    if not exif and not text:
        return b""
    encoded = text.replace("\0", "").encode("utf-8", "replace") + b"\0" if text else None
    return Tiff(exif or EMPTY).with_value((tag,), EXIF_TEXT, encoded)


def byte_order(exif: bytes) -> str:
    """Return struct's sign for the block's byte order. Raises InvalidImage."""
    order = TIFF_ORDERS.get(exif[:4])
    if not order:
        raise damaged_exif()
    return order


def damaged_exif() -> InvalidImage:
    return InvalidImage("The picture's EXIF is damaged.", "Strip it first, then write it anew.")


class Tiff:
    """A TIFF block that is changed."""

    def __init__(self, content: bytes) -> None:
        self.order = byte_order(content)
        self.content = bytearray(content)

    def with_value(self, path: tuple[int, ...], kind: int, value: bytes | None) -> bytes:
        """Return the block with a value. Raises InvalidImage.

        path: tags of directories from the first on, then the value's tag
        value: in the bytes of its kind and of the block's order; None takes it away
        """
        [first] = self._unpack("L", 4)
        place = self._changed(first, path, kind, value)
        self.content[4:8] = self._pack("L", place)
        return bytes(self.content)

    def _changed(self, directory: int, path: tuple[int, ...], kind: int, value: bytes | None) -> int:
        """Change a directory; return its place, a new one if it has another number of entries."""
        entries, following = self._entries(directory)
        tag, *rest = path
        former = entries.get(tag)
        if rest:
            if former is None and value is None:
                return directory
            inner = self._place_of(former) if former else self._append(EMPTY[8:])
            new: Entry | None = Entry(tag, LONG, 1, self._pack("L", self._changed(inner, tuple(rest), kind, value)))
        else:
            room = self._erase(former)
            count = len(value or b"") // exif_value_size(kind)
            new = Entry(tag, kind, count, self._field(value, room)) if value is not None else None
        return self._written(directory, entries, following, tag, new)

    def _written(self, place: int, entries: dict[int, Entry], following: int, tag: int, new: Entry | None) -> int:
        changed = {**entries, tag: new} if new else {key: each for key, each in entries.items() if key != tag}
        ordered = sorted(changed.values(), key=lambda each: each.tag)
        rows = [self._pack("HHL", each.tag, each.kind, each.count) + each.field for each in ordered]
        block = self._pack("H", len(rows)) + b"".join(rows) + self._pack("L", following)
        if len(changed) > len(entries):
            return self._append(block)
        room = 6 + 12 * len(entries)
        self.content[place : place + room] = block.ljust(room, b"\0")
        return place

    def _entries(self, place: int) -> tuple[dict[int, Entry], int]:
        """Return a directory's entries by their tags, and the place of the directory after it."""
        [count] = self._unpack("H", place)
        found = {}
        for number in range(count):
            row = place + 2 + 12 * number
            tag, kind, length, _ = self._unpack("HHLL", row)
            found[tag] = Entry(tag, kind, length, bytes(self.content[row + 8 : row + 12]))
        if len(found) != count:
            raise damaged_exif()
        return found, self._unpack("L", place + 2 + 12 * count)[0]

    def _erase(self, entry: Entry | None) -> range:
        """Overwrite a former value, for what is taken away must not be found in the file; return the room it leaves."""
        if not entry or entry.size <= 4:
            return range(0)
        room = range(self._place_of(entry), self._place_of(entry) + entry.size)
        if room.stop > len(self.content):
            raise damaged_exif()
        self.content[room.start : room.stop] = bytes(len(room))
        if room.stop == len(self.content):
            del self.content[room.start :]
            return range(0)
        return room

    def _field(self, value: bytes, room: range) -> bytes:
        if len(value) <= 4:
            return value.ljust(4, b"\0")
        if len(value) > len(room):
            return self._pack("L", self._append(value))
        self.content[room.start : room.start + len(value)] = value
        return self._pack("L", room.start)

    def _append(self, block: bytes) -> int:
        """Add a block at the end, at an even place; return the place."""
        self.content += b"\0" * (len(self.content) % 2)
        self.content += block
        return len(self.content) - len(block)

    def _place_of(self, entry: Entry) -> int:
        return struct.unpack(f"{self.order}L", entry.field)[0]

    def _unpack(self, form: str, place: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self.order + form, self.content, place)
        except struct.error as error:
            raise damaged_exif() from error

    def _pack(self, form: str, *values: int) -> bytes:
        return struct.pack(self.order + form, *values)
