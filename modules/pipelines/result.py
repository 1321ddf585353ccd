"""The result of an image task, with the generation data that are known only once the image is made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from modules.base.errors import InvalidImage
from modules.prompts.network_tags import without_separators
from modules.sampling.questions import Cond, Meaning
from modules.settings.options import Settings


@dataclass(frozen=True)
class SideImage:
    """A picture that is saved beside another: a stage of its making, or its mask."""

    suffix: str                # end of its file name
    image: Image.Image
    after: bool = False        # True if it is numbered after the other


class ExtraParams(dict[str, object]):
    """Generation data that are known only once an image is made, such as a refiner that was reached."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []                # remarks for the job's owner
        self.embeddings: dict[str, str] = {}      # the embeddings in the prompts, each with its hash
        self.side_images: list[SideImage] = []            # saved with the picture
        self.starts: dict[str, Image.Image] = {}  # input pictures to be saved, by their hash

    def collect(self, meaning: Meaning, settings: Settings) -> tuple[Cond, ...]:
        """Note the embeddings and the remarks of an encoded prompt; return its conditionings."""
        self.notes += [note for note in meaning.notes if note not in self.notes]
        if meaning.embeddings and settings.textual_inversion_add_hashes_to_infotext:
            for name, hashed in meaning.embeddings.items():
                self.embeddings.setdefault(without_separators(name), hashed)
            self["TI hashes"] = ", ".join(f"{name}: {hashed}" for name, hashed in self.embeddings.items())
        return meaning.conds


class LeftOut(InvalidImage):
    """A picture of a batch that cannot be read; the other pictures are made all the same."""


@dataclass(frozen=True)
class Result:
    """A picture, (H, W, 3) uint8; not `complete` if it was interrupted.

    flagged: the safety checker's verdict, None without one; withheld: what stands in a flagged picture's place,
    `WITHHELD_BLURRED` or `WITHHELD_REFUSED`; "" if it is the picture itself
    """

    pixels: np.ndarray
    complete: bool = True
    extra_params: ExtraParams = field(default_factory=ExtraParams)
    returned: tuple[Image.Image, ...] = ()      # RGB or RGBA: pictures that the settings want shown beside it
    maps: tuple[Image.Image, ...] = ()          # RGB: those that ControlNet followed, shown too, but in no grid
    flagged: bool | None = None
    withheld: str = ""
