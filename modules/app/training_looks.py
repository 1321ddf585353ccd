"""What training pictures look like: each file is decoded once, and again when it has changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from modules.base.errors import WebUIError, sentence
from modules.imaging.folders import content_of
from modules.imaging.read import open_image
from modules.imaging.thumbnail import content_thumbnail

MOST_SEEN = 50_000      # pictures that are remembered
SMALL_SIDE = 12         # pixels of the small copies that are compared
ALIKE_AT_MOST = 3.0             # mean difference of 255 between pictures that look nearly the same
MOST_COMPARED = 5_000   # pictures of one data set that are compared with one another


@dataclass(frozen=True, slots=True)
class PictureLooks:
    """A picture's content: `digest` of its file, the RGB of its small copy, what is wrong with it, or ""."""

    digest: str = ""
    small: bytes = bytes(3 * SMALL_SIDE**2)
    transparent: bool = False
    damage: str = ""


@dataclass(eq=False)
class TrainingLooks:
    """The pictures seen so far, by path, time and size. Any thread may ask."""

    _known: dict[tuple[str, int, int], PictureLooks] = field(default_factory=dict, repr=False)
    _held: Lock = field(default_factory=Lock, repr=False)

    def of(self, path: Path) -> PictureLooks:
        """Return a picture's looks; one that cannot be read has its damage told."""
        try:
            about = path.stat()
        except OSError as error:
            return PictureLooks(damage=f"It cannot be read: {error.strerror}.")
        key = str(path), about.st_mtime_ns, about.st_size
        if key not in self._known:
            found = picture_looks(path)
            with self._held:
                if len(self._known) >= MOST_SEEN:
                    self._known.clear()
                self._known[key] = found
        return self._known.get(key) or picture_looks(path)


def picture_looks(path: Path) -> PictureLooks:
    try:
        content = content_of(path)
        opened = open_image(content)
        transparent = opened.mode in ("RGBA", "LA", "PA") or "transparency" in opened.info
        return PictureLooks(sha256(content).hexdigest(), small_copy(content), transparent)
    except WebUIError as error:
        return PictureLooks(damage=sentence(error))


def small_copy(content: bytes) -> bytes:
    """Return the RGB values of a picture's small copy. Raises InvalidImage."""
    with Image.open(BytesIO(content_thumbnail(content))) as image:
        return image.convert("RGB").resize((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BOX).tobytes()


def alike_pictures(looks: Sequence[PictureLooks]) -> Iterator[tuple[int, int, bool]]:
    """Yield each picture that is like an earlier one: its place, the earlier one's, and whether the files are equal."""
    smalls = [np.frombuffer(each.small, np.uint8) for each in looks[:MOST_COMPARED]]
    values = np.array(smalls, np.float32)
    for place in range(1, len(values)):
        if looks[place].damage:
            continue
        differing = np.abs(values[:place] - values[place]).mean(1)
        near = [int(each) for each in np.flatnonzero(differing <= ALIKE_AT_MOST) if not looks[int(each)].damage]
        same = [each for each in near if looks[each].digest == looks[place].digest]
        if near:
            yield place, (same or near)[0], bool(same)
