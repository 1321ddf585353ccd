"""Poses by a ViTPose of transformers, read from a folder with `config.json` and `model.safetensors`.

Xu, Zhang, Zhang, Tao 2022, "ViTPose: Simple Vision Transformer Baselines for Human Pose Estimation", arXiv:2204.12484.
It looks for the joints of one person, whom the picture is taken to show whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from modules.base.errors import ModelMismatch
from modules.imaging.control.maps import scaled_and_padded
from modules.imaging.control.poses import PosedPerson, PosePlace, PosePoints
from modules.imaging.control.resampling import Levels
from modules.models.annotators.building import IMAGENET, finite_map, in_black_frame, standardised
from modules.models.annotators.openpose import drawn_pose
from modules.models.annotators.seen_by_transformers import load_of_transformers
from modules.models.layers import seen_pixels
from modules.sampling.annotation import Annotate, Annotation

JOINTS_OF_COCO = 17
# COCO's joint of each of openpose's points; its neck, the second, is between the shoulders
POINTS_FROM_COCO = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
SHOULDERS = 5, 6
SURE_JOINT = 0.3       # of a joint's heat, where it is highest
AROUND_PERSON = 1.25      # the frame's size to a person's, as it was taught


def load_joint_finder(path: Path, device: torch.device) -> Any:
    """Return the model in a folder's file. Raises ModelError, naming the file."""
    model = load_of_transformers(path, device, {"vitpose": "VitPoseForPoseEstimation"})
    if model.config.num_labels < JOINTS_OF_COCO:
        raise ModelMismatch(
            f"{path.parent.name}/{path.name} finds {model.config.num_labels} joints, not COCO's {JOINTS_OF_COCO}.",
            "Take a ViTPose that was taught with COCO.",
        )
    return model


def posed_alone(model: Any, ask: Annotate) -> Annotation:
    """Return the map of the one person in a picture, and the pose."""
    padded, size = scaled_and_padded(ask.pixels, ask.resolution)
    joints = joints_of(model, padded[: size[1], : size[0]])
    people = [PosedPerson(openpose_points(joints))] if any(joints) else []
    return drawn_pose(people, padded.shape[1::-1], size)


def joints_of(model: Any, levels: Levels) -> PosePoints:
    """Return COCO's joints of a person in pixels of the picture; None is not seen."""
    height, width = model.config.backbone_config.image_size
    frame, scale, (left, top) = in_black_frame(levels, (width, height), AROUND_PERSON)
    several = getattr(model.config.backbone_config, "num_experts", 1) > 1
    experts = {"dataset_index": torch.zeros(1, dtype=torch.long, device=model.device)} if several else {}
    heat = finite_map(model(standardised(seen_pixels(frame, model) / 255, IMAGENET), **experts).heatmaps)
    cell = (width - 1) / (heat.shape[2] - 1), (height - 1) / (heat.shape[1] - 1)
    joints = [
        peak and ((peak[0] * cell[0] - left) / scale, (peak[1] * cell[1] - top) / scale)
        for peak in map(peak_of, heat[:JOINTS_OF_COCO])
    ]
    return [each if each and is_within(each, levels) else None for each in joints]


def is_within(place: PosePlace, levels: Levels) -> bool:
    """Return whether a place is in the picture: the frame goes beyond it."""
    return 0 <= place[0] < levels.shape[1] and 0 <= place[1] < levels.shape[0]


def peak_of(heat: np.ndarray) -> PosePlace | None:
    """Return the column and row of a joint's heat (h, w) where it is highest; None where it is not sure enough."""
    row, column = np.unravel_index(np.argmax(heat), heat.shape)
    return (float(column), float(row)) if heat[row, column] >= SURE_JOINT else None


def openpose_points(joints: PosePoints) -> PosePoints:
    """Return openpose's points of COCO's joints."""
    left, right = (joints[place] for place in SHOULDERS)
    neck = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2) if left and right else None
    return [neck if place is None else joints[place] for place in POINTS_FROM_COCO]
