"""Soft inpainting in pixels: the original is restored where the painting hardly differs from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

RADIUS = 2          # cells of the neighbourhood
SPREAD = 1.5        # cells in which a neighbour's weight falls to 1/e
LEAST_WEIGHT = 1.0  # of the averaged neighbours: as much as the middle one's
LEAST = 1e-9        # avoids a division by 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The thresholds of a change: A1111's parameters, under its names."""

    mask_influence: float
    difference_threshold: float
    difference_contrast: float


def changed_mask(difference: np.ndarray, painted: np.ndarray, judgement: Judgement) -> np.ndarray:
    """Return the mask of the visible painting: (h, w) uint8 of 255.

    difference: (h, w) distance of each latent cell from the original's
    painted: (h, w) in [0, 1], the strength of the mask
    """
    widened = trimmed_mean(difference, 0.9, 1.0)
    smooth = trimmed_mean(widened, 0.25, 0.75)
    share = 0.5 + (0.5 - painted) * judgement.mask_influence
    half = judgement.difference_threshold * share / (1.00001 - share)
    kept = 1 / (1 + (smooth / np.maximum(half, LEAST)) ** judgement.difference_contrast)
    return ((1 - smootherstep(kept)) * 255).astype(np.uint8)


def smootherstep(x: np.ndarray) -> np.ndarray:
    """Perlin 2002, "Improving noise": 0 to 1 with no slope or curvature at either end."""
    return x**3 * (x * (x * 6 - 15) + 10)


def trimmed_mean(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return a weighted average, at each cell, of the neighbours with ranks between two shares of the whole weight.

    0.9 to 1 is a soft maximum, 0.25 to 0.75 a soft median; (h, w) → (h, w).
    """
    neighbours, weights = (
        sliding_window_view(np.pad(each, RADIUS), (2 * RADIUS + 1,) * 2) for each in (values, np.ones_like(values))
    )
    neighbours, weights = (each.reshape(*values.shape, -1) for each in (neighbours, weights * kernel()))
    order = neighbours.argsort(axis=-1, kind="stable")
    neighbours, weights = (np.take_along_axis(each, order, axis=-1) for each in (neighbours, weights))
    ends = weights.cumsum(axis=-1)
    start, end = trim_window(ends[..., -1:], low, high)
    counted = (np.minimum(end, ends) - np.maximum(start, ends - weights)).clip(min=0)
    return (neighbours * counted).sum(axis=-1) / counted.sum(axis=-1)


def trim_window(total: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return those shares of the total weight, widened about their middle to the least weight and kept in bounds."""
    middle, width = total * (low + high) / 2, np.maximum(total * (high - low), LEAST_WEIGHT)
    start = np.maximum(np.minimum(middle - width / 2, total - width), 0)
    return start, start + width


def kernel() -> np.ndarray:
    """Return (5, 5) weights: a Gaussian lowered to end at 0 one cell further out, its middle 1."""
    steps = np.arange(-RADIUS, RADIUS + 1)
    squares = steps[:, None] ** 2 + steps**2
    end = np.exp(-((RADIUS + 1) ** 2) / SPREAD**2)
    return ((np.exp(-squares / SPREAD**2) - end) / (1 - end)).clip(min=0)
