"""Faces by MediaPipe's networks, drawn as ControlNetMediaPipeFace was taught: outline, lips, eyes and brows in colours.

Kartynnik et al. 2019, "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", arXiv:1907.06724: 468
points of a face; Ablavatski et al. 2020, arXiv:2006.11341: the irises. Colours are those of that ControlNet's maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import atan2
from typing import Any

import numpy as np

from modules.imaging.control.maps import scaled_and_padded
from modules.imaging.control.resampling import Levels
from modules.imaging.control.strokes import StrokeColour, draw_thick_line
from modules.models.annotators.lite_nets import FACE_GRIDS, BlazeFind, TurnedSquare, blaze_finds, logistic
from modules.sampling.annotation import Annotate, Annotation

MESH_PIXELS, EYE_PIXELS, VALUES_OF_PLACE = 192, 64, 3
SURE_MESH = 0.5
AROUND_FACE, AROUND_EYE = 1.5, 2.3      # of the finder's box, and of an eye's length
MESH_STROKE, HALF_PUPIL = 2, 2              # pixels
RIGHT_CORNERS, LEFT_CORNERS = (33, 133), (362, 263)      # of the eyes

MeshChain = Sequence[int]      # points that are joined one after another
MESH_CHAINS: Sequence[tuple[StrokeColour, Sequence[MeshChain]]] = (      # of the face's own right and left
    ((10, 200, 10), (
        (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
         150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),
    )),
    ((10, 200, 180), (
        (263, 249, 390, 373, 374, 380, 381, 382, 362), (263, 466, 388, 387, 386, 385, 384, 398, 362),
    )),
    ((10, 220, 180), ((276, 283, 282, 295, 285), (300, 293, 334, 296, 336))),
    ((180, 200, 10), ((33, 7, 163, 144, 145, 153, 154, 155, 133), (33, 246, 161, 160, 159, 158, 157, 173, 133))),
    ((180, 220, 10), ((46, 53, 52, 65, 55), (70, 63, 105, 66, 107))),
    ((10, 180, 10), (
        (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291), (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
        (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308), (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    )),
)
RIGHT_IRIS, LEFT_IRIS = (250, 200, 10), (10, 200, 250)


def meshed_faces(finder: Any, mesh: Any, iris: Any, ask: Annotate) -> Annotation:
    """Return the map of the faces in a picture: at most `a` of them, found with a score of `b` or more."""
    padded, (width, height) = scaled_and_padded(ask.pixels, ask.resolution)
    levels, drawn = padded[:height, :width], np.zeros_like(padded)
    for find in blaze_finds(finder, FACE_GRIDS, levels, ask.b)[: round(ask.a)]:
        places = mesh_places(mesh, levels, square_of_face(find))
        if places is not None:
            draw_mesh(drawn, places)
            for corners, colour in ((RIGHT_CORNERS, RIGHT_IRIS), (LEFT_CORNERS, LEFT_IRIS)):
                draw_pupil(drawn, pupil_place(iris, levels, places[list(corners)], corners is RIGHT_CORNERS), colour)
    return Annotation(drawn[:height, :width])


def square_of_face(find: BlazeFind) -> TurnedSquare:
    """Return the square of a face, upright by the line between its eyes, the first two points."""
    (right_x, right_y), (left_x, left_y) = find.points[:2]
    left, top, right, bottom = find.box
    side = AROUND_FACE * max(right - left, bottom - top)
    return TurnedSquare((left + right) / 2, (top + bottom) / 2, side, atan2(left_y - right_y, left_x - right_x))


def mesh_places(net: Any, levels: Levels, square: TurnedSquare) -> np.ndarray | None:
    """Return the points of a face, (468, 2) pixels of the picture; None if there is none after all."""
    told, sure = net(square.cut(levels, MESH_PIXELS).astype(np.float32) / 255)
    if logistic(sure.flatten())[0] < SURE_MESH:
        return None
    return square.places(told.reshape(-1, VALUES_OF_PLACE)[:, :2] / MESH_PIXELS)


def pupil_place(net: Any, levels: Levels, corners: np.ndarray, mirrored: bool) -> np.ndarray:
    """Return the middle of an eye's iris, (2,) pixels of the picture.

    corners: the eye's, (2, 2); mirrored: it is looked at in a mirror, as the network knows left eyes
    """
    (x, y), (end_x, end_y) = corners
    side = AROUND_EYE * float(np.hypot(end_x - x, end_y - y))
    square = TurnedSquare((x + end_x) / 2, (y + end_y) / 2, side, atan2(end_y - y, end_x - x))
    seen = square.cut(levels, EYE_PIXELS).astype(np.float32) / 255
    told = min(net(seen[:, ::-1] if mirrored else seen), key=np.size)      # five points of the iris, the middle first
    share = told.flatten()[:2] / EYE_PIXELS
    return square.places(np.array([[1 - share[0] if mirrored else share[0], share[1]]]))[0]


def draw_mesh(levels: Levels, places: np.ndarray) -> None:
    pixels = [(int(x), int(y)) for x, y in places]
    for colour, chains in MESH_CHAINS:
        for chain in chains:
            for start, end in pairwise(chain):
                draw_thick_line(levels, pixels[start], pixels[end], MESH_STROKE, colour)


def draw_pupil(levels: Levels, place: np.ndarray, colour: StrokeColour) -> None:
    x, y = (int(each) for each in place)
    levels[max(0, y - HALF_PUPIL) : max(0, y + HALF_PUPIL), max(0, x - HALF_PUPIL) : max(0, x + HALF_PUPIL)] = colour
