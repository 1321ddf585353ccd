"""OpenPose's network for bodies: VGG's first ten layers, then six stages that look for limbs and joints.

Cao, Simon, Wei, Sheikh 2017, arXiv:1611.08050. Each stage has two branches, of limbs' fields and of joints' heat, and
sees what the one before it gave. Names are those of the file `body_pose_model.pth`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from modules.base.sizes import Size
from modules.imaging.control.maps import scaled_and_padded
from modules.imaging.control.pose_boxes import LEFT_ARM, RIGHT_ARM, PoseBox, face_box, hand_box
from modules.imaging.control.pose_matching import people_in
from modules.imaging.control.poses import BODY_POINTS, PosedPerson, PosePoints, pose_map
from modules.imaging.control.resampling import AREA, CUBIC, Levels, resampled
from modules.models.annotators.building import annotator_network, finite_map
from modules.models.annotators.openpose_layers import VGG_LAYERS, NamedLayer, OpenPoseNet
from modules.models.annotators.openpose_parts import face_points, hand_points
from modules.models.layers import seen_pixels
from modules.sampling.annotation import Annotate, Annotation

BEGIN = (*VGG_LAYERS, ("conv4_3_CPM", 256), ("conv4_4_CPM", 128))
STAGES_OF_POSE, BRANCHES = 6, {"L1": 38, "L2": 19}      # outputs: limbs' fields; joints' heat and that of none
SEEN_WIDTH, STAGE_WIDTH, FIRST_INNER = 128, 128, 512
BODY_SIDE, STRIDE_OF_POSE = 184, 8      # pixels of the height that it sees, and from one value to the next
BEYOND_PICTURE = 128                              # of 256, beyond the picture


class PoseNet(OpenPoseNet):
    """The network."""

    def __init__(self) -> None:
        branches = product(range(1, STAGES_OF_POSE + 1), BRANCHES.items())
        super().__init__(BEGIN, (each for stage, branch in branches for each in layers_of_stage(stage, *branch)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 3, H, W) in blue, green, red of −½ to ½ → (1, 38, h, w) fields, (1, 19, h, w) heat; h = H / 8."""
        x = self.begun(x)
        fields, heat = self.stage(1, x)
        for number in range(2, STAGES_OF_POSE + 1):
            fields, heat = self.stage(number, torch.cat([fields, heat, x], 1))
        return fields, heat

    def stage(self, number: int, seen: Tensor) -> Sequence[Tensor]:
        """Return what a stage's branches give."""
        branches = (layers_of_stage(number, *branch) for branch in BRANCHES.items())
        return [self.through((name for name, *_ in layers), seen) for layers in branches]


def layers_of_stage(stage: int, branch: str, outputs: int) -> list[NamedLayer]:
    """Return a branch's layers."""
    if stage == 1:
        widths = [SEEN_WIDTH, STAGE_WIDTH, STAGE_WIDTH, STAGE_WIDTH, FIRST_INNER, outputs]
        return [
            (f"conv5_{place + 1}_CPM_{branch}", widths[place], widths[place + 1], 3 if place < 3 else 1)
            for place in range(5)
        ]
    widths = [SEEN_WIDTH + sum(BRANCHES.values()), *[STAGE_WIDTH] * 6, outputs]
    return [
        (f"Mconv{place + 1}_stage{stage}_{branch}", widths[place], widths[place + 1], 7 if place < 5 else 1)
        for place in range(7)
    ]


def load_pose_net(path: Path, device: torch.device) -> PoseNet:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, PoseNet, device)


@dataclass(frozen=True, slots=True)
class PoseNets:
    """The networks that look at people: all bodies at once, then each hand and face if there is one for them."""

    body: Any
    hand: Any = None
    face: Any = None


def posed(body: Any, ask: Annotate) -> Annotation:
    """Return the map of the bodies in a picture, and their poses."""
    return people_drawn(PoseNets(body), ask)


def posed_with_hands(body: Any, hand: Any, ask: Annotate) -> Annotation:
    return people_drawn(PoseNets(body, hand=hand), ask)


