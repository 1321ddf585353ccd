"""Face detection: RetinaFace's output for its anchors, decoded to faces. Lengths are in pixels of its input."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.models.faces.retinaface import RetinaFace

ANCHOR_LEVELS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))     # distance of a level's anchors, and their sides
# scales of the network's output: of an anchor's side, of a logarithm
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
BGR_MEANS = (104.0, 117.0, 123.0)   # subtracted from the colours, of 255
SHORT_SIDE = 640                    # a picture's shorter side is resized to it
SURE = 0.97                         # least score of a face
LONGEST_DETECTION_SIDE = 8 * SHORT_SIDE       # pixels: a narrow strip is not enlarged beyond
NMS_THRESHOLD = 0.4                          # boxes that overlap by more are the same face
LEAST_EYES = 5.0                    # pixels between the eyes: smaller faces are skipped


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face.

    box: left, top, right, bottom
    landmarks: (5, 2), the left eye, the right one, nose, left and right corner of the mouth
    """

    score: float
    box: np.ndarray
    landmarks: np.ndarray


@torch.no_grad()
def detect_faces(net: RetinaFace, image: Image.Image) -> list[Face]:
    """Return the faces in an RGB picture, the surest first, in pixels of that picture."""
    factor = min(SHORT_SIDE / min(image.size), LONGEST_DETECTION_SIDE / max(image.size))
    width, height = (max(1, int(side * factor)) for side in image.size)
    smaller = image.resize((width, height), Image.Resampling.LANCZOS)
    scores, deltas, points = (each.float().cpu() for each in net(colours(smaller, net)))
    sure = scores > SURE
    places = anchors(height, width)[sure]
    scores, boxes, landmarks = (
        scores[sure].numpy(),
        decoded_boxes(places, deltas[sure]).numpy(),
        decoded_points(places, points[sure]).numpy(),
    )
    found = [
        Face(float(scores[i]), boxes[i] / factor, landmarks[i] / factor) for i in unlike(boxes, scores, NMS_THRESHOLD)
    ]
    return [face for face in found if np.linalg.norm(face.landmarks[0] - face.landmarks[1]) >= LEAST_EYES]


def colours(image: Image.Image, net: RetinaFace) -> Tensor:
    """Return (1, 3, h, w): blue, green, red, less their means."""
    like = net.body.conv1.weight
    pixels = torch.from_numpy(np.array(image)).to(like.device).permute(2, 0, 1).flip(0)
    return (pixels.to(like.dtype) - pixels.new_tensor(BGR_MEANS, dtype=like.dtype)[:, None, None])[None]


def anchors(height: int, width: int) -> Tensor:
    """Return the anchors, (n, 4): centre x, centre y, width, height.

    Row by row, the smaller of each place first, fine levels before coarse ones.
    """
    found = []
    for step, sides in ANCHOR_LEVELS:
        rows, columns = ((torch.arange(ceil(length / step)) + 0.5) * step for length in (height, width))
        y, x, side = torch.meshgrid(rows, columns, torch.tensor(sides, dtype=torch.float32), indexing="ij")
        found.append(torch.stack((x, y, side, side), -1).view(-1, 4))
    return torch.cat(found)


def decoded_boxes(places: Tensor, deltas: Tensor) -> Tensor:
    """Return (n, 4) left, top, right, bottom of (n, 4) shifts of the centre and logarithms of the size."""
    centre = places[:, :2] + deltas[:, :2] * CENTRE_VARIANCE * places[:, 2:]
    half = places[:, 2:] * (deltas[:, 2:] * SIZE_VARIANCE).exp() / 2
    return torch.cat((centre - half, centre + half), 1)


def decoded_points(places: Tensor, deltas: Tensor) -> Tensor:
    """Return (n, 5, 2) x and y of (n, 10) shifts from the centre."""
    return places[:, None, :2] + deltas.view(-1, 5, 2) * CENTRE_VARIANCE * places[:, None, 2:]


def unlike(boxes: np.ndarray, scores: np.ndarray, same: float) -> list[int]:
    """Return the (n, 4) boxes to keep by non-maximum suppression, the surest first.

    None of them overlaps a surer one by more than `same`.
    """
    left, kept = list(np.argsort(-scores, kind="stable")), []
    while left:
        best = left.pop(0)
        kept.append(int(best))
        left = [other for other in left if overlap(boxes[best], boxes[other]) <= same]
    return kept


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return intersection over union; a box contains the pixels of both its edges."""
    shared = area((*np.maximum(one[:2], other[:2]), *np.minimum(one[2:], other[2:])))
    return shared / (area(one) + area(other) - shared)


def area(box: np.ndarray | tuple[float, ...]) -> float:
    return max(0.0, box[2] - box[0] + 1) * max(0.0, box[3] - box[1] + 1)
