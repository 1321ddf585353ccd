"""Lines one pixel wide: maps of them keep that width when they are resized."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

MOST_ROUNDS = 32      # of thinning

Pattern = tuple[tuple[int, int, int], ...]      # 3×3; 1 must be lit, −1 must be dark, 0 may be either

# Golay's alphabet, L and E; Golay 1969, "Hexagonal parallel pattern transformations", on the square grid
BORDERS: Sequence[Pattern] = (((-1, -1, -1), (0, 1, 0), (1, 1, 1)), ((0, -1, -1), (1, 1, -1), (0, 1, 0)))
ENDS: Sequence[Pattern] = (((-1, -1, -1), (-1, 1, -1), (0, 0, -1)), ((-1, -1, -1), (-1, 1, -1), (-1, 0, 0)))


def is_of_thin_lines(lit: np.ndarray) -> bool:
    """Return whether most of a map's lit pixels (H, W, C) vanish when it is opened by 3×3."""
    from scipy.ndimage import grey_opening  # slow to import

    opened = grey_opening(lit, size=(3, 3, 1), mode="nearest")
    return 2 * int((opened < lit).sum()) > int((lit > 127).sum())


def ridges(levels: np.ndarray) -> np.ndarray:
    """Return levels (H, W) with only the pixels that are the lightest of three along some direction."""
    around = np.pad(levels, 1)
    height, width = levels.shape

    def at(row: int, column: int) -> np.ndarray:
        return around[1 + row:1 + row + height, 1 + column:1 + column + width]

    kept = np.zeros(levels.shape, bool)
    for row, column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        kept |= (levels >= at(row, column)) & (levels >= at(-row, -column))
    return np.where(kept, levels, 0).astype(levels.dtype)


def binary_by_otsu(levels: np.ndarray) -> np.ndarray:
    """Return (H, W) uint8 in black and white, split where the classes differ most.

    Otsu 1979, "A threshold selection method from gray-level histograms".
    """
    counts = np.bincount(levels.ravel(), minlength=256).astype(np.float64) / levels.size
    share, mean = counts.cumsum(), (counts * np.arange(256)).cumsum()
    inner = (share > 0) & (share < 1 - 1e-9)
    spread = np.zeros(256)
    spread[inner] = (mean[-1] * share[inner] - mean[inner]) ** 2 / (share[inner] * (1 - share[inner]))
    return np.where(levels > int(spread.argmax()), 255, 0).astype(np.uint8)


def thinned(lit: np.ndarray, pruned: bool) -> np.ndarray:
    """Return a black and white map's skeleton, (H, W) uint8; pruned, without the ends of its lines' spurs."""
    now = lit > 127
    for _ in range(MOST_ROUNDS):
        before = now
        now = without_patterns(now, turned(BORDERS))
        if (now == before).all():
            break
    if pruned:
        now = without_patterns(now, turned(ENDS))
    return np.where(now, 255, 0).astype(np.uint8)


def turned(patterns: Sequence[Pattern]) -> list[np.ndarray]:
    """Return the patterns in each of four directions."""
    return [np.rot90(np.array(pattern), times) for times in range(4) for pattern in patterns]


def without_patterns(lit: np.ndarray, patterns: Iterable[np.ndarray]) -> np.ndarray:
    """Return the map without the pixels around which one of the patterns fits, one pattern after another."""
    for pattern in patterns:
        lit = lit & ~fits_pattern(lit, pattern)
    return lit


def fits_pattern(lit: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Return where the pattern fits; beyond the edge everything does."""
    height, width = lit.shape
    bright, dark = np.pad(lit, 1, constant_values=True), np.pad(~lit, 1, constant_values=True)
    fits = np.ones(lit.shape, bool)
    for (row, column), wanted in np.ndenumerate(pattern):
        if wanted:
            fits &= (bright if wanted > 0 else dark)[row:row + height, column:column + width]
    return fits
