"""Picture files: written whole or not at all, numbered as in A1111, with their generation data."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.base.files import NoteName, no_note, write_atomically, write_new
from modules.imaging.exif_entries import with_user_comment
from modules.imaging.exif_values import EXIF_MARK
from modules.imaging.filename import file_stem
from modules.imaging.resize import LANCZOS

FILE_NUMBER = re.compile(r"(?<!\d)(\d{5,})[-.]")
# pixels; PNG has no limit
LARGEST_SIDES = {"jpg": 65_535, "jpeg": 65_535, "webp": 16_383, "gif": 65_535, "avif": 65_535}
LONGEST_EXIF = 65_533      # bytes, in a JPEG


# Files -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileFormat:
    """A picture's file format; `name` is also the file's extension."""

    name: str = "png"
    quality: int = 80
    lossless: bool = False      # WebP only

    def fitting(self, size: tuple[int, int]) -> FileFormat:
        """Return this format, or PNG if the picture's sides are too long for it."""
        return self if max(size) <= LARGEST_SIDES.get(self.name, max(size)) else FileFormat()

    def holds(self, infotext: str) -> bool:
        """Return whether there is room for the generation data."""
        return self.name not in ("jpg", "jpeg") or len(exif_comment(infotext)) <= LONGEST_EXIF


def encode_image(image: Image.Image, how: FileFormat, infotext: str, others: Mapping[str, str] | None = None) -> bytes:
    """Return the picture's file, with its generation data in A1111's place for that format, if there is room.

    others: further texts, by their keys; only PNG has a place for them
    """
    return IMAGE_ENCODERS[how.name](image, how, infotext, others or {})


def png(image: Image.Image, infotext: str, others: Mapping[str, str] | None = None) -> bytes:
    """Return the PNG file; `infotext`, if any, is its `parameters` text, where other programs look for it."""
    info = PngInfo()
    if infotext:
        info.add_text("parameters", infotext)
    for key, text in (others or {}).items():
        info.add_itxt(key, text, zip=True)
    return saved(image, "png", pnginfo=info)


def encode_jpeg(image: Image.Image, how: FileFormat, infotext: str) -> bytes:
    return saved(
        opaque(image),
        "jpeg",
        quality=how.quality,
        exif=exif_comment(infotext) if how.holds(infotext) else b"",
    )


def webp(image: Image.Image, how: FileFormat, infotext: str) -> bytes:
    return saved(
        opaque(image),
        "webp",
        quality=how.quality,
        lossless=how.lossless,
        exif=exif_comment(infotext),
    )


def avif(image: Image.Image, how: FileFormat, infotext: str) -> bytes:
    return saved(image, "avif", quality=how.quality, exif=exif_comment(infotext))


def gif(image: Image.Image, infotext: str) -> bytes:
    return saved(image, "gif", comment=infotext.encode("utf-8", "replace"))


def saved(image: Image.Image, name: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def opaque(image: Image.Image) -> Image.Image:
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def exif_comment(infotext: str) -> bytes:
    """Return EXIF with the text as its user comment; nothing without a text."""
    return EXIF_MARK + with_user_comment(b"", infotext) if infotext else b""


def within_side(image: Image.Image, longest: int) -> Image.Image:
    """Return the picture, scaled down if a side is longer than that."""
    if max(image.size) <= longest:
        return image
    ratio = longest / max(image.size)
    return image.resize((max(1, round(image.width * ratio)), max(1, round(image.height * ratio))), LANCZOS)


IMAGE_ENCODERS: Mapping[str, Callable[[Image.Image, FileFormat, str, Mapping[str, str]], bytes]] = {
    "png": lambda image, how, infotext, others: png(image, infotext, others),
    "jpg": lambda image, how, infotext, others: encode_jpeg(image, how, infotext),
    "jpeg": lambda image, how, infotext, others: encode_jpeg(image, how, infotext),
    "webp": lambda image, how, infotext, others: webp(image, how, infotext),
    "avif": lambda image, how, infotext, others: avif(image, how, infotext),
    "gif": lambda image, how, infotext, others: gif(image, infotext),
}


# Names -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Destination:
    """The place of a file: its folder and its name, without number and extension."""

    folder: Path
    decoration: str          # the name after the number, if there is one
    numbered: bool
    replaces: bool = False   # True if it replaces a file of the same name

    def write(self, content: bytes, extension: str, suffix: str = "", note: NoteName = no_note) -> Path:
        """Write a file there and return its path. Raises DiskFull or Unwritable.

        The name is 00042-`decoration``suffix`.png with the next free number, or without a number; if it is taken and
        the file does not replace it, -1 and so on is appended. note: called with the file before it gets a new name
        """
        if self.replaces:
            path = self.named(file_stem(self.decoration, "", suffix), extension)
            write_atomically(path, content, note)
            return path
        return write_new(self.names(extension, suffix), content, note)

    def names(self, extension: str, suffix: str) -> Iterator[Path]:
        if self.numbered:
            stems = (file_stem(self.decoration, f"{n:05}", suffix) for n in count(next_number(self.folder)))
        else:
            stem = file_stem(self.decoration, "", suffix)
            stems = (f"{stem}-{n}" if n else stem for n in count())
        return (self.named(stem, extension) for stem in stems)

    def named(self, stem: str, extension: str) -> Path:
        return self.folder / f"{stem}.{extension}"


def save_numbered(content: bytes, folder: Path, name: str, extension: str = "png") -> Path:
    """Write `folder`/2026-11-21/00042-`name`.png with the next free number, and return its path.

    Without a name it is just the number.
    """
    return Destination(folder / date.today().isoformat(), name, numbered=True).write(content, extension)


def save_named(content: bytes, folder: Path, name: str, extension: str = "png") -> Path:
    """Write `folder`/`name`.png, or `name`-1.png and so on if that is taken, and return its path.

    Raises DiskFull or Unwritable.
    """
    return Destination(folder, name, numbered=False).write(content, extension)


def next_number(folder: Path) -> int:
    """Return one more than the largest number at the start of a file name there; 0 in a new folder."""
    if not folder.is_dir():
        return 0
    numbers = [int(match[1]) for entry in os.scandir(folder) if (match := FILE_NUMBER.match(entry.name))]
    return max(numbers, default=-1) + 1
