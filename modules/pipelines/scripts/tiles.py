"""Overlapping tiles: cutting a picture up, and joining tiles so that each fades into the one before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from modules.base.errors import Invalid
from modules.base.sizes import Size
from modules.imaging.masks import Box
from modules.imaging.tiling import starts


@dataclass(frozen=True)
class Grid:
    """The places of a picture's tiles; all have one size, and neighbours share `overlap` pixels or more."""

    size: Size
    tile: Size
    overlap: int

    def rows(self) -> list[list[Box]]:
        """The tiles from top to bottom, each row from left to right. Raises Invalid if the tiles are all overlap."""
        if min(self.tile) <= self.overlap:
            tile = "×".join(map(str, self.tile))
            hint = "The script paints tiles of the form's size: make that larger, or the script's pixels fewer."
            raise Invalid(f"Tiles of {tile} pixels cannot overlap by {self.overlap}.", hint, field="width")
        (width, height), overlap = self.tile, self.overlap
        lefts, tops = starts(self.size[0], width, overlap), starts(self.size[1], height, overlap)
        return [[(left, top, left + width, top + height) for left in lefts] for top in tops]

    def boxes(self) -> list[Box]:
        return [box for row in self.rows() for box in row]

    def joined(self, tiles: dict[Box, Image.Image]) -> Image.Image:
        """Return the picture joined from these tiles."""
        strips = [
            (row[0][1], laid([(box[0], tiles[box]) for box in row], (self.size[0], self.tile[1]), self.overlap))
            for row in self.rows()
        ]
        turned = [(top, strip.transpose(Image.Transpose.TRANSPOSE)) for top, strip in strips]
        return laid(turned, self.size[::-1], self.overlap).transpose(Image.Transpose.TRANSPOSE)


def laid(tiles: list[tuple[int, Image.Image]], size: Size, overlap: int) -> Image.Image:
    """Join pictures side by side at their places; the first `overlap` pixels of each fade in over the one before."""
    out = Image.new("RGB", size)
    for left, tile in tiles:
        if not left or not overlap:
            out.paste(tile, (left, 0))
            continue
        out.paste(tile.crop((0, 0, overlap, tile.height)), (left, 0), fading(overlap, tile.height))
        out.paste(tile.crop((overlap, 0, *tile.size)), (left + overlap, 0))
    return out


def fading(width: int, height: int) -> Image.Image:
    """Return a gradient, L, from black at the left to nearly white."""
    ramp = (np.arange(width) * 255 / width).astype(np.uint8)
    return Image.fromarray(np.tile(ramp, (height, 1)))
