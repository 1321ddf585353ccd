"""The texts beside a grid's columns and rows, as A1111's `modules.images` has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageFont

from modules.imaging.grid_fonts import grid_font
from modules.imaging.picture_grid import GridColours, GridLayout, GridLegend, GridText, draw_grid


@dataclass
class GridAnnotation:
    """One text; one that is not active is struck through."""

    text: str = ""
    is_active: bool = True
    lines: list[Any] = field(default_factory=list)
    size: Any = None


def get_font(fontsize: float) -> ImageFont.FreeTypeFont:
    """Return the grids' font in a size in pixels."""
    return grid_font(max(1, int(fontsize)))


def draw_grid_annotations(
    im: Image.Image, width: int, height: int, hor_texts: Sequence[Sequence[GridAnnotation]],
    ver_texts: Sequence[Sequence[GridAnnotation]], margin: int = 0,
) -> Image.Image:
    """Return a grid without margins, of cells of that size, with texts above its columns and beside its rows."""
    legend = GridLegend(
        *([[GridText(str(each.text), each.is_active) for each in heading] for heading in texts]
          for texts in (hor_texts, ver_texts))
    )
    columns, rows = len(hor_texts), len(ver_texts)
    boxes = [
        (left * width, top * height, (left + 1) * width, (top + 1) * height)
        for top in range(rows) for left in range(columns)
    ]
    layout = GridLayout((width, height), len(boxes), columns, legend, margin)
    return draw_grid(layout, iter([im.crop(box) for box in boxes]), GridColours())
