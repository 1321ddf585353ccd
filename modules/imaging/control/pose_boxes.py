"""Squares around the hands and faces of people whose bodies are known, in which finer networks then look.

Their sizes are OpenPose's: a hand lies a third of the forearm beyond the wrist, a face about the nose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from modules.base.sizes import Size
from modules.imaging.control.poses import PosePlace, PosePoints

RIGHT_ARM, LEFT_ARM = (2, 3, 4), (5, 6, 7)      # the body's points: shoulder, elbow, wrist
NOSE = 0
BEYOND_WRIST, HAND_SPREAD, UPPER_ARM_SHARE = 0.33, 1.5, 0.9
# how far a face reaches from the nose, in distances from there to an eye or an ear, by the body's points
FACE_SPREADS: Mapping[int, float] = {14: 3.0, 15: 3.0, 16: 1.5, 17: 1.5}
LEAST_BOX_SIDE = 20      # pixels, below which nothing is to be seen


class PoseBox(NamedTuple):
    """A square in a picture, in pixels."""

    left: int
    top: int
    side: int


def hand_box(body: PosePoints, arm: tuple[int, int, int], size: Size) -> PoseBox | None:
    """Return the square of the hand at that arm; None if the arm is not seen, or the hand is too small."""
    shoulder, elbow, wrist = (body[point] for point in arm)
    if not (shoulder and elbow and wrist):
        return None
    centre = tuple(at + BEYOND_WRIST * (at - before) for at, before in zip(wrist, elbow, strict=True))
    side = HAND_SPREAD * max(math.dist(wrist, elbow), UPPER_ARM_SHARE * math.dist(elbow, shoulder))
    return square_about((centre[0], centre[1]), side, size)


def face_box(body: PosePoints, size: Size) -> PoseBox | None:
    """Return the square of the face; None if no nose with an eye or an ear is seen, or the face is too small."""
    nose = body[NOSE]
    seen = [(spread, place) for point, spread in FACE_SPREADS.items() if (place := body[point])]
    if not nose or not seen:
        return None
    reach = max(spread * max(abs(nose[0] - x), abs(nose[1] - y)) for spread, (x, y) in seen)
    return square_about(nose, 2 * reach, size)


def square_about(centre: PosePlace, side: float, size: Size) -> PoseBox | None:
    """Return the square about a point, as far as it lies in a picture of that width and height."""
    left, top = (max(0.0, at - side / 2) for at in centre)
    side = min(side, size[0] - left, size[1] - top)
    return PoseBox(int(left), int(top), int(side)) if side >= LEAST_BOX_SIDE else None
