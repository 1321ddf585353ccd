"""Hypertile: self-attention within tiles of the picture, which is faster and changes the picture a little.

The idea is tfernd's HyperTile, https://github.com/tfernd/HyperTile; the choice of layers and tiles is that of A1111's
extension.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd, prod
from typing import Any, Protocol

from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from modules.sampling.latent import SD_LATENT
from modules.sampling.weights import Hypertile

SMALLEST_TILE = 128      # pixels of a tile's side, A1111's minimum


# Which tiles -------------------------------------------------------------------------------------


def smallest_tile(height: int, width: int, wanted: int) -> int:
    """Return the least side of tiles, in latent cells, in a latent of height × width cells.

    wanted: pixels. A smaller power of two is used if the picture's sides have no such large common divisor.
    """
    common = gcd(height, width) * SD_LATENT.cell
    return max(SMALLEST_TILE, min(common & -common, wanted)) // SD_LATENT.cell


def counts(side: int, smallest: int, swap: int) -> list[int]:
    """Return the numbers of tiles that a side may be cut into: the `swap` largest divisors with large enough tiles."""
    return [count for count in range(side, 0, -1) if side % count == 0 and side // count >= min(smallest, side)][
        : max(swap, 1)
    ]


def choose_split(size: tuple[int, int], smallest: int, swap: int, place: int) -> tuple[int, int]:
    """Return the rows and columns of tiles for the layer at that place.

    A1111 draws lots for each layer of each call. Images with different seeds share our calls, so that nothing may
    depend on a seed: layers alternate between the same candidates, so that their seams are not all in one line.
    """
    rows, columns = (counts(side, smallest, swap) for side in size)
    return rows[place % len(rows)], columns[place // len(rows) % len(columns)]


def split_tiles(grid: Tensor, rows: int, columns: int) -> Tensor:
    """Convert (batch, h, w, channels) to (batch · rows · columns, h / rows, w / columns, channels)."""
    return grid.unflatten(2, (columns, -1)).unflatten(1, (rows, -1)).transpose(2, 3).flatten(0, 2)


def join(tiles: Tensor, rows: int, columns: int) -> Tensor:
    """Invert `split_tiles`."""
    return tiles.unflatten(0, (-1, rows, columns)).transpose(2, 3).flatten(3, 4).flatten(1, 2)


# Where they are used -----------------------------------------------------------------------------


class Attend(Protocol):
    """diffusers' attention processor."""

    def __call__(self, attention: Attention, hidden_states: Tensor, *args: Any, **more: Any) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class TiledAttention:
    """A self-attention layer that can be tiled."""

    attention: Attention
    level: int = 0      # number of halvings of the latent before it
    depth: int = 0      # the same, counted from the model's first attention


@dataclass(eq=False)
class Seen:
    """The latent of the current call: (height, width) in cells."""

    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class InTiles:
    """A processor that calls another one tile after tile.

    It is the innermost one: token merging and hooks at the layer see inputs and outputs as usual.
    """

    inner: Attend
    layer: TiledAttention
    place: int          # index among the model's layers
    wanted: Hypertile
    seen: Seen

    def __call__(self, attention: Attention, hidden_states: Tensor, *args: Any, **more: Any) -> Tensor:
        """hidden_states: tokens (batch, h · w, channels), or in a VAE a grid (batch, channels, h, w)"""
        size, grid = halved(self.seen.size, self.layer.level), hidden_states.ndim == 4
        rows, columns = self.cut(size)
        merged = not grid and hidden_states.shape[1] != prod(size)      # merged tokens are no grid
        if merged or rows * columns == 1:
            return self.inner(attention, hidden_states, *args, **more)
        if grid:
            tiles = split_tiles(hidden_states.movedim(1, -1), rows, columns).movedim(-1, 1).contiguous()
            return (
                join(self.inner(attention, tiles, *args, **more).movedim(1, -1), rows, columns)
                .movedim(-1, 1)
                .contiguous()
            )
        tiles = split_tiles(hidden_states.unflatten(1, size), rows, columns)
        answers = self.inner(attention, tiles.flatten(1, 2), *args, **more)
        return join(answers.unflatten(1, tiles.shape[1:3]), rows, columns).flatten(1, 2)

    def cut(self, size: tuple[int, int]) -> tuple[int, int]:
        # as in A1111: deeper layers have larger tiles
        smallest = smallest_tile(*self.seen.size, self.wanted.tile) << self.layer.depth
        return choose_split(size, smallest, self.wanted.swap, self.place)


class Hypertiling:
    """Tiles in a UNet's or a VAE's self-attention, while they are turned on."""

    def __init__(self, model: nn.Module) -> None:
        self.layers = [*unet_layers(model), *vae_layers(model)]
        self.entrance = getattr(model, "decoder", model)      # receives the latent
        self.wanted: Hypertile | None = None
        self.seen = Seen()
        self._handle: RemovableHandle | None = None
        self._before: list[tuple[Attention, Attend]] = []

    def bring(self, wanted: Hypertile | None) -> None:
        if wanted == self.wanted:
            return
        self._remove()
        self.wanted = wanted
        if wanted is None:
            return
        self._handle = self.entrance.register_forward_pre_hook(self._see)
        for place, layer in enumerate(self.layers):
            if layer.depth <= wanted.depth:
                inner = layer.attention.processor
                self._before.append((layer.attention, inner))
                layer.attention.set_processor(InTiles(inner, layer, place, wanted, self.seen))

    def _remove(self) -> None:
        for attention, processor in self._before:
            attention.set_processor(processor)
        self._before = []
        if self._handle:
            self._handle.remove()

    def _see(self, model: nn.Module, args: tuple[Any, ...]) -> None:
        self.seen.size = tuple(args[0].shape[-2:])


def unet_layers(unet: nn.Module) -> Iterator[TiledAttention]:
    if not isinstance(unet, UNet2DConditionModel):
        return
    kinds = unet.config.down_block_types
    first, last = next((level for level, kind in enumerate(kinds) if "CrossAttn" in kind), 0), len(kinds) - 1
    parts = [
        *enumerate(unet.down_blocks),
        (last, unet.mid_block),
        *((last - place, block) for place, block in enumerate(unet.up_blocks)),
    ]
    for level, part in parts:
        for block in part.modules():
            if isinstance(block, BasicTransformerBlock):
                yield TiledAttention(block.attn1, level, level - first)


def vae_layers(vae: nn.Module) -> Iterator[TiledAttention]:
    """Return the decoder's layers alone, as in A1111."""
    if isinstance(vae, AutoencoderKL):
        yield from (
            TiledAttention(attention)
            for attention in vae.decoder.mid_block.attentions
            if isinstance(attention, Attention)
        )


def halved(size: tuple[int, int], times: int) -> tuple[int, int]:
    """Return the size after convolutions of stride 2, which round odd sides up."""
    height, width = size
    return -(-height >> times), -(-width >> times)
