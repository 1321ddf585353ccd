"""What units put back into a finished picture: its light, or what is around its hole. (H, W, 3) uint8."""

from __future__ import annotations

import numpy as np

HUES = 180      # OpenCV's degrees of the hue circle in 8 bits, two of ours each


def with_intensity(pixels: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Return the picture with `light` (H, W) as its HSV value; hue and saturation stay as 8 bits have them."""
    hue, saturation = hue_and_saturation(pixels)
    return from_hsv(hue, saturation, light)


def hue_and_saturation(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return hue (H, W) in 0…179 and saturation in 0…255, rounded as in OpenCV."""
    red, green, blue = np.moveaxis(pixels.astype(np.int64), -1, 0)
    value = pixels.max(axis=2).astype(np.int64)
    spread = value - pixels.min(axis=2)
    saturation = np.where(value > 0, rounded_division(spread, 255, value), 0)
    sixth = np.where(
        value == red, green - blue, np.where(value == green, blue - red + 2 * spread, red - green + 4 * spread)
    )
    hue = np.where(spread > 0, rounded_division(sixth, HUES, 6 * spread), 0)
    return hue + HUES * (hue < 0), saturation


def rounded_division(numbers: np.ndarray, scale: int, by: np.ndarray) -> np.ndarray:
    """Return numbers · scale / by, with the quotient in 1/4096 as OpenCV's tables have it."""
    table = np.rint((scale << 12) / np.maximum(by, 1)).astype(np.int64)
    return (numbers * table + (1 << 11)) >> 12


def from_hsv(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) uint8 of hue in 0…179, saturation and value in 0…255."""
    place = hue * (6 / HUES)
    sector, v, s = np.floor(place).astype(int) % 6, value.astype(np.float64), saturation / 255
    part = place - np.floor(place)
    low, falling, rising = v * (1 - s), v * (1 - s * part), v * (1 - s * (1 - part))
    channels = [
        np.choose(sector, [v, falling, low, low, rising, v]),
        np.choose(sector, [rising, v, v, falling, low, low]),
        np.choose(sector, [low, low, rising, v, v, falling]),
    ]
    return np.rint(np.stack(channels, axis=2)).clip(0, 255).astype(np.uint8)


def grown_and_blurred(mask: np.ndarray, sigma: int) -> np.ndarray:
    """Return a mask (H, W) in [0, 1] grown by a square of σ pixels, then averaged over one."""
    from scipy.ndimage import maximum_filter, uniform_filter  # slow to import

    return uniform_filter(maximum_filter(mask, size=sigma, mode="nearest"), size=sigma, mode="mirror")
