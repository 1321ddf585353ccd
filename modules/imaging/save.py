"""Pictures to disk: whole or not at all, numbered as A1111 numbers them, their generation data inside."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from datetime import date
from itertools import count
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.base.files import write_new

NUMBERED = re.compile(r"(\d{5,})[-.]")


def png(image: Image.Image, infotext: str, others: Mapping[str, str] | None = None) -> bytes:
    """The PNG file; `infotext`, if any, is its `parameters` text, which is where the field looks for it."""
    info = PngInfo()
    if infotext:
        info.add_text("parameters", infotext)
    for key, text in (others or {}).items():
        info.add_itxt(key, text, zip=True)
    out = io.BytesIO()
    image.save(out, "png", pnginfo=info)
    return out.getvalue()


def save_numbered(content: bytes, folder: Path, name: str, extension: str = "png") -> Path:
    """Write `folder`/2026-11-21/00042-`name`.png with the next free number, and return its path; without a name just the number."""
    folder = folder / date.today().isoformat()
    numbers = count(next_number(folder))
    return write_new((folder / f"{'-'.join(filter(None, (f'{number:05}', name)))}.{extension}" for number in numbers), content)


def save_named(content: bytes, folder: Path, name: str, extension: str = "png") -> Path:
    """Write `folder`/`name`.png, or `name`-1.png and so on if that is taken, and return its path. Raises DiskFull or Unwritable."""
    return write_new((folder / (f"{name}-{number}.{extension}" if number else f"{name}.{extension}") for number in count()), content)


def next_number(folder: Path) -> int:
    """One more than the largest number in front of a file's name there; 0 in a new folder."""
    if not folder.is_dir():
        return 0
    numbers = [int(match[1]) for entry in os.scandir(folder) if (match := NUMBERED.match(entry.name))]
    return max(numbers, default=-1) + 1
