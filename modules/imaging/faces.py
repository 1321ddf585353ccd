"""Faces aligned to an upright square, and put back into their picture.

A similarity is a (2, 3) matrix from pixels to pixels, both counted from the middle of the first one.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from PIL import Image

SIDE = 512                  # pixels of the face models' square
GREY = (132, 133, 135)      # around a face at the picture's edge: the models were trained with it
MARGIN = SIDE // 20         # pixels that are lost at each side, and that fade further in

# The places of the eyes, the tip of the nose and the corners of the mouth in the square: means over FFHQ's faces
# (Karras et al. 2018, arXiv:1812.04948), as the models were trained.
TEMPLATE = np.array(
    [
        (192.98138, 239.94708),
        (318.90277, 240.1936),
        (256.63416, 314.01935),
        (201.26117, 371.41043),
        (313.08905, 371.15118),
    ]
)


def similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the rotation, scale and shift that bring `points` nearest to `targets`, both (n, 2), by least squares.

    In the complex plane it is z → turn · z + shift; the points must not all be one.
    """
    z, w = (each[:, 0] + 1j * each[:, 1] for each in (points, targets))
    around = z - z.mean()
    turn = np.vdot(around, w - w.mean()) / np.vdot(around, around)
    shift = w.mean() - turn * z.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def inverse(matrix: np.ndarray) -> np.ndarray:
    turn = np.linalg.inv(matrix[:, :2])
    return np.column_stack([turn, -turn @ matrix[:, 2]])


def align_face(image: Image.Image, landmarks: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    """Return the face with those landmarks, (5, 2), as an RGB square, and the similarity from the picture to it."""
    matrix = similarity(landmarks, TEMPLATE)
    return warped(image, matrix, (SIDE, SIDE), GREY), matrix


def returned(image: Image.Image, face: Image.Image, matrix: np.ndarray) -> Image.Image:
    """Return the picture with the square in its original place, its edges fading."""
    back = inverse(matrix)
    return Image.composite(warped(face, back, image.size), image, warped(soft_edged(), back, image.size))


def warped(
    image: Image.Image, matrix: np.ndarray, size: tuple[int, int], fill: tuple[int, ...] | None = None
) -> Image.Image:
    """Return `image` transformed by a similarity to (width, height), interpolated bilinearly.

    Pillow needs the inverse transform, and counts from the first pixel's corner.
    """
    back = inverse(matrix)
    back[:, 2] += 0.5 - back[:, :2].sum(1) / 2
    return image.transform(
        size, Image.Transform.AFFINE, back.ravel().tolist(), Image.Resampling.BILINEAR, fillcolor=fill
    )


def soft_edged() -> Image.Image:
    """Return a mask, (SIDE, SIDE) L: 255 in the middle, falling to 0 at the edges like a blurred square."""
    edge = NormalDist(MARGIN, 0.3 * MARGIN + 0.5)
    distances = [min(place, SIDE - 1 - place) for place in range(SIDE)]
    levels = np.array([0 if distance == 0 else edge.cdf(distance) for distance in distances])
    return Image.fromarray((255 * np.outer(levels, levels)).round().astype(np.uint8))
