"""Running a network over a large picture in overlapping tiles, so that memory grows with the tile alone.

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
    """The tiles' size and overlap, in pixels of the input; size 0 is the whole picture at once."""

    size: int = 192
    overlap: int = 8

    def spans(self, length: int) -> list[slice]:
        """Return the tiles of one axis, evenly spread: neighbours share at least `overlap`, the last is at the end."""
        if not 0 < self.size < length:
            return [slice(0, length)]
        return [slice(start, start + self.size) for start in starts(length, self.size, self.shared)]

    @property
    def shared(self) -> int:
        """The overlap, limited by the tile's size."""
        return min(self.overlap, self.size // 2)


def upscale_by_tiles(enlarge: UpscaleTile, pixels: Tensor, tiling: Tiling) -> Task[Tensor]:
    """Enlarge (3, h, w) uint8 to (3, h · scale, w · scale) uint8, tile after tile."""
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
    """Enlarge (3, h, w) uint8 to (3, h · scale, w · scale) uint8. Raises NotANumber.

    The networks were trained on red, green, blue; A1111 passes the reverse order, and the same picture needs the same
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
    """Put `tile` into `canvas`, both uint8, from column `start` on, fading in over its first `fade` columns."""
    inside = start + fade
    ramp = torch.arange(fade) / max(fade, 1)
    canvas[..., start:inside] = torch.lerp(canvas[..., start:inside].float(), tile[..., :fade].float(), ramp).round()
    canvas[..., inside:start + tile.shape[-1]] = tile[..., fade:]
