"""The question for what a network sees in a picture, as a map that ControlNets follow, and its answer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from modules.sampling.weights import Weights

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """A map, (H, W, 3) uint8.

    pose: what the map shows as openpose's JSON, for editors; None for a map of something else
    """

    levels: np.ndarray
    pose: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Annotate:
    """Ask a preprocessor that is a network for the map of a picture (H, W, 3) uint8. Answer: an `Annotation`.

    pixels: the picture; (H, W, 4) with its mask for a preprocessor that fills its hole
    name: the preprocessor's in `params.preprocessors`
    resolution: the shorter side of what it sees, in pixels; a, b: its two values
    """

    quick: ClassVar = True

    weights: Weights                 # those of the pass that follows
    pixels: np.ndarray
    name: str
    resolution: int = 512
    a: float = 0.5
    b: float = 0.5

    @property
    def key(self) -> Hashable:
        return Annotate, self.name, self.pixels.shape

    @property
    def rows(self) -> int:
        return 1
