"""CodeFormer's autoencoder: pictures to features and back, with attention at the smallest resolution.

Esser et al. 2020, arXiv:2012.09841; sizes as in Zhou et al. 2022, arXiv:2206.11253. Names are those of
`codeformer-v0.1.0.pth`, which numbers all blocks of the encoder, and all of the generator, in the order they are run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, scaled_dot_product_attention, silu

from modules.models.layers import RGB_CHANNELS, conv3x3

NORM_GROUPS = 32         # of channels that are normalised together
NORM_EPSILON = 1e-6


class ResBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(inputs), conv3x3(inputs, outputs)
        self.norm2, self.conv2 = norm(outputs), conv3x3(outputs, outputs)
        self.conv_out = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(silu(self.norm1(x)))
        inner = self.conv2(silu(self.norm2(inner)))
        return inner + (self.conv_out(x) if self.conv_out else x)


class SpatialAttention(nn.Module):
    """Attention of every place to every other, with a single head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        query, key, value = (spatial_tokens(part(normed)) for part in (self.q, self.k, self.v))
        seen = scaled_dot_product_attention(query, key, value)
        return x + self.proj_out(seen.mT.reshape(x.shape))


class Halving(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(pad(x, (0, 1, 0, 1)))


class Doubling(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = conv3x3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(interpolate(x, scale_factor=2, mode="nearest"))


class Blocks(nn.Module):
    """Blocks run in order.

    marks: for each resolution, from the picture's down, the block after which features are exchanged
    """

    def __init__(self, blocks: Iterator[tuple[nn.Module, int | None]]) -> None:
        """blocks: each with the resolution that it marks, if any"""
        super().__init__()
        modules, levels = zip(*blocks, strict=True)
        self.blocks = nn.ModuleList(modules)
        self.marks = {number: level for number, level in enumerate(levels) if level is not None}


def encoder(widths: Sequence[int], latent: int) -> Blocks:
    """Return the encoder.

    widths: by resolution, the picture's first; latent: features of its output
    """
    return Blocks(encoder_blocks(widths, latent))


def vqgan_generator(widths: Sequence[int], latent: int) -> Blocks:
    return Blocks(generator_blocks(widths, latent))


def encoder_blocks(widths: Sequence[int], latent: int) -> Iterator[tuple[nn.Module, int | None]]:
    last = len(widths) - 1
    yield conv3x3(RGB_CHANNELS, widths[0]), None
    for level, width in enumerate(widths):
        yield ResBlock(widths[max(level - 1, 0)], width), None
        if level == last:
            yield SpatialAttention(width), None
        yield ResBlock(width, width), level
        yield (SpatialAttention(width) if level == last else Halving(width)), None
    yield from middle_blocks(widths[-1])
    yield norm(widths[-1]), None
    yield conv3x3(widths[-1], latent), None


def generator_blocks(widths: Sequence[int], latent: int) -> Iterator[tuple[nn.Module, int | None]]:
    last = len(widths) - 1
    yield conv3x3(latent, widths[-1]), None
    yield from middle_blocks(widths[-1])
    for level in range(last, -1, -1):
        width = widths[level]
        smallest = level == last
        yield ResBlock(widths[min(level + 1, last)], width), None if smallest else level
        if smallest:
            yield SpatialAttention(width), None
        yield ResBlock(width, width), level if smallest else None
        if smallest:
            yield SpatialAttention(width), None
        if level:
            yield Doubling(width), None
    yield norm(widths[0]), None
    yield conv3x3(widths[0], RGB_CHANNELS), None


def middle_blocks(width: int) -> Iterator[tuple[nn.Module, None]]:
    yield ResBlock(width, width), None
    yield SpatialAttention(width), None
    yield ResBlock(width, width), None


def norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(NORM_GROUPS, width, NORM_EPSILON)


def spatial_tokens(x: Tensor) -> Tensor:
    """Convert (n, width, h, w) to (n, h · w, width)."""
    return x.flatten(2).mT
