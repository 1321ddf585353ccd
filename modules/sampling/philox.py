"""The noise of a CUDA device, computed on any device.

Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") as cuRAND uses it for normal
variates: one counter an element, and of each Box–Muller pair the sine.
"""

from __future__ import annotations

from math import pi, prod

import numpy as np

MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
KEY_STEPS = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
LOW_WORD, WORD = np.uint64(0xFFFFFFFF), np.uint64(32)
ROUNDS = 10


class Philox:
    """A stream of normal variates; each call of `randn` is one launch of the device's kernel."""

    def __init__(self, seed: int) -> None:
        self.seed, self.calls = seed % 2**64, 0

    def randn(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return unit normal noise of that shape, float32."""
        count = prod(shape)
        zero = np.zeros(count, np.uint32)
        counters = [zero + np.uint32(self.calls), zero, np.arange(count, dtype=np.uint32), zero]
        self.calls += 1
        first, second, *_ = philox_rounds(counters, self.seed)
        return sine_normal(first, second).astype(np.float32).reshape(shape)


def philox_rounds(counters: list[np.ndarray], seed: int) -> list[np.ndarray]:
    """Run ten rounds over four (count,) uint32 counters, with the two halves of a 64-bit key."""
    with np.errstate(over="ignore"):
        key = [np.uint32(seed & 0xFFFFFFFF), np.uint32(seed >> 32)]
        for _ in range(ROUNDS):
            counters = one_round(counters, key)
            key = [half + step for half, step in zip(key, KEY_STEPS, strict=True)]
    return counters


def one_round(counters: list[np.ndarray], key: list[np.uint32]) -> list[np.ndarray]:
    a, b = (counters[i].astype(np.uint64) * multiplier for i, multiplier in ((0, MULTIPLIERS[0]), (2, MULTIPLIERS[1])))
    low_a, low_b = ((product & LOW_WORD).astype(np.uint32) for product in (a, b))
    high_a, high_b = ((product >> WORD).astype(np.uint32) for product in (a, b))
    return [high_b ^ counters[1] ^ key[0], low_b, high_a ^ counters[3] ^ key[1], low_a]


def sine_normal(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Convert two (count,) uint32 to (count,) normal variates, float64. Box & Muller 1958, the sine of the pair."""
    radius = np.sqrt(-2 * np.log(first * 2.0**-32 + 2.0**-33))
    return radius * np.sin(second * (2 * pi * 2.0**-32) + 2 * pi * 2.0**-33)
