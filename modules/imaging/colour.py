"""Colours of whole pictures: a background under transparency, and colour correction."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor

LUMA = np.array([0.299, 0.587, 0.114])      # ITU-R BT.601


def flattened(image: Image.Image, background: str) -> Image.Image:
    """Return the picture as RGB; transparent parts show `background`, a CSS colour."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    out = Image.new("RGBA", image.size, ImageColor.getrgb(background))
    out.paste(image, mask=image)
    return out.convert("RGB")


def corrected(image: Image.Image, model: Image.Image) -> Image.Image:
    """Return `image` in the colours of `model`, with its own brightness: histograms matched in 8-bit CIELAB."""
    lab, goal = to_lab(np.asarray(image)), to_lab(np.asarray(model))
    matched = np.stack([match_histogram(lab[..., i], goal[..., i]) for i in range(3)], axis=-1)
    blended = with_luminosity(to_rgb(matched) / 255, np.asarray(image) / 255)
    return Image.fromarray((blended * 255).astype(np.uint8))


def match_histogram(levels: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return uint8 levels with the histogram of another picture: Gonzalez & Woods, Digital Image Processing, §3.3."""
    own = np.bincount(levels.ravel(), minlength=256).cumsum() / levels.size
    counts = np.bincount(goal.ravel())
    values = np.nonzero(counts)[0]
    table = np.interp(own, counts[values].cumsum() / goal.size, values)
    return table.astype(np.uint8)[levels]


# CIELAB of 8 bits, as OpenCV packs it: L·255/100, a + 128, b + 128; sRGB, D65 ------------------------


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """Convert (H, W, 3) uint8 sRGB to uint8 L, a, b, in OpenCV's fixed point.

    A rounding error of one level may change a pixel's place in a histogram.
    """
    ratios = quantised(TO_XYZ / WHITE[:, None], 12)
    linear = np.rint(to_linear(np.arange(256) / 255) * BRIGHTEST).astype(np.int64)
    f = quantised(lab_f(np.arange(BRIGHTEST * 3 // 2) / BRIGHTEST), FINE)
    x, y, z = np.moveaxis(f[shifted(linear[rgb] @ ratios.T, 12)], -1, 0)
    lightness, middle = 296 * y - (16 * 255 << FINE) // 100, 128 << FINE      # 116 · 2.55, rounded up
    packed = np.stack([lightness, 500 * (x - y) + middle, 200 * (y - z) + middle], axis=-1)
    return np.clip(shifted(packed, FINE), 0, 255).astype(np.uint8)


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """Convert uint8 L, a, b to sRGB; colours outside sRGB are clipped."""
    lightness, a, b = np.moveaxis(lab.astype(np.float64), -1, 0)
    y = (lightness / 2.55 + 16) / 116
    f = np.stack([y + (a - 128) / 500, y, y - (b - 128) / 200], axis=-1)
    xyz = np.where(f**3 > CIE_EPSILON, f**3, (116 * f - 16) / CIE_KAPPA) * WHITE
    linear = np.clip(xyz @ np.linalg.inv(TO_XYZ).T, 0, 1)
    encoded = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, linear * 12.92)
    return np.rint(encoded * 255).astype(np.uint8)


def to_linear(encoded: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(encoded > 0.04045, ((encoded + 0.055) / 1.055) ** 2.4, encoded / 12.92)


def lab_f(ratio: np.ndarray) -> np.ndarray:
    """CIE 15:2004, eq. 8.6."""
    return np.where(ratio > CIE_EPSILON, np.cbrt(ratio), (ratio * CIE_KAPPA + 16) / 116)


def quantised(values: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(values * (1 << bits)).astype(np.int64)


def shifted(values: np.ndarray, bits: int) -> np.ndarray:
    """Divide by a power of two, rounded."""
    return (values + (1 << bits - 1)) >> bits


TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
WHITE = np.array([0.950456, 1.0, 1.088754])
CIE_EPSILON, CIE_KAPPA = 216 / 24389, 24389 / 27      # CIE 15:2004
BRIGHTEST = 255 * 8                           # linear light in eighths of a level
FINE = 15                                     # fractional bits of f


# The blend mode "luminosity" ----------------------------------------------------------------------


def with_luminosity(colours: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """Return the hue and saturation of one with the luminosity of the other; (H, W, 3) in [0, 1].

    W3C Compositing and Blending, Level 1, §10: SetLum and ClipColor, with BT.601's luma.
    """
    goal = (brightness @ LUMA)[..., None]
    moved = colours + goal - (colours @ LUMA)[..., None]
    low, high = moved.min(-1, keepdims=True), moved.max(-1, keepdims=True)
    lifted = np.where(low < 0, goal + (moved - goal) * goal / np.maximum(goal - low, 1e-12), moved)
    return np.where(high > 1, goal + (lifted - goal) * (1 - goal) / np.maximum(high - goal, 1e-12), lifted)