def posed_with_faces(body: Any, face: Any, ask: Annotate) -> Annotation:
    """Return the map of bodies and faces, or of faces alone."""
    return people_drawn(PoseNets(body, face=face), ask)


def wholly_posed(body: Any, hand: Any, face: Any, ask: Annotate) -> Annotation:
    return people_drawn(PoseNets(body, hand, face), ask)


def people_drawn(nets: PoseNets, ask: Annotate) -> Annotation:
    """Return the map of the people in a picture, and their poses."""
    padded, (width, height) = scaled_and_padded(ask.pixels, ask.resolution)
    bodies = people_in(*body_maps(nets.body, padded))
    people = [person_with_parts(nets, body, padded, bodiless=ask.name.endswith("faceonly")) for body in bodies]
    return drawn_pose(people, padded.shape[1::-1], (width, height))


def drawn_pose(people: Sequence[PosedPerson], canvas: Size, size: Size) -> Annotation:
    """Return the map of people and their poses.

    canvas: of what they are drawn on; size: of its part that is the map
    """
    width, height = size
    told = [person_json(person) for person in people]
    levels = pose_map(people, *canvas)[:height, :width]
    return Annotation(levels, {"people": told, "canvas_width": width, "canvas_height": height})


def person_with_parts(nets: PoseNets, body: PosePoints, levels: Levels, bodiless: bool) -> PosedPerson:
    """Return a person with hands and face, as far as there are networks for them."""
    size = levels.shape[1], levels.shape[0]
    left, right = (
        points_within(nets.hand, hand_points, levels, hand_box(body, arm, size)) for arm in (LEFT_ARM, RIGHT_ARM)
    )
    face = points_within(nets.face, face_points, levels, face_box(body, size))
    return PosedPerson(() if bodiless else body, left, right, face)


def points_within(
    net: Any, look: Callable[[Any, Levels], PosePoints], levels: Levels, box: PoseBox | None
) -> PosePoints:
    """Return a part's points in pixels of the whole picture; () without a network or without a square to look in."""
    if net is None or box is None:
        return ()
    found = look(net, levels[box.top:box.top + box.side, box.left:box.left + box.side])
    return [point and (point[0] + float(box.left), point[1] + float(box.top)) for point in found]


def person_json(person: PosedPerson) -> dict[str, list[float]]:
    """Return a person as openpose's JSON has them, with the parts that were found."""
    parts = {
        "hand_left_keypoints_2d": person.left_hand, "hand_right_keypoints_2d": person.right_hand,
        "face_keypoints_2d": person.face,
    }
    body = flat_points(person.body or [None] * BODY_POINTS)
    return {"pose_keypoints_2d": body} | {key: flat_points(points) for key, points in parts.items() if any(points)}


def body_maps(net: Any, levels: Levels) -> tuple[np.ndarray, np.ndarray]:
    """Return the heat (19, H, W) and the fields (38, H, W) of a picture (H, W, 3)."""
    height, width = levels.shape[:2]
    scale = BODY_SIDE / height
    smaller = resampled(levels, (max(1, round(width * scale)), BODY_SIDE), CUBIC if scale > 1 else AREA)
    x = seen_pixels(smaller[:, :, ::-1], net)
    x = pad(x, (0, -x.shape[3] % STRIDE_OF_POSE, 0, -x.shape[2] % STRIDE_OF_POSE), value=BEYOND_PICTURE) / 256 - 0.5
    found = []
    for values in net(x):
        whole = interpolate(values, scale_factor=STRIDE_OF_POSE, mode="bicubic")
        cut = whole[:, :, :smaller.shape[0], :smaller.shape[1]]
        found.append(finite_map(interpolate(cut, (height, width), mode="bicubic")))
    fields, heat = found
    return heat, fields


def flat_points(points: Sequence[tuple[float, float] | None]) -> list[float]:
    """Return x, y and confidence of each point; zeros for one that is not seen."""
    return [value for point in points for value in ((*point, 1.0) if point else (0.0, 0.0, 0.0))]
