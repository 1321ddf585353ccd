"""Resizing and blurring of control maps with OpenCV's arithmetic, since maps are compared pixel by pixel.

Pillow's filters differ: OpenCV's cubic kernel has a = −0.75 and does not widen when it shrinks a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from modules.base.sizes import Size

if TYPE_CHECKING:
    from scipy.sparse import csr_array

AREA, BILINEAR, CUBIC, NEAREST = "area", "bilinear", "cubic", "nearest"
CUBIC_SHARPNESS = -0.75      # Keys 1981's a

Levels: TypeAlias = "np.ndarray[Any, Any]"      # (H, W, C) uint8, or float32


def resampled(levels: Levels, size: Size, method: str) -> Levels:
    """Resize (H, W, C) uint8 to width and height."""
    width, height = size
    if (height, width) == levels.shape[:2]:
        return levels
    if method == NEAREST:
        return levels[nearest_places(levels.shape[0], height)][:, nearest_places(levels.shape[1], width)]
    shrinks = height <= levels.shape[0] and width <= levels.shape[1]
    kernel = "linear" if method == AREA and not shrinks else method
    rows, columns = (WEIGHTS[kernel](*sides) for sides in ((levels.shape[0], height), (levels.shape[1], width)))
    return np.rint(along_both(levels, rows, columns)).clip(0, 255).astype(np.uint8)


def resampled_cubic(values: np.ndarray, size: Size) -> np.ndarray:
    """Resize (H, W, C) floats to width and height."""
    width, height = size
    return along_both(values, cubic_weights(values.shape[0], height), cubic_weights(values.shape[1], width))


def nearest_places(before: int, after: int) -> np.ndarray:
    return np.minimum((np.arange(after) * (before / after)).astype(int), before - 1)


def along_both(levels: np.ndarray, rows: csr_array, columns: csr_array) -> np.ndarray:
    """Return (h, w, C) float64 from (H, W, C), by the weights (h, H) and (w, W) of each axis."""
    height, width, channels = levels.shape
    across = columns @ levels.transpose(1, 0, 2).reshape(width, height * channels).astype(np.float64)
    across = across.reshape(-1, height, channels).transpose(1, 0, 2)
    down = rows @ across.reshape(height, -1)
    return down.reshape(rows.shape[0], -1, channels)


# Weights of one axis ------------------------------------------------------------------------------


def sparse_weights(before: int, places: np.ndarray, weights: np.ndarray) -> csr_array:
    """Return the weights (after, before), given each result's places and their weights (after, n).

    A place beyond an edge is the edge's.
    """
    from scipy.sparse import csr_array  # slow to import

    after, count = places.shape
    rows = np.repeat(np.arange(after), count)
    return csr_array((weights.ravel(), (rows, places.clip(0, before - 1).ravel())), shape=(after, before))


def centres(before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixel (after, 1) that each result's centre lies in or after, and how far it lies beyond that."""
    at = (np.arange(after) + 0.5) * (before / after) - 0.5
    first = np.floor(at)
    return first.astype(int)[:, None], at - first


def cubic_weights(before: int, after: int) -> csr_array:
    (first, x), a = centres(before, after), CUBIC_SHARPNESS
    outer = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    second = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1
    weights = np.stack([outer, inner, second, 1 - outer - inner - second], axis=1)
    return sparse_weights(before, first + np.arange(-1, 3), weights)


def bilinear_weights(before: int, after: int) -> csr_array:
    first, share = centres(before, after)
    return sparse_weights(before, first + np.arange(2), np.stack([1 - share, share], axis=1))


def area_weights(before: int, after: int) -> csr_array:
    """Return the shares of the pixels that each pixel of the smaller picture covers."""
    scale = before / after
    starts = np.arange(after) * scale
    places = np.floor(starts).astype(int)[:, None] + np.arange(int(np.ceil(scale)) + 1)
    covered = np.minimum(places + 1, starts[:, None] + scale) - np.maximum(places, starts[:, None])
    weights = covered.clip(0, None)
    return sparse_weights(before, places, weights / weights.sum(axis=1, keepdims=True))


def linear_weights(before: int, after: int) -> csr_array:
    """Return OpenCV's weights of an "area" that grows along one axis at least."""
    scale = before / after
    first = np.floor(np.arange(after) * scale)
    share = (np.arange(after) + 1) - (first + 1) / scale
    share = np.where(share <= 0, 0.0, share - np.floor(share))
    return sparse_weights(before, first.astype(int)[:, None] + np.arange(2), np.stack([1 - share, share], axis=1))


WEIGHTS: Mapping[str, Callable[[int, int], csr_array]] = {
    AREA: area_weights, BILINEAR: bilinear_weights, CUBIC: cubic_weights, "linear": linear_weights,
}


# Blur ---------------------------------------------------------------------------------------------


def blurred_levels(levels: Levels, sigma: float) -> Levels:
    """Apply a Gaussian blur to (H, W, C) uint8 in OpenCV's fixed point: weights are whole numbers of 1/256."""
    weights = gaussian_weights(sigma, round(sigma * 6 + 1) | 1)
    whole = np.rint(weights * 256).astype(np.int64)
    half = len(whole) // 2
    tail = np.diff(np.rint(np.cumsum(weights[:half] * 256)), prepend=0).astype(np.int64)
    whole[:half], whole[half + 1:], whole[half] = tail, tail[::-1], 256 - 2 * tail.sum()
    return ((correlated(levels.astype(np.int64), whole) + (1 << 15)) >> 16).astype(np.uint8)


def blurred_floats(levels: np.ndarray, sigma: float) -> np.ndarray:
    """Apply a Gaussian blur to (H, W, C) float32."""
    return correlated(levels.astype(np.float64), gaussian_weights(sigma, round(sigma * 8 + 1) | 1)).astype(np.float32)


def gaussian_weights(sigma: float, count: int) -> np.ndarray:
    """Return `count` weights of a Gaussian, which sum to 1."""
    weights = np.exp(-0.5 * ((np.arange(count) - (count - 1) / 2) / sigma) ** 2)
    return weights / weights.sum()


def correlated(levels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Apply the weights along both axes, mirrored at the edges without repeating them."""
    from scipy.ndimage import correlate1d  # slow to import

    return correlate1d(correlate1d(levels, weights, 1, mode="mirror"), weights, 0, mode="mirror")
