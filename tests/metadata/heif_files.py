"""AVIF files put together box by box: the same coded picture in the ways in which the standard lets its parts be kept."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace

from PIL import ExifTags, Image

from modules.imaging.exif_entries import with_user_comment
from modules.metadata.heif import read_boxes, read_heif
from tests.metadata.layouts import A1111, PHOTOSHOP

TILE = 64
COMMENTED_EXIF = with_user_comment(b"", A1111)


def avif(frames=1, mode="RGB", size=(48, 32), **options):
    pictures = [Image.merge(mode, [Image.linear_gradient("L").resize(size).rotate(180 * number) for _ in mode]) for number in range(frames)]
    out = io.BytesIO()
    several = {"save_all": True, "append_images": pictures[1:], "duration": 100} if frames > 1 else {}
    pictures[0].save(out, "avif", **several, **options)
    return out.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return avif(exif=exif.tobytes())


def box(name, body):
    return struct.pack(">I4s", len(body) + 8, name) + body


def full(name, body, version=0, flags=0):
    return box(name, bytes([version]) + flags.to_bytes(3, "big") + body)


def coded(content):
    """The coded picture of a file, and its properties by name."""
    heif = read_heif(content)
    [item] = [each for each in heif.items if each.kind == b"av01"]
    [container] = [each for each in read_boxes(heif.part(b"iprp")) if each.name == b"ipco"]
    return heif.data(content, item), {each.name: each.raw for each in read_boxes(container.body)}


@dataclass(frozen=True)
class HeifLayout:
    """Which of several ways a file is built in.

    within: kinds of items that stand in `idat`; split: parts of an item; head: what stands before EXIF's block
    """

    items: tuple[tuple[int, bytes, bytes], ...]
    properties: tuple[bytes, ...]
    used: dict[int, tuple[int, ...]]
    references: tuple[tuple[bytes, int, tuple[int, ...]], ...] = ()
    within: tuple[bytes, ...] = (b"grid",)
    places: int = 0
    based: bool = False
    infos: int = 2
    counted: int = 0
    split: bool = False
    head: bytes = bytes(4)
    media: str = "after"
    brand: bytes = b"avif"

    @property
    def all_items(self):
        more = ((b"Exif", self.head + COMMENTED_EXIF), (b"mime", PHOTOSHOP))
        first = max(number for number, *_ in self.items) + 1
        return (*self.items, *((first + number, kind, data) for number, (kind, data) in enumerate(more)))

    def info(self, number, kind):
        tail = b"\0application/rdf+xml\0" if kind == b"mime" else b"\0"
        numbered = struct.pack(">HH" if self.infos == 2 else ">LH", number, 0)
        return full(b"infe", numbered + kind + tail, self.infos, int(number > 1))

    def spans(self, start):
        """Method and spans of each item; what is not in `idat` begins at `start`."""
        ends, found = {0: start, 1: 0}, {}
        for number, kind, data in self.all_items:
            method = int(kind in self.within)
            place, ends[method] = ends[method], ends[method] + len(data)
            cut = 10 if self.split and len(data) > 10 else len(data)
            parts = ((place, cut), (place + cut, len(data) - cut))
            found[number] = method, [part for part in parts if part[1]]
        return found

    def stored(self, within):
        return b"".join(data for _, kind, data in self.all_items if (kind in self.within) == within)

    def iloc(self, start):
        version = max(self.places, int(bool(self.stored(True))))
        wide = ">H" if version < 2 else ">L"
        body = bytes([0x44, 0x40 * self.based]) + struct.pack(wide, len(self.all_items))
        for number, (method, spans) in self.spans(start).items():
            base = spans[0][0] if self.based else 0
            body += struct.pack(wide, number) + (struct.pack(">H", method) if version else b"") + b"\0\0"
            body += (struct.pack(">L", base) if self.based else b"") + struct.pack(">H", len(spans))
            body += b"".join(struct.pack(">LL", place - base, length) for place, length in spans)
        return full(b"iloc", body, version)

    def meta(self, start):
        described = [(b"cdsc", number, (1,)) for number, kind, _ in self.all_items if kind in (b"Exif", b"mime")]
        references = b"".join(
            box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to)) for kind, number, to in (*self.references, *described)
        )
        infos = b"".join(self.info(number, kind) for number, kind, _ in self.all_items)
        uses = b"".join(struct.pack(">HB", number, len(used)) + bytes(used) for number, used in self.used.items())
        inner = self.stored(True)
        return full(b"meta", b"".join((
            full(b"hdlr", bytes(4) + b"pict" + bytes(13)), full(b"pitm", struct.pack(">H", 1)), self.iloc(start),
            full(b"iinf", struct.pack(">L" if self.counted else ">H", len(self.all_items)) + infos, self.counted),
            full(b"iref", references),
            box(b"iprp", box(b"ipco", b"".join(self.properties)) + full(b"ipma", struct.pack(">L", len(self.used)) + uses)),
            box(b"idat", inner) if inner else b"",
        )))

    @property
    def content(self):
        start, media = box(b"ftyp", self.brand + bytes(4) + b"avifmif1miafMA1B"), self.stored(False)
        heads = {"endless": struct.pack(">L4s", 0, b"mdat"), "large": struct.pack(">L4sQ", 1, b"mdat", len(media) + 16)}
        head = heads.get(self.media, struct.pack(">L4s", len(media) + 8, b"mdat"))
        if self.media == "before":
            return start + head + media + self.meta(len(start) + len(head))
        return start + self.meta(len(start) + len(self.meta(0)) + len(head)) + head + media


def one_picture(**ways):
    data, found = coded(avif())
    properties = tuple(found[name] for name in (b"ispe", b"pixi", b"av1C", b"colr"))
    turn, mirror = box(b"irot", b"\1"), box(b"imir", b"\1")
    used = {1: (1, 2, 0x83, 4, *ways.pop("turns", ()))}
    return HeifLayout(((1, b"av01", data),), (*properties, turn, mirror), used, **ways).content


def grid(**ways):
    """Two pictures side by side, which are one."""
    data, found = coded(avif(size=(TILE, TILE)))
    whole = full(b"ispe", struct.pack(">LL", 2 * TILE, TILE))
    properties = (*(found[name] for name in (b"ispe", b"pixi", b"av1C", b"colr")), whole)
    rows = bytes([0, 0, 0, 1]) + struct.pack(">HH", 2 * TILE, TILE)
    items = ((1, b"grid", rows), (2, b"av01", data), (3, b"av01", data))
    tile = (1, 2, 0x83, 4)
    layout = HeifLayout(items, properties, {1: (5, 2), 2: tile, 3: tile}, ((b"dimg", 1, (2, 3)),))
    return replace(layout, **ways).content


INSIDE = (b"grid", b"Exif", b"mime")
AVIF_FILES = {
    "as Pillow writes it": avif(exif=COMMENTED_EXIF, xmp=PHOTOSHOP),
    "alpha": avif(mode="RGBA", exif=COMMENTED_EXIF),
    "turned": turned(6),
    "turned and mirrored": turned(5),
    "a profile": avif(icc_profile=b"p" * 99),
    "a film": avif(frames=2, exif=COMMENTED_EXIF),
    "a film with alpha and XMP": avif(frames=3, mode="RGBA", exif=COMMENTED_EXIF, xmp=PHOTOSHOP),
    "a film without data": avif(frames=2),
    "box by box": one_picture(),
    "places of version 1": one_picture(places=1),
    "places of version 2": one_picture(places=2),
    "places from a base": one_picture(based=True),
    "metadata in idat": one_picture(within=INSIDE),
    "all of it in idat": one_picture(within=(*INSIDE, b"av01")),
    "pixels before their description": one_picture(media="before"),
    "a box up to the file's end": one_picture(media="endless"),
    "a box of a long length": one_picture(media="large"),
    "wide numbers of items": one_picture(infos=3),
    "a wide count of items": one_picture(counted=1),
    "items in parts": one_picture(split=True),
    "EXIF with JPEG's name": one_picture(head=b"\0\0\0\6Exif\0\0"),
    "the brand of HEIF": one_picture(brand=b"mif1"),
    "irot and imir": one_picture(turns=(0x85, 0x86)),
    "a grid": grid(),
    "a grid and all metadata in idat": grid(within=INSIDE),
}
