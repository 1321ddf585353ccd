"""The noise of an image: it depends on the seed alone, not on the machine or on the images batched with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
import torchsde
from torch import Tensor
from torchsde._brownian import brownian_interval

from modules.sampling.flows import Noise
from modules.sampling.philox import Philox

SEED_COUNT = 2**64      # the number of different seeds


@dataclass(frozen=True, slots=True)
class Variation:
    """A variation: noise leaning towards another seed's, or keeping the composition of another size. 0 turns it off."""

    seed: int = 0
    strength: float = 0.0
    width: int = 0      # in latent cells
    height: int = 0


class Stream(Protocol):
    """Unit normal noise, one draw after another."""

    def randn(self, shape: tuple[int, ...]) -> Tensor: ...


NoiseSource = Callable[[int], Stream]      # seed → its stream


class CpuStream:
    """torch's own Mersenne twister."""

    def __init__(self, seed: int) -> None:
        self.generator = cpu_generator(seed)

    def randn(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator)


class CudaStream:
    """A CUDA device's random numbers, computed on any device."""

    def __init__(self, seed: int) -> None:
        self.philox = Philox(seed)

    def randn(self, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self.philox.randn(shape))


def source(name: str, device: str) -> NoiseSource:
    """Return the stream of A1111's "Random number generator source": CPU, NV, or GPU, the device's own."""
    return CudaStream if name == "NV" or (name == "GPU" and device == "cuda") else CpuStream


def cpu_generator(seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed % SEED_COUNT)


def slerp(low: Tensor, high: Tensor, share: float) -> Tensor:
    """Spherical interpolation of (C, h, w) noise along h, where A1111 measures it; straight where nearly parallel.

    Shoemake 1985, "Animating rotation with quaternion curves".
    """
    cosine = (low / low.norm(dim=1, keepdim=True) * (high / high.norm(dim=1, keepdim=True))).sum(1)
    if cosine.mean() > 0.9995:
        return low * (1 - share) + high * share
    omega = cosine.acos()
    sine = omega.sin()
    return (((1 - share) * omega).sin() / sine).unsqueeze(1) * low + ((share * omega).sin() / sine).unsqueeze(1) * high


def paste_centred(small: Tensor, large: Tensor) -> Tensor:
    """Lay `small` centred over `large`, cropped where it is larger: both (C, h, w)."""
    dy, dx = ((large.shape[axis] - small.shape[axis]) // 2 for axis in (1, 2))
    height, width = (small.shape[axis] + min(0, 2 * d) for axis, d in ((1, dy), (2, dx)))
    out = large.clone()
    ty, tx, sy, sx = max(dy, 0), max(dx, 0), max(-dy, 0), max(-dx, 0)
    out[:, ty:ty + height, tx:tx + width] = small[:, sy:sy + height, sx:sx + width]
    return out


class ImageNoise:
    """All the noise of one image, in A1111's order: the first latent, then one draw for each call."""

    def __init__(
        self,
        seed: int,
        shape: tuple[int, int, int],
        variation: Variation = Variation(),
        later: int = 0,
        open_stream: NoiseSource = CpuStream,
    ) -> None:
        """`shape`: (C, h, w). `later` is A1111's ENSD: added to the seed for all noise but the first."""
        self.seed, self.shape, self.variation, self.later = seed, shape, variation, later
        self.open_stream = open_stream
        self.stream = open_stream(seed)

    def first(self) -> Tensor:
        """Return the unit noise that an image starts from, (C, h, w) float32."""
        v = self.variation
        shape = (self.shape[0], v.height or self.shape[1], v.width or self.shape[2])
        target = self.stream.randn(self.shape)
        noise = target if shape == self.shape else self.open_stream(self.seed).randn(shape)
        if v.strength:
            noise = slerp(noise, self.open_stream(v.seed).randn(shape), v.strength)
        if shape != self.shape:
            noise = paste_centred(noise, target)
        if self.later:
            self.stream = self.open_stream(self.seed + self.later)
        return noise

    def next(self, sigma: float, sigma_next: float) -> Tensor:
        """Return fresh unit noise, (C, h, w); the levels do not matter."""
        return self.stream.randn(self.shape)


def brownian(
    seed: int, shape: tuple[int, int, int], sigmas: Sequence[float], open_stream: NoiseSource = CpuStream
) -> Noise:
    """Return unit noise as increments of one Brownian path over σ, so that it does not depend on the steps taken.

    Li et al. 2020, arXiv:2001.01328 (virtual Brownian tree), by torchsde.
    """
    low, high = min(s for s in sigmas if s > 0), max(sigmas)
    ends = round(low, 6), round(high, 6)      # torchsde rounds them so
    with drawing_from(open_stream):
        tree = torchsde.BrownianTree(low, torch.zeros(shape), high, entropy=seed % SEED_COUNT)

    def noise(sigma: float, sigma_next: float) -> Tensor:
        start, end = sorted(min(max(level, ends[0]), ends[1]) for level in (sigma, sigma_next))
        with drawing_from(open_stream):
            return tree(start, end) * (1 if sigma < sigma_next else -1) / (end - start) ** 0.5

    return noise


@contextmanager
def drawing_from(open_stream: NoiseSource) -> Iterator[None]:
    """Make torchsde's trees, which have no parameter for it, draw from our streams. Safe, as one thread samples."""
    own = brownian_interval._randn
    brownian_interval._randn = lambda size, dtype, device, seed: (
        open_stream(int(seed)).randn(tuple(size)).to(device, dtype)
    )
    try:
        yield
    finally:
        brownian_interval._randn = own
