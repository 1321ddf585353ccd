"""MTCNN, a face detector: a small network proposes boxes at every scale, two larger ones judge and move them.

Zhang, Zhang, Li, Qiao 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks",
arXiv:1604.02878. Its landmarks are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from modules.models.detection.boxes import suppressed, within_picture
from modules.models.layers import seen_pixels
from modules.sampling.detection import Detection

WINDOW, WINDOW_STRIDE = 12, 2                  # pixels that a proposal sees, and from one to the next
SMALLEST_FACE = 20                      # pixels
PYRAMID = 0.709                         # of a scale to the next: half the area
PROPOSED, REFINED, ACCEPTED = 0.6, 0.7, 0.7      # least scores of the three stages
SAME_AT_SCALE, SAME_FACE = 0.5, 0.7
REFINE_SIDE, OUTPUT_SIDE = 24, 48       # pixels
CROPS_AT_ONCE = 256


def convolved(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, kernel), nn.PReLU(outputs)


def pooled(kernel: int) -> nn.Module:
    return nn.MaxPool2d(kernel, 2, ceil_mode=True)


class Proposing(nn.Module):
    """The first stage: of every window of 12 pixels, a face's probability and the shifts of its box."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*convolved(3, 10, 3), pooled(2), *convolved(10, 16, 3), *convolved(16, 32, 3))
        self.face, self.box = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 3, H, W) → (h, w) probabilities, (4, h, w) shifts."""
        seen = self.body(x)
        return self.face(seen).softmax(1)[0, 1], self.box(seen)[0]


class Judging(nn.Module):
    """A later stage: of squares of one size, a face's probability and the shifts of its box."""

    def __init__(self, body: nn.Sequential, inputs: int, width: int) -> None:
        super().__init__()
        self.body, self.dense = body, nn.Sequential(nn.Linear(inputs, width), nn.PReLU(width))
        self.face, self.box = nn.Linear(width, 2), nn.Linear(width, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, side, side) → (n,) probabilities, (n, 4) shifts."""
        seen = self.dense(self.body(x).flatten(1))
        return self.face(seen).softmax(1)[:, 1], self.box(seen)


class Mtcnn(nn.Module):
    """The three stages, with the names of tensors in the file that ships with Easel."""

    def __init__(self) -> None:
        super().__init__()
        self.propose = Proposing()
        self.refine = Judging(
            nn.Sequential(*convolved(3, 28, 3), pooled(3), *convolved(28, 48, 3), pooled(3), *convolved(48, 64, 2)),
            576, 128,
        )
        self.output = Judging(
            nn.Sequential(
                *convolved(3, 32, 3), pooled(3), *convolved(32, 64, 3), pooled(3), *convolved(64, 64, 3), pooled(2),
                *convolved(64, 128, 2),
            ),
            1152, 256,
        )

    def find(self, pixels: np.ndarray, confidence: float) -> list[Detection]:
        """Return the faces in (H, W, 3) uint8, the surest first; none below the network's own least score."""
        image = (seen_pixels(pixels, self) - 127.5) / 128
        boxes, scores = proposals(self.propose, image)
        kept = suppressed(boxes, scores, SAME_FACE)
        boxes, scores, shifts = judged(self.refine, image, squared(boxes[kept]), REFINE_SIDE, REFINED)
        kept = suppressed(boxes, scores, SAME_FACE)
        boxes = squared(shifted_boxes(boxes[kept], shifts[kept]))
        boxes, scores, shifts = judged(self.output, image, boxes, OUTPUT_SIDE, max(ACCEPTED, confidence))
        boxes = within_picture(shifted_boxes(boxes, shifts), pixels.shape[1], pixels.shape[0])
        kept = suppressed(boxes, scores, SAME_FACE, of_smaller=True)
        return [Detection(tuple(boxes[place].tolist()), float(scores[place]), "face") for place in kept]


def proposals(net: Proposing, image: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (n, 4), already shifted_boxes, and their scores, of all scales."""
    boxes, scores = [np.empty((0, 4))], [np.empty(0)]
    for factor, smaller in pyramid(image):
        sure, shifts = net(smaller)
        rows, columns = torch.nonzero(sure > PROPOSED, as_tuple=True)
        begin = torch.stack([columns, rows], 1).cpu().numpy() * WINDOW_STRIDE / factor
        found = np.concatenate([begin, begin + WINDOW / factor], 1)
        score = sure[rows, columns].cpu().numpy()
        kept = suppressed(found, score, SAME_AT_SCALE)
        boxes.append(shifted_boxes(found[kept], shifts[:, rows, columns].T.cpu().numpy()[kept]))
        scores.append(score[kept])
    return np.concatenate(boxes), np.concatenate(scores)


def pyramid(image: Tensor) -> Iterator[tuple[float, Tensor]]:
    """Yield the picture at each scale, with its factor, as long as a face's window fits into it."""
    height, width = image.shape[2:]
    factor = WINDOW / SMALLEST_FACE
    while min(height, width) * factor >= WINDOW:
        yield factor, interpolate(image, (int(height * factor) + 1, int(width * factor) + 1), mode="area")
        factor *= PYRAMID


def judged(
    net: Judging, image: Tensor, boxes: np.ndarray, side: int, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the boxes with at least that score, their scores, and the shifts that the network suggests."""
    height, width = image.shape[2:]
    edges = within_picture(np.rint(boxes), width, height).astype(int)
    edges = edges[(edges[:, 2] > edges[:, 0]) & (edges[:, 3] > edges[:, 1])]
    scores, shifts = [np.empty(0)], [np.empty((0, 4))]
    for begin in range(0, len(edges), CROPS_AT_ONCE):
        crops = torch.cat([
            interpolate(image[:, :, top:bottom, left:right], (side, side), mode="area")
            for left, top, right, bottom in edges[begin:begin + CROPS_AT_ONCE]
        ])
        sure, moves = net(crops)
        scores.append(sure.cpu().numpy())
        shifts.append(moves.cpu().numpy())
    score, shift = np.concatenate(scores), np.concatenate(shifts)
    sure_enough = score >= least
    return edges[sure_enough].astype(float), score[sure_enough], shift[sure_enough]


def shifted_boxes(boxes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return the boxes with each edge moved by its share of the box's width or height."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + shifts * np.tile(size, 2)


def squared(boxes: np.ndarray) -> np.ndarray:
    """Return squares around the boxes' centres, as large as the longer sides."""
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([centre - half, centre + half], 1)
