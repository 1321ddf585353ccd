"""Arithmetic of boxes, (n, 4) arrays of left, top, right, bottom."""

from __future__ import annotations

import numpy as np

MOST_BOXES_COMPARED = 3000      # of one picture that are compared with each other, the surest


def suppressed(boxes: np.ndarray, scores: np.ndarray, same: float, of_smaller: bool = False) -> np.ndarray:
    """Return the places of the boxes to keep by non-maximum suppression, the surest first.

    same: boxes that share more of their union are one thing; with `of_smaller`, more of the smaller one's area
    """
    left, kept = np.argsort(-scores, kind="stable")[:MOST_BOXES_COMPARED], []
    areas = box_areas(boxes)
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        corners = np.maximum(boxes[best, :2], boxes[left, :2]), np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = box_areas(np.concatenate(corners, axis=1))
        of = np.minimum(areas[best], areas[left]) if of_smaller else areas[best] + areas[left] - shared
        left = left[shared <= same * np.maximum(of, 1e-9)]
    return np.array(kept, dtype=np.intp)


def box_areas(boxes: np.ndarray) -> np.ndarray:
    return np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)


def within_picture(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the boxes, cut off at the picture's edges."""
    return np.clip(boxes, 0, np.array([width, height, width, height]))
