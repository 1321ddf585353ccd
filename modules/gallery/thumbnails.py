"""Small copies of pictures, kept in a folder by the pictures' content, and how pictures look as a number."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from modules.base.border import logged, outcome
from modules.base.errors import InvalidImage
from modules.base.files import write_atomically
from modules.imaging.thumbnail import thumbnail_jpeg

LOOKED_AT_SIDE, LOW_FREQUENCIES = 32, 8      # pixels; rows and columns of the transform that are kept


class Thumbnails:
    """Thumbnails in a folder. Equal pictures share one, whoever has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, path: Path, digest: str) -> bytes:
        """Return the thumbnail of a picture's file, a JPEG; made and kept if there is none yet. Raises InvalidImage."""
        if not digest:
            raise InvalidImage("The picture cannot be read.", "Its file is gone or damaged.")
        content = self.kept(digest)
        if content is None:
            content = thumbnail_jpeg(path)
            logged(write_atomically, self._place(digest), content, failure="A thumbnail could not be kept")
        return content

    def kept(self, digest: str) -> bytes | None:
        """Return the thumbnail if there is one."""
        content = outcome(self._place(digest).read_bytes)
        return None if isinstance(content, Exception) else content

    def _place(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest}.jpg"


def looks_of(thumbnail: bytes) -> int:
    """Return 64 bits that are nearly the same for pictures that look nearly the same, as SQLite's signed integer.

    Each bit says whether a low frequency of the grey picture is above their median (the "pHash" of Zauner 2010).
    """
    with Image.open(BytesIO(thumbnail)) as image:
        grey = image.convert("L").resize((LOOKED_AT_SIDE, LOOKED_AT_SIDE), Image.Resampling.LANCZOS)
    waves = cosines()
    low = waves @ np.asarray(grey, np.float64) @ waves.T
    bits = (low > np.median(low)).ravel()
    return int(np.packbits(bits).view(">i8")[0])


def cosines() -> npt.NDArray[np.float64]:
    """Return the lowest rows of the discrete cosine transform (type II), (8, 32)."""
    places = (2 * np.arange(LOOKED_AT_SIDE) + 1) / (2 * LOOKED_AT_SIDE)
    return np.cos(math.pi * np.outer(np.arange(LOW_FREQUENCIES), places))
