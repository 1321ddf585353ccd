"""Poses as openpose's maps show them: a stick figure of a colour a limb, hands and faces, on black.

The figures, colours and pixels are those of the ControlNet extension's maps, by which openpose's ControlNets were
taught; `strokes` draws as OpenCV does.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modules.imaging.control.resampling import Levels
from modules.imaging.control.strokes import Pixel, StrokeColour, draw_disc, draw_ellipse, draw_thick_line

BODY_POINTS, HAND_POINTS, FACE_POINTS = 18, 21, 70      # of OpenPose's COCO body, its hands and its face
# pairs of the body's points: nose, neck, right shoulder, elbow, wrist, left ones, right hip, knee, ankle, left ones,
# right eye, left eye, right ear, left ear
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
    (0, 14), (14, 16), (0, 15), (15, 17),
)
# a hand's wrist is 0, each finger has four points from its root on
FINGERS = tuple((point if point % 4 else 0, point + 1) for point in range(HAND_POINTS - 1))
LIMB_WIDTH, JOINT_RADIUS, FINGER_WIDTH, FACE_RADIUS = 4, 4, 2, 3      # pixels; a limb's is half of it
LIMB_SHARE = 0.6      # of a joint's colour
HAND_COLOUR, FACE_COLOUR = (0, 0, 255), (255, 255, 255)

PosePlace = tuple[float, float]            # x, y in pixels
PosePoints = Sequence[PosePlace | None]        # None is not seen


@dataclass(frozen=True, slots=True)
class PosedPerson:
    """A person's points: 18 of the body, 21 of each hand and 70 of the face; () where it has none."""

    body: PosePoints = ()
    left_hand: PosePoints = ()
    right_hand: PosePoints = ()
    face: PosePoints = ()


def points_of(numbers: Sequence[float], width: int, height: int) -> PosePoints:
    """Return the points of a JSON's list of x, y and confidence; below 1 one is not seen.

    Coordinates that all lie within 0 to 1 are shares of the canvas, else they are pixels of it.
    """
    found = [
        (x, y) if confidence >= 1 else None
        for x, y, confidence in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    ]
    if all(0 <= value <= 1 for point in found if point for value in point):
        return [point and (point[0] * width, point[1] * height) for point in found]
    return found


def pose_map(people: Sequence[PosedPerson], width: int, height: int) -> Levels:
    """Return the map of some people, (height, width, 3) uint8."""
    levels = np.zeros((height, width, 3), np.uint8)
    for person in people:
        draw_body(levels, person.body)
        for hand in (person.left_hand, person.right_hand):
            draw_hand(levels, hand)
        draw_dots(levels, person.face, FACE_RADIUS, FACE_COLOUR)
    return levels


def draw_body(levels: Levels, points: PosePoints) -> None:
    """Draw the limbs, darker than the joints over them."""
    if not points:
        return
    for (first, second), colour in zip(LIMBS, JOINT_COLOURS, strict=False):
        if (start := points[first]) and (end := points[second]):
            draw_limb(levels, start, end, darker(colour))
    for point, colour in zip(points, JOINT_COLOURS, strict=True):
        if point:
            draw_disc(levels, whole_pixel(point), JOINT_RADIUS, colour)


def draw_limb(levels: Levels, start: PosePlace, end: PosePlace, colour: StrokeColour) -> None:
    across, down = start[0] - end[0], start[1] - end[1]
    centre = whole_pixel(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    axes = int(math.sqrt(across**2 + down**2) / 2), LIMB_WIDTH
    draw_ellipse(levels, centre, axes, int(math.degrees(math.atan2(down, across))), colour)


def draw_hand(levels: Levels, points: PosePoints) -> None:
    if not points:
        return
    for place, (first, second) in enumerate(FINGERS):
        if (start := pixel_inside(points[first])) and (end := pixel_inside(points[second])):
            draw_thick_line(levels, start, end, FINGER_WIDTH, hue(place / len(FINGERS)))
    draw_dots(levels, points, JOINT_RADIUS, HAND_COLOUR)


def draw_dots(levels: Levels, points: PosePoints, radius: int, colour: StrokeColour) -> None:
    for point in filter(None, map(pixel_inside, points)):
        draw_disc(levels, point, radius, colour)


def pixel_inside(point: PosePlace | None) -> Pixel | None:
    """Return the pixel of a hand's or face's point; None at the picture's left or upper border, where it is none."""
    return whole_pixel(point) if point and min(whole_pixel(point)) > 0 else None


def whole_pixel(point: PosePlace) -> Pixel:
    return int(point[0]), int(point[1])


def hue(share: float) -> StrokeColour:
    """Return the full colour at a share of the circle of hues, from red over green."""
    red, green, blue = (round(255 * level) for level in colorsys.hsv_to_rgb(share, 1, 1))
    return red, green, blue


def darker(colour: StrokeColour) -> StrokeColour:
    red, green, blue = (int(level * LIMB_SHARE) for level in colour)
    return red, green, blue


JOINT_COLOURS = tuple(hue(place / BODY_POINTS) for place in range(BODY_POINTS))
