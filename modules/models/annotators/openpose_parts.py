"""OpenPose's networks for hands and for faces: VGG's first layers, then six stages that look for a part's points.

Simon, Joo, Matthews, Sheikh 2017, "Hand Keypoint Detection in Single Images using Multiview Bootstrapping",
arXiv:1704.07809. Each stage sees what the one before it gave. Names are those of the files `hand_pose_model.pth` and
`facenet.pth`; scales and thresholds are those of the ControlNet extension.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from modules.imaging.control.poses import FACE_POINTS, HAND_POINTS, PosePoints
from modules.imaging.control.resampling import AREA, CUBIC, Levels, blurred_levels, resampled
from modules.models.annotators.building import annotator_network, finite_map
from modules.models.annotators.openpose_layers import VGG_LAYERS, NamedLayer, OpenPoseNet
from modules.models.layers import seen_pixels

PART_BEGIN = (
    *VGG_LAYERS, ("conv4_3", 512), ("conv4_4", 512), ("conv5_1", 512), ("conv5_2", 512), ("conv5_3_CPM", 128),
)
PART_STAGES, PART_WIDTH, PART_INNER = 6, 128, 512
WIDE_LAYERS, ALL_LAYERS = 5, 7      # of a stage after the first, those that see 7 × 7
HAND_SIDES, HAND_MAP, HAND_BLUR = (184, 368, 552, 736), 128, 0.8      # pixels seen; of the map; blurred before
FACE_SIDE = 384
PART_SIGMA, LEAST_PART_HEAT = 3.0, 0.05
EIGHT_NEIGHBOURS = np.ones((3, 3), int)


class PartNet(OpenPoseNet):
    """The network of a part with so many points."""

    def __init__(self, points: int) -> None:
        super().__init__(PART_BEGIN, layers_of_part(points + 1))      # the last output is the heat of no point

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) in blue, green, red of −½ to ½ → (1, points + 1, H / 8, W / 8), the heat of each point."""
        x = self.begun(x)
        heat = self.through(["conv6_1_CPM", "conv6_2_CPM"], x)
        for stage in range(2, PART_STAGES + 1):
            heat = self.through(names_of_stage(stage), torch.cat([heat, x], 1))
        return heat


def layers_of_part(outputs: int) -> Iterator[NamedLayer]:
    """Yield the layers of all stages."""
    yield "conv6_1_CPM", PART_WIDTH, PART_INNER, 1
    yield "conv6_2_CPM", PART_INNER, outputs, 1
    for stage in range(2, PART_STAGES + 1):
        widths = [PART_WIDTH + outputs, *[PART_WIDTH] * (ALL_LAYERS - 1), outputs]
        for place, name in enumerate(names_of_stage(stage)):
            yield name, widths[place], widths[place + 1], 7 if place < WIDE_LAYERS else 1


def names_of_stage(stage: int) -> list[str]:
    return [f"Mconv{place}_stage{stage}" for place in range(1, ALL_LAYERS + 1)]


def load_hand_net(path: Path, device: torch.device) -> PartNet:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, partial(PartNet, HAND_POINTS), device)


def load_face_net(path: Path, device: torch.device) -> PartNet:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, partial(PartNet, FACE_POINTS), device)


# Points ------------------------------------------------------------------------------------------------


def hand_points(net: Any, square: Levels) -> PosePoints:
    """Return the 21 points of a hand in a square picture (S, S, 3), in pixels; None for those not seen.

    It is looked at in several sizes, whose maps are averaged.
    """
    soft = blurred_levels(square, HAND_BLUR)
    maps = [interpolate(part_heat(net, soft, side), (HAND_MAP, HAND_MAP), mode="bicubic") for side in HAND_SIDES]
    heat = finite_map(torch.stack(maps).mean(0))
    found = [hottest_of_largest(heat[point]) for point in range(HAND_POINTS)]
    share = square.shape[0] / HAND_MAP
    return [place and (int(place[0] * share), int(place[1] * share)) for place in found]


def face_points(net: Any, square: Levels) -> PosePoints:
    """Return the 70 points of a face in a square picture (S, S, 3), in pixels; None for those not seen."""
    heat = interpolate(part_heat(net, square, FACE_SIDE), square.shape[:2], mode="bilinear", align_corners=True)
    found = finite_map(heat)
    return [hottest_place(found[point]) for point in range(FACE_POINTS)]


def part_heat(net: Any, square: Levels, side: int) -> Tensor:
    """Return the heat (1, C, side / 8, side / 8), or of as many pixels, of a picture brought to that side."""
    seen = resampled(square, (side, side), CUBIC if side > square.shape[0] else AREA)
    heat: Tensor = net(seen_pixels(seen[:, :, ::-1], net) / 256 - 0.5)
    return heat


def hottest_place(heat: np.ndarray) -> tuple[int, int] | None:
    """Return x and y of the warmest pixel (H, W); None if none is warm."""
    y, x = np.unravel_index(int(np.argmax(heat)), heat.shape)
    return (int(x), int(y)) if heat[y, x] > LEAST_PART_HEAT else None


def hottest_of_largest(heat: np.ndarray) -> tuple[int, int] | None:
    """Return x and y of the warmest pixel (H, W) within the warm spot that has most heat; None if none is warm."""
    from scipy.ndimage import gaussian_filter, label, sum_labels  # slow to import

    spots, count = label(gaussian_filter(heat, PART_SIGMA) > LEAST_PART_HEAT, EIGHT_NEIGHBOURS)
    if not count:
        return None
    best = 1 + int(np.argmax(sum_labels(heat, spots, range(1, count + 1))))
    y, x = np.unravel_index(int(np.argmax(np.where(spots == best, heat, 0))), heat.shape)
    return int(x), int(y)
