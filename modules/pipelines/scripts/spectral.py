"""Noise with a picture's own spectrum and colours, as the start of what is painted.

The method of g-diffuser's out-painting (parlance-zz 2022): white noise is given the magnitudes and phases that the
picture has at each frequency, then the picture's histogram.
"""

from __future__ import annotations

import numpy as np

CHANNELS = (0, 1)      # axes of height and width in (H, W, 3)
WINDOW_WIDTH = 3.14           # width of the window over the frequencies


def fill_with_texture(picture: np.ndarray, mask: np.ndarray, falloff: float, colourful: float) -> np.ndarray:
    """Return the picture, (H, W, 3) in [0, 1], with such noise where `mask` (H, W) is 1.

    falloff: power of the picture's spectrum; colourful: how far the noise's channels differ
    """
    shaped = shaped_noise(spectrum_of(picture, mask), falloff, colourful)
    new, old = mask > 1e-6, mask < 1e-3
    if old.any():
        shaped[new] = np.stack([match_values(shaped[new][:, i], picture[old][:, i]) for i in range(3)], axis=-1)
    return np.clip(picture * (1 - mask[..., None]) + shaped * mask[..., None], 0, 1)


def spectrum_of(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the spectrum of the unmasked picture at full brightness; the masked part has its mean colour."""
    known = picture * (1 - mask[..., None])
    return transformed(known / max(known.max(), 1e-12) + picture.mean() * mask[..., None])


def shaped_noise(spectrum: np.ndarray, falloff: float, colourful: float) -> np.ndarray:
    """Return noise of that spectrum, (H, W, 3) in [0, 1].

    It is always the same for one size: the image's seed counts from here on.
    """
    white = np.random.default_rng(0).random(spectrum.shape)
    grey = white.mean(axis=2, keepdims=True)
    tinted = white * colourful + grey * (1 - colourful)
    soft = np.real(inverse_fft(transformed(tinted) * frequency_window(*spectrum.shape[:2])[..., None]))
    magnitude = np.abs(spectrum)
    phase = spectrum / np.maximum(magnitude, 1e-12)
    noise = np.real(inverse_fft(np.abs(transformed(soft)) ** 2 * magnitude**falloff * phase))
    noise -= noise.min()
    return noise / max(noise.max(), 1e-12)


def frequency_window(height: int, width: int) -> np.ndarray:
    """Return a window (H, W) that is 1 at the middle, where the low frequencies are."""
    y, x = (np.arange(side) / side * 2 - 1 for side in (height, width))
    y, x = y * height / min(height, width), x * width / min(height, width)
    return np.outer(1 / (y**2 + 1), 1 / (x**2 + 1)) ** (WINDOW_WIDTH / 3.14)


def transformed(values: np.ndarray) -> np.ndarray:
    """Return the spectrum of each channel, low frequencies in the middle, with the values' energy."""
    return np.fft.fftshift(np.fft.fft2(np.fft.fftshift(values, CHANNELS), axes=CHANNELS, norm="ortho"), CHANNELS)


def inverse_fft(spectrum: np.ndarray) -> np.ndarray:
    return np.fft.ifftshift(np.fft.ifft2(np.fft.ifftshift(spectrum, CHANNELS), axes=CHANNELS, norm="ortho"), CHANNELS)


def match_values(values: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return the values (n,) with the histogram of another (m,).

    Gonzalez & Woods, Digital Image Processing, §3.3.
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    levels, goal_counts = np.unique(goal, return_counts=True)
    table = np.interp(counts.cumsum() / values.size, goal_counts.cumsum() / goal.size, levels)
    return table[place]
