"""IPTC-IIM in Photoshop's image resources: read, and texts of it changed (IIM 4.2, §1–6; Photoshop file formats)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import md5

RESOURCE = b"8BIM"
IIM_RESOURCE, IIM_DIGEST_RESOURCE = 0x0404, 0x0425
IIM_MARK = 0x1C
UTF_8_CODE = b"\x1b%G"
CODING = (1, 90)
MOST_DATA_SETS = 2_000
LONGEST_IIM = 0x7FFF
IIM_LABELS = {
    (2, 5): "Title", (2, 15): "Category", (2, 25): "Keywords", (2, 40): "Special instructions",
    (2, 55): "Date created", (2, 60): "Time created", (2, 65): "Program", (2, 70): "Program version",
    (2, 80): "Author", (2, 85): "Author's title", (2, 90): "City", (2, 92): "Place", (2, 95): "State",
    (2, 101): "Country", (2, 103): "Reference", (2, 105): "Headline", (2, 110): "Credit", (2, 115): "Source",
    (2, 116): "Copyright", (2, 118): "Contact", (2, 120): "Description", (2, 122): "Author of the description",
}


@dataclass(frozen=True, slots=True)
class DataSet:
    """A value of IIM: record and number of its kind, and its bytes."""

    key: tuple[int, int]
    data: bytes

    @property
    def raw(self) -> bytes:
        return struct.pack(">BBBH", IIM_MARK, *self.key, len(self.data)) + self.data


@dataclass(frozen=True, slots=True)
class ImageResource:
    number: int
    head: bytes       # as in the file, up to its length
    data: bytes

    @property
    def raw(self) -> bytes:
        return self.head + struct.pack(">L", len(self.data)) + self.data + b"\0" * (len(self.data) % 2)


def image_resources(content: bytes) -> Iterator[ImageResource]:
    """Yield each resource, up to what is none."""
    position = 0
    while content[position : position + 4] == RESOURCE:
        number = int.from_bytes(content[position + 4 : position + 6], "big")
        name = content[position + 6 : position + 7] or b"\0"
        start = position + 6 + (1 + name[0] + 1) // 2 * 2
        length = int.from_bytes(content[start : start + 4], "big")
        if start + 4 + length > len(content):
            return
        yield ImageResource(number, content[position:start], content[start + 4 : start + 4 + length])
        position = start + 4 + length + length % 2


def data_sets(iim: bytes) -> Iterator[DataSet]:
    """Yield the values, up to what is none; those of more than 32 KB are not looked at."""
    position = count = 0
    while position + 5 <= len(iim) and iim[position] == IIM_MARK and count < MOST_DATA_SETS:
        length = int.from_bytes(iim[position + 3 : position + 5], "big")
        if length & 0x8000 or position + 5 + length > len(iim):
            return
        yield DataSet((iim[position + 1], iim[position + 2]), iim[position + 5 : position + 5 + length])
        position += 5 + length
        count += 1


def values_of_iptc(resources: bytes) -> tuple[list[DataSet], bool]:
    """Return all values, and whether they say that they are UTF-8."""
    iim = b"".join(each.data for each in image_resources(resources) if each.number == IIM_RESOURCE)
    found = list(data_sets(iim))
    return found, any(each.key == CODING and each.data == UTF_8_CODE for each in found)


def iptc_pairs(resources: bytes) -> tuple[tuple[str, str], ...]:
    """Return label and value of each text of IPTC, in the file's order."""
    found, coded = values_of_iptc(resources)
    return tuple((IIM_LABELS[each.key], iim_text(each.data, coded)) for each in found if each.key in IIM_LABELS)


def iim_text(data: bytes, coded: bool) -> str:
    """Decode a text: UTF-8 if the file says so or if it fits, else Latin-1."""
    try:
        return data.decode("utf-8", "replace" if coded else "strict").strip("\0")
    except UnicodeDecodeError:
        return data.decode("latin-1").strip("\0")


# Writing -------------------------------------------------------------------------------------------


def with_iptc(resources: bytes, changes: Mapping[str, tuple[str, ...]]) -> bytes:
    """Return the resources with the texts of some labels changed; all is UTF-8 then. What is no resource stays."""
    keys = {label: key for key, label in IIM_LABELS.items()}
    found, coded = values_of_iptc(resources)
    gone = {keys[label] for label in changes}
    kept = [recoded(each, coded) for each in found if each.key not in gone and each.key != CODING]
    texts = [(keys[label], text.encode("utf-8", "replace")) for label, listed in changes.items() for text in listed]
    new = [DataSet(key, text[:LONGEST_IIM]) for key, text in texts]
    ordered = sorted([DataSet(CODING, UTF_8_CODE), *kept, *new], key=lambda each: each.key)
    return with_resource(resources, b"".join(each.raw for each in ordered))


def recoded(value: DataSet, coded: bool) -> DataSet:
    """Return a value whose text is UTF-8; what is already said to be keeps its bytes, as unknown values do."""
    if coded or value.key not in IIM_LABELS:
        return value
    return DataSet(value.key, iim_text(value.data, coded).encode())


def with_resource(resources: bytes, iim: bytes) -> bytes:
    """Return the resources with other values, and with the digest by which Photoshop sees that they fit its XMP."""
    all_of_them = list(image_resources(resources))
    tail = resources[sum(len(each.raw) for each in all_of_them) :]
    new = {IIM_RESOURCE: iim, IIM_DIGEST_RESOURCE: md5(iim, usedforsecurity=False).digest()}
    parts = [ImageResource(each.number, each.head, new.get(each.number, each.data)).raw for each in all_of_them]
    if not any(each.number == IIM_RESOURCE for each in all_of_them):
        parts.append(ImageResource(IIM_RESOURCE, RESOURCE + struct.pack(">HH", IIM_RESOURCE, 0), iim).raw)
    return b"".join(parts) + tail
