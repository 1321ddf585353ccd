"""A network run over a large picture in overlapping tiles, so that memory goes with the tile and not with the picture.

Tiles lie as A1111's do: evenly spread, the last at the border, each fading in over the one before across the overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modules.base.errors import NotANumber
from modules.imaging.tiling import starts
from modules.models.upscaling.architectures import Net
from modules.sampling.questions import Task

# (3, h, w) uint8 → (3, h · scale, w · scale) uint8, whatever the scale
UpscaleTile = Callable[[Tensor], Task[Tensor]]


@dataclass(frozen=True, slots=True)
class Tiling:
    """In pixels of the input; size 0 means the whole picture at once."""

    size: int = 192
    overlap: int = 8

    def spans(self, length: int) -> list[slice]:
        """Return the tiles of one axis, evenly spread: neighbours share at least `overlap`, the last is at the end."""
        if not 0 < self.size < length:
            return [slice(0, length)]
        return [slice(start, start + self.size) for start in starts(length, self.size, self.shared)]

    @property
    def shared(self) -> int:
        """The overlap, as far as a tile of this size can have one."""
        return min(self.overlap, self.size // 2)


def upscale_by_tiles(enlarge: UpscaleTile, pixels: Tensor, tiling: Tiling) -> Task[Tensor]:
    """(3, h, w) uint8 → (3, h · scale, w · scale) uint8, tile after tile."""
    rows, columns = tiling.spans(pixels.shape[1]), tiling.spans(pixels.shape[2])
    out = torch.empty(0)
    for row in rows:
        strip = torch.empty(0)
        for column in columns:
            tile = yield from enlarge(pixels[:, row, column])
            scale = tile.shape[2] // (column.stop - column.start)
            strip = strip if column.start else tile.new_empty(3, tile.shape[1], pixels.shape[2] * scale)
            lay(strip, tile, column.start * scale, tiling.shared * scale * bool(column.start))
        out = out if row.start else strip.new_empty(3, pixels.shape[1] * scale, strip.shape[2])
        lay(out.mT, strip.mT, row.start * scale, tiling.shared * scale * bool(row.start))
    return out


@torch.no_grad()
def run_upscaler(net: Net, pixels: Tensor) -> Tensor:
    """(3, h, w) uint8 → (3, h · scale, w · scale) uint8. Raises NotANumber.

    The networks learnt red, green, blue; A1111 hands them over the other way round, and the same picture needs the same
    order.
    """
    x = pixels.flip(0).to(net.device).float().div(255).to(net.dtype)
    y = net.run(x[None])[0].float()
    if not y.isfinite().all():
        raise NotANumber(
            "The upscaler gave numbers that are no colours.", "Start with --no-half, or use another upscaler."
        )
    return y.clamp(0, 1).mul(255).round().to(torch.uint8).flip(0).cpu()


def lay(canvas: Tensor, tile: Tensor, start: int, fade: int) -> None:
    """Put `tile` into `canvas`, both uint8, from column `start` on;
    over its first `fade` columns what was there gives way.
    """
    inside = start + fade
    ramp = torch.arange(fade) / max(fade, 1)
    canvas[..., start:inside] = torch.lerp(canvas[..., start:inside].float(), tile[..., :fade].float(), ramp).round()
    canvas[..., inside:start + tile.shape[-1]] = tile[..., fade:]
