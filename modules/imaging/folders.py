"""Folders of pictures on the server's disk, listed and read picture by picture."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from itertools import compress
from operator import not_
from pathlib import Path

from PIL import Image
from PIL.ExifTags import Base

from modules.base.errors import InvalidImage, TooLarge, WebUIError
from modules.base.limits import MAX_FILE
from modules.imaging.inputs import apply_orientation
from modules.imaging.read import open_image, open_image_file, too_large_file

ON_ITS_SIDE = (5, 6, 7, 8)      # orientations, EXIF 2.32 §4.6.4
DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Listing:
    pictures: tuple[Path, ...]
    others: tuple[Path, ...]      # other files


def listing(folder: Path, most: int) -> Listing:
    """Return a folder's pictures and other files, told apart by content.

    Raises TooLarge beyond `most`, InvalidImage if it cannot be read.
    """
    found = sorted(list_files(folder, most), key=counting)
    readable = [is_picture(path) for path in found]
    return Listing(tuple(compress(found, readable)), tuple(compress(found, map(not_, readable))))


def list_files(folder: Path, most: int) -> list[Path]:
    """Return the files of a folder, without hidden ones and without links that lead out of it."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if (
                    not entry.name.startswith(".")
                    and entry.is_file()
                    and (not entry.is_symlink() or stays(folder, entry))
                ):
                    found.append(folder / entry.name)
                if len(found) > most:
                    raise TooLarge(
                        f"There are more than {most:,} files in {folder.name}.", "Spread them over several folders."
                    )
    except OSError as error:
        raise InvalidImage(
            f"The folder {folder.name} cannot be read: {error.strerror}.", "Check its name, and who may read it."
        ) from error
    return found


def stays(folder: Path, entry: os.DirEntry[str]) -> bool:
    return Path(entry.path).resolve().is_relative_to(folder.resolve())


def counting(path: Path) -> tuple[list[str | int], str]:
    """Return a sort key by numbers: `frame 2` before `frame 10`."""
    parts = DIGITS.split(path.name.casefold())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path.name


def is_picture(path: Path) -> bool:
    try:
        size_of(path)
    except WebUIError:
        return False
    return True


def size_of(path: Path) -> tuple[int, int]:
    """Return width and height from the header. Raises InvalidImage or TooLarge."""
    try:
        with path.open("rb") as file:
            return open_image_file(file).size
    except OSError as error:
        raise unreadable_file(error) from error


def upright_size(path: Path) -> tuple[int, int]:
    """Return width and height of the picture upright. Raises InvalidImage or TooLarge."""
    try:
        with path.open("rb") as file:
            image = open_image_file(file)
            return image.size[::-1] if on_its_side(image) else image.size
    except OSError as error:
        raise unreadable_file(error) from error


def on_its_side(image: Image.Image) -> bool:
    """Return whether EXIF says that the picture is rotated by 90°. Raises InvalidImage if it is damaged."""
    if image.format == "PNG" and "exif" not in image.info:
        return False      # Pillow would read the whole file in search of it
    try:
        return image.getexif().get(Base.Orientation) in ON_ITS_SIDE
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise InvalidImage("The picture's EXIF is damaged.", "Save it again without.") from error


def content_of(path: Path) -> bytes:
    """Return the file's content. Raises InvalidImage or TooLarge."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise too_large_file(size)
        return path.read_bytes()
    except OSError as error:
        raise unreadable_file(error) from error


def read_picture(path: Path) -> Image.Image:
    """Return the picture upright, as L, RGB or RGBA. Raises InvalidImage or TooLarge."""
    return apply_orientation(open_image(content_of(path)))


def unreadable_file(error: OSError) -> InvalidImage:
    return InvalidImage(
        f"The file cannot be read: {error.strerror}.", "Check that it is still there, and who may read it."
    )
