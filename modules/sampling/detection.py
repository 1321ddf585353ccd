"""The question for things in a picture, such as faces, and its answer."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from modules.sampling.weights import Weights

if TYPE_CHECKING:
    import numpy as np

DetectionBox = tuple[float, float, float, float]      # left, top, right, bottom, in pixels


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A thing that a detector found in a picture.

    mask: (H, W) bool, its shape in the picture; None: its box is all that is known
    """

    box: DetectionBox
    score: float = 1.0
    label: str = ""
    mask: np.ndarray | None = None

    @property
    def area(self) -> float:
        """The box's area in pixels."""
        left, top, right, bottom = self.box
        return max(0.0, right - left) * max(0.0, bottom - top)

    @property
    def centre(self) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Detect:
    """Ask a detector for the things in a picture (H, W, 3) uint8. Answer: a list of `Detection`, the surest first."""

    quick: ClassVar = True

    weights: Weights                 # those of the pass that follows
    pixels: np.ndarray
    name: str                        # the detector's file in the library
    confidence: float                # least score
    classes: tuple[str, ...] = ()    # the labels that count; all of them if empty

    @property
    def key(self) -> Hashable:
        return Detect, self.name, self.pixels.shape

    @property
    def rows(self) -> int:
        return 1
