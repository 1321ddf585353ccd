"""Saving of pictures by extensions: A1111's rules for names and folders, and its callbacks before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image

from modules.base.errors import Invalid
from modules.imaging.filename import file_stem, fill_pattern
from modules.imaging.save import IMAGE_ENCODERS, Destination, FileFormat, encode_image, next_number, within_side
from modules.requests.patterns import subfolders, usual_pattern
from modules.surface.binding import bound_host
from modules.surface.name_generator import FilenameGenerator
from modules.surface.script_callbacks import ImageSaveParams


@dataclass(frozen=True)
class SavedName:
    """What a file's name is made of, by the arguments that A1111's `save_image` has for it.

    forced: the whole name; None: it follows from the settings; decorated: whether the pattern of names is used
    """

    names: FilenameGenerator
    opts: Any
    forced: str | None
    suffix: str
    decorated: bool

    @cached_property
    def decoration(self) -> str:
        pattern = self.opts.samples_filename_pattern or usual_pattern(self.opts)
        return fill_pattern(pattern, self.names.facts()) if self.decorated else ""

    @property
    def numbered(self) -> bool:
        without = self.decoration + self.suffix
        return self.forced is None and bool(self.opts.save_images_add_number or not without)

    @property
    def replaces(self) -> bool:
        """True if a file of that name is replaced."""
        return not self.numbered and self.opts.save_images_replace_action == "Replace"

    def path(self, folder: Path, extension: str) -> Path:
        """Return the file with the next free number, or one without number, which may be taken."""
        if self.forced is not None:
            return folder / f"{file_stem(self.forced, '', '')}.{extension}"
        numbers = self.numbers(folder) if self.numbered else iter([""])
        paths = (folder / f"{file_stem(self.decoration, number, self.suffix)}.{extension}" for number in numbers)
        return next(path for path in paths if not (self.numbered and path.exists()))

    def numbers(self, folder: Path) -> Iterator[str]:
        basename = self.names.basename
        for number in count(next_sequence_number(folder, basename)):
            yield f"{basename}-{number:04}" if basename else f"{number:05}"


def next_sequence_number(folder: Path, basename: str) -> int:
    """Return one more than the largest number of a file there with that name before it; 0 in a new folder."""
    if not basename:
        return next_number(folder)
    begin = re.compile(re.escape(basename) + r"-(\d+)")
    found = [begin.match(each.name) for each in folder.iterdir()] if folder.is_dir() else []
    return max((int(each[1]) for each in found if each), default=-1) + 1


def in_subfolder(folder: Path, names: FilenameGenerator, opts: Any, wanted: bool) -> Path:
    """Return the folder, or the one below it that the settings' pattern of folders names."""
    return folder.joinpath(*subfolders(names.facts(), opts)) if wanted else folder


def image_format(path: Path, image: Image.Image, opts: Any) -> FileFormat:
    """Return the format that a file's name asks for; PNG for a picture too large for it. Raises Invalid."""
    name = path.suffix.removeprefix(".").lower()
    if name not in IMAGE_ENCODERS:
        raise Invalid(f"Pictures cannot be saved as {path.name!r}.", f"Choose one of {', '.join(IMAGE_ENCODERS)}.")
    return FileFormat(name, opts.jpeg_quality, opts.webp_lossless).fitting(image.size)


def tell_saving(moment: str, params: ImageSaveParams) -> None:
    """Call who wants to know of a file; an error is told of its extension, and the picture is saved all the same."""
    bound_host().call_listeners(moment, params)


def encoded(image: Image.Image, how: FileFormat, texts: Mapping[str, Any], section: str, opts: Any) -> bytes:
    """Return a picture's file. section: the key of the generation data, which only a PNG has under that name"""
    if not opts.enable_pnginfo:
        return encode_image(image, how, "")
    others = {key: text for key, text in texts.items() if isinstance(text, str)}
    infotext = others.pop(section if how.name != "png" else "parameters", "")
    return encode_image(image, how, infotext, others)


def write_told(params: ImageSaveParams, section: str, replaces: bool, opts: Any) -> tuple[str, str | None]:
    """Write a picture as its listeners have left it, and what the settings want beside it.

    Returns the path of the picture, and of its text file; None without one. Raises DiskFull or Unwritable.
    """
    target = Path(params.filename)
    how = image_format(target, params.image, opts)
    content = encoded(params.image, how, params.pnginfo, section, opts)
    written = Destination(target.parent, target.stem, numbered=False, replaces=replaces).write(content, how.name)
    beside, infotext = Destination(written.parent, written.stem, False, replaces), params.pnginfo.get(section)
    longest, largest = round(opts.target_side_length), opts.img_downscale_threshold * 2**20
    if opts.export_for_4chan and (max(params.image.size) > longest or len(content) > largest):
        smaller = FileFormat("jpg", opts.jpeg_quality)
        beside.write(encoded(within_side(params.image, longest), smaller, params.pnginfo, section, opts), "jpg")
    if not (opts.save_txt and infotext is not None):
        return str(written), None
    return str(written), str(beside.write(f"{infotext}\n".encode("utf-8", "replace"), "txt"))
