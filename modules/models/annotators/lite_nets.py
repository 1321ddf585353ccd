"""Small networks of MediaPipe's, TensorFlow Lite files that LiteRT runs on the CPU, and what they find in a picture.

A finder looks at the whole picture in a square and tells boxes with a few points, from which a turned square is cut for
a network that looks closer. Bazarevsky et al. 2019, "BlazeFace", arXiv:1907.05047; 2020, "BlazePose", arXiv:2006.10204.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, sin
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from modules.base.errors import ModelCorrupt
from modules.imaging.control.resampling import Levels
from modules.models.annotators.building import in_black_frame
from modules.models.detection.boxes import suppressed

SAME_FIND = 0.3            # boxes that share more of their union are one find
HIGHEST_LOGIT = 80.0


@dataclass(frozen=True, slots=True)
class BlazeGrids:
    """Where a finder's values belong.

    side: pixels of the square that it sees; grids: cells along a side, and values of each cell, the finest first
    """

    side: int
    grids: tuple[tuple[int, int], ...]

    def middles(self) -> np.ndarray:
        """Return the middle of each value's cell, (n, 2) shares of the side."""
        found = []
        for cells, values in self.grids:
            line = (np.arange(cells) + 0.5) / cells
            across, down = np.meshgrid(line, line)
            found.append(np.stack([across, down], -1).reshape(-1, 2).repeat(values, 0))
        return np.concatenate(found)


POSE_GRIDS = BlazeGrids(224, ((28, 2), (14, 2), (7, 6)))
FACE_GRIDS = BlazeGrids(128, ((16, 2), (8, 6)))


@dataclass(frozen=True, slots=True, eq=False)
class BlazeFind:
    """box: left, top, right, bottom; points: (n, 2), in pixels of the picture"""

    box: np.ndarray
    points: np.ndarray


@dataclass(frozen=True, slots=True)
class TurnedSquare:
    """A square of a picture: its middle and side in pixels, its turn in radians clockwise."""

    x: float
    y: float
    side: float
    turn: float = 0.0

    def cut(self, levels: Levels, pixels: int) -> Levels:
        """Return the square upright, (pixels, pixels, 3); black beyond the picture."""
        along, aside = self.side * cos(self.turn), self.side * sin(self.turn)
        left, top = self.x - (along - aside) / 2, self.y - (aside + along) / 2
        rows = along / pixels, -aside / pixels, left, aside / pixels, along / pixels, top
        image = Image.fromarray(levels)
        return np.asarray(image.transform((pixels, pixels), Image.Transform.AFFINE, rows, Image.Resampling.BILINEAR))

    def places(self, shares: np.ndarray) -> np.ndarray:
        """Return points given in shares of the upright square, (n, 2), in pixels of the picture."""
        from_middle = (shares - 0.5) * self.side
        turned = np.array([[cos(self.turn), sin(self.turn)], [-sin(self.turn), cos(self.turn)]])
        found: np.ndarray = from_middle @ turned + (self.x, self.y)
        return found


class LiteNet:
    """A network of one picture."""

    def __init__(self, path: Path, torch_device: torch.device) -> None:
        """Raises ModelCorrupt. It runs on the CPU, whatever the device."""
        from ai_edge_litert.interpreter import Interpreter  # of requirements-control.txt

        try:
            self.interpreter: Any = Interpreter(model_path=str(path), num_threads=torch.get_num_threads())
            self.interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelCorrupt(f"{path.name} cannot be read ({error}).", "Install mediapipe again.") from error
        self.into = self.interpreter.get_input_details()[0]["index"]
        self.out = [each["index"] for each in self.interpreter.get_output_details()]

    def __call__(self, shares: np.ndarray) -> list[np.ndarray]:
        """(H, W, 3) float32 → what it tells. Raises FloatingPointError for what is no number."""
        self.interpreter.set_tensor(self.into, np.ascontiguousarray(shares[None], np.float32))
        self.interpreter.invoke()
        found = [self.interpreter.get_tensor(index)[0] for index in self.out]
        if not all(np.isfinite(each).all() for each in found):
            raise FloatingPointError
        return found


def blaze_finds(net: Any, grids: BlazeGrids, levels: Levels, least: float) -> list[BlazeFind]:
    """Return what a finder sees in a picture, the surest first.

    least: of the scores, 0 to 1
    """
    square, scale, (left, top) = in_black_frame(levels, (grids.side, grids.side))
    values, logits = net(square.astype(np.float32) / 127.5 - 1)
    scores = logistic(logits[:, 0])
    likely = np.flatnonzero(scores >= least)
    middles = grids.middles()[likely]
    values = values[likely] / grids.side
    half, centre = values[:, 2:4] / 2, values[:, :2] + middles
    boxes = np.concatenate([centre - half, centre + half], 1)
    points = values[:, 4:].reshape(len(likely), -1, 2) + middles[:, None]

    def in_picture(places: np.ndarray) -> np.ndarray:
        found: np.ndarray = (places * grids.side - (left, top)) / scale
        return found

    return [
        BlazeFind(in_picture(boxes[at].reshape(2, 2)).flatten(), in_picture(points[at]))
        for at in suppressed(boxes, scores[likely], SAME_FIND)
    ]


def logistic(logits: np.ndarray | Sequence[float]) -> np.ndarray:
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(logits, -HIGHEST_LOGIT, HIGHEST_LOGIT)))
    return found
