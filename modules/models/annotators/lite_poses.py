"""Poses by MediaPipe's networks: a finder of people, and one that tells 33 points of each, drawn as openpose's 18.

Bazarevsky et al. 2020, "BlazePose: On-device Real-time Body Pose tracking", arXiv:2006.10204.
"""

from __future__ import annotations

from math import atan2, hypot, pi
from typing import Any

import numpy as np

from modules.imaging.control.maps import scaled_and_padded
from modules.imaging.control.poses import PosedPerson, PosePoints
from modules.imaging.control.resampling import Levels
from modules.models.annotators.lite_nets import POSE_GRIDS, BlazeFind, TurnedSquare, blaze_finds, logistic
from modules.models.annotators.openpose import drawn_pose
from modules.sampling.annotation import Annotate, Annotation

POSE_PIXELS, VALUES_OF_POINT = 256, 5      # x, y, depth, how likely it is to be seen, and to be in the square
SURE_PERSON, SURE_POINT = 0.5, 0.5
AROUND_BODY = 1.25       # of the circle that the finder tells
# MediaPipe's point of each of openpose's; its neck, the second, is between the shoulders
POINTS_FROM_BLAZE = (0, None, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
BLAZE_SHOULDERS = 11, 12


def lightly_posed(finder: Any, points: Any, ask: Annotate) -> Annotation:
    """Return the map of the people in a picture, and their poses."""
    padded, size = scaled_and_padded(ask.pixels, ask.resolution)
    levels = padded[: size[1], : size[0]]
    bodies = (body_points(points, levels, find) for find in blaze_finds(finder, POSE_GRIDS, levels, SURE_PERSON))
    people = [PosedPerson(body) for body in bodies if any(body)]
    return drawn_pose(people, padded.shape[1::-1], size)


def body_points(net: Any, levels: Levels, find: BlazeFind) -> PosePoints:
    """Return openpose's points of a person; () if there is none after all."""
    square = square_of_person(find)
    values, sure, *_ = net(square.cut(levels, POSE_PIXELS).astype(np.float32) / 255)
    if sure[0] < SURE_PERSON:
        return ()
    told = values.reshape(-1, VALUES_OF_POINT)
    likely = logistic(told[:, 3:]).min(1) >= SURE_POINT
    height, width = levels.shape[:2]
    places = square.places(told[:, :2] / POSE_PIXELS)
    within = ((places >= 0) & (places < (width, height))).all(1)
    seen = [
        (float(x), float(y)) if counts else None for (x, y), counts in zip(places, likely & within, strict=True)
    ]
    left, right = (seen[at] for at in BLAZE_SHOULDERS)
    neck = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2) if left and right else None
    return [neck if at is None else seen[at] for at in POINTS_FROM_BLAZE]


def square_of_person(find: BlazeFind) -> TurnedSquare:
    """Return the square of a person, upright from the middle of the hips to the second point, above the head."""
    (x, y), (end_x, end_y) = find.points[:2]
    turn = pi / 2 - atan2(y - end_y, end_x - x)
    return TurnedSquare(x, y, 2 * AROUND_BODY * hypot(end_x - x, end_y - y), turn)
