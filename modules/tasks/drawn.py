"""What the making of a picture comes to, and what it alone can tell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from modules.base.errors import InvalidImage
from modules.sampling.questions import Cond, Meaning
from modules.settings.options import Settings


class Told(dict[str, object]):
    """Generation data that only a picture's making can tell, such as a refiner that was reached."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []      # what the person should know

    def hear(self, meaning: Meaning, settings: Settings) -> tuple[Cond, ...]:
        """Which words of a prompt were embeddings."""
        self.notes += [note for note in meaning.notes if note not in self.notes]
        if meaning.embeddings and settings.textual_inversion_add_hashes_to_infotext:
            before = [str(self["TI hashes"])] if "TI hashes" in self else []
            new = [f"{name}: {hashed}" for name, hashed in meaning.embeddings.items() if not any(f"{name}: " in said for said in before)]
            self["TI hashes"] = ", ".join([*before, *new])
        return meaning.conds


class LeftOut(InvalidImage):
    """A picture of a batch that cannot be read: the others are made all the same."""


@dataclass(frozen=True)
class Drawn:
    """A picture, (H, W, 3) uint8; not `whole` if it was interrupted on the way."""

    pixels: np.ndarray
    whole: bool = True
    told: Told = field(default_factory=Told)
