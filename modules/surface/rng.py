"""A1111's `modules.rng`: the noise of a batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modules.sampling.noise import ImageNoise, Variation, source
from modules.surface.options import current_opts


class ImageRNG:
    """The noise of several pictures: `next` first returns what they start from, then fresh noise."""

    def __init__(
        self, shape: Any, seeds: Any, subseeds: Any = None, subseed_strength: float = 0.0, seed_resize_from_h: int = 0,
        seed_resize_from_w: int = 0,
    ) -> None:
        channels, height, width = (int(side) for side in shape)
        self.shape, self.seeds, self.subseeds = (channels, height, width), seeds, subseeds
        self.subseed_strength = subseed_strength
        self.seed_resize_from_h, self.seed_resize_from_w = seed_resize_from_h, seed_resize_from_w
        later = subseeds or [0] * len(seeds)
        self._noises = [self._noise(int(seed), int(sub)) for seed, sub in zip(seeds, later, strict=False)]
        self.is_first = True

    def _noise(self, seed: int, subseed: int) -> ImageNoise:
        s = current_opts()
        variation = Variation(
            subseed, self.subseed_strength, max(0, self.seed_resize_from_w) // 8, max(0, self.seed_resize_from_h) // 8
        )
        return ImageNoise(seed, self.shape, variation, s.eta_noise_seed_delta, source(s.randn_source, "cpu"))

    def first(self) -> Tensor:
        return torch.stack([noise.first() for noise in self._noises])

    def next(self) -> Tensor:
        if self.is_first:
            self.is_first = False
            return self.first()
        return torch.stack([noise.next(0, 0) for noise in self._noises])


def of_batch(job: Any, p: Any) -> ImageRNG:
    """Return the noise of p's batch."""
    return ImageRNG(
        (4, p.height // 8, p.width // 8), p.seeds, subseeds=p.subseeds, subseed_strength=p.subseed_strength,
        seed_resize_from_h=p.seed_resize_from_h, seed_resize_from_w=p.seed_resize_from_w,
    )


def randn(seed: int, shape: Any, generator: Any = None) -> Tensor:
    """Return unit noise of a seed."""
    return torch.randn(tuple(shape), generator=torch.Generator("cpu").manual_seed(int(seed)))


def randn_local(seed: int, shape: Any) -> Tensor:
    return randn(seed, shape)


def randn_like(x: Tensor) -> Tensor:
    return torch.randn(x.shape).to(x)


def randn_without_seed(shape: Any, generator: Any = None) -> Tensor:
    return torch.randn(tuple(shape))


def slerp(val: float, low: Any, high: Any) -> Any:
    """Return the noise between two, a share `val` of the way from the first."""
    from modules.sampling import noise

    return noise.slerp(low, high, val)
