"""Grids of pictures, with a legend if there are texts to write: sizes first, then pixels, one picture at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from PIL import Image, ImageColor, ImageDraw, ImageFont

from modules.imaging.grid_fonts import font_for_text, grid_font

STRIKE = 4      # pixels of the line through a text that is not in force
UNDOTTED = str.maketrans("ij", "11")      # as high; FreeType 2.14 raises the dots of tiny letters, A1111's does not

PixelSize = tuple[int, int]
CellBox = tuple[int, int, int, int]      # left, top, width, height


@dataclass(frozen=True)
class GridText:
    """One text beside a column or a row; one that is not in force is struck through."""

    text: str
    active: bool = True


Heading = Sequence[GridText]


@dataclass(frozen=True)
class GridLegend:
    columns: Sequence[Heading]
    rows: Sequence[Heading]


@dataclass(frozen=True)
class GridColours:
    background: str = "#ffffff"
    active: str = "#000000"
    inactive: str = "#999999"

    def rgb(self, name: str) -> tuple[int, int, int]:
        """Return one of the colours; the usual one if it cannot be read."""
        try:
            return ImageColor.getrgb(getattr(self, name))[:3]
        except ValueError:
            return ImageColor.getrgb(getattr(GridColours(), name))[:3]


# Rows and columns ------------------------------------------------------------------------------------


def rows_of_batch(count: int, rows: int, batch_size: int, without_gaps: bool) -> int:
    """Return the rows of a batch's grid.

    rows: as the settings have them; 0 is the batch size, -1 finds a number
    without_gaps: so few that no place stays empty, where a number is to be found
    """
    if rows < 0:
        rows = math.isqrt(count) if without_gaps else round(math.sqrt(count))
        while without_gaps and count % rows:
            rows -= 1
    return max(1, min(rows or batch_size, count))


# Layout ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LegendLine:
    """A wrapped line of a text, with its height in pixels."""

    text: str
    active: bool
    width: int      # the most it may take
    height: int


@dataclass(frozen=True)
class GridLayout:
    """The geometry of a grid: cells as large as the largest picture, texts in bands above and beside them.

    cell: width and height; count: of cells, row by row; font: the name of its file, "" for the usual one
    """

    cell: PixelSize
    count: int
    columns: int
    legend: GridLegend | None = None
    margin: int = 0
    font: str = ""

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def font_size(self) -> int:
        return max(1, sum(self.cell) // 25)

    def sized_font(self, size: int) -> ImageFont.FreeTypeFont:
        return grid_font(size, self.font)

    def fitting_font(self, line: LegendLine) -> ImageFont.FreeTypeFont:
        """Return the largest font up to the usual size in which the line is no wider than it may be.

        It has the line's letters if any font here has them; where lines break and stand goes by the usual one.
        """
        usual = font_for_text(line.text, self.sized_font(self.font_size))
        length = usual.getlength(line.text)
        return usual if length <= line.width else usual.font_variant(
            size=max(1, math.floor(self.font_size * line.width / length))
        )

    @property
    def spacing(self) -> int:
        """Pixels between lines."""
        return self.font_size // 2

    @property
    def gap(self) -> int:
        """Pixels between cells; only a grid with a legend has margins."""
        return self.margin if self.legend else 0

    @cached_property
    def headings(self) -> list[list[LegendLine]]:
        """The lines above each column."""
        texts = self.legend.columns if self.legend else ()
        return [wrapped_lines(heading, self.sized_font(self.font_size), self.cell[0]) for heading in texts]

    @cached_property
    def margins(self) -> list[list[LegendLine]]:
        """The lines beside each row."""
        texts = self.legend.rows if self.legend else ()
        return [wrapped_lines(heading, self.sized_font(self.font_size), self.cell[0] * 3 // 4) for heading in texts]

    def height_of(self, lines: Sequence[LegendLine]) -> int:
        return sum(line.height + self.spacing for line in lines) - self.spacing

    @property
    def left(self) -> int:
        """The width of the band for the rows' texts: none where no row has any."""
        return self.cell[0] * 3 // 4 if any(line.text for lines in self.margins for line in lines) else 0

    @property
    def top(self) -> int:
        """The height of the band for the columns' texts: none where these have no height."""
        heights = [self.height_of(lines) for lines in self.headings]
        return max(heights) + 2 * self.spacing if sum(heights) else 0

    @property
    def size(self) -> PixelSize:
        width, height = self.cell
        return (
            self.left + self.columns * width + (self.columns - 1) * self.gap,
            self.top + self.rows * height + (self.rows - 1) * self.gap,
        )

    def place(self, number: int) -> tuple[int, int]:
        """Return the left upper corner of a cell."""
        row, column = divmod(number, self.columns)
        return self.left + column * (self.cell[0] + self.gap), self.top + row * (self.cell[1] + self.gap)

    def box(self, number: int, picture: PixelSize) -> CellBox:
        """Return the place of a picture, in the middle of its cell."""
        left, top = self.place(number)
        return left + (self.cell[0] - picture[0]) // 2, top + (self.cell[1] - picture[1]) // 2, *picture


def wrapped_lines(heading: Heading, font: ImageFont.FreeTypeFont, width: int) -> list[LegendLine]:
    """Return the lines of a heading's texts, broken at words so that they fit, where words allow it."""
    lines: list[LegendLine] = []
    for each in heading:
        for text in broken_text(each.text, width, font.getlength):
            lines.append(LegendLine(text, each.active, width, line_height(text, font)))
    return lines


def line_height(text: str, font: ImageFont.FreeTypeFont) -> int:
    """Return the height of a line's letters in pixels, as A1111 measures it; 0 without any."""
    (_, top, _, _), (_, _, _, bottom) = font.getbbox(text.translate(UNDOTTED)), font.getbbox(text)
    return round(bottom - top) if text else 0


def broken_text(text: str, width: float, length: Callable[[str], float]) -> Iterator[str]:
    """Yield a text's lines; at least one, and a word too long for a line gets one of its own.

    Before such a word at the beginning the first line stays empty, as A1111's does.
    """
    words: list[str] = []
    used, space = 0.0, length(" ")
    for word in text.split():
        taken = length(word)
        if used + space + taken > width + space or length(" ".join([*words, word])) > width:
            yield " ".join(words)
            words, used = [], 0.0
        used += taken + (space if words else 0.0)
        words.append(word)
    yield " ".join(words)


# Pixels ----------------------------------------------------------------------------------------------


def draw_grid(
    layout: GridLayout, pictures: Iterator[Image.Image | None], colours: GridColours, mode: str = "RGB"
) -> Image.Image:
    """Return the grid.

    pictures: one for each cell, in order; None leaves it empty
    """
    grid = Image.new("RGB", layout.size, colours.rgb("background"))
    for number, picture in enumerate(pictures):
        if picture is not None:
            left, top, *_ = layout.box(number, picture.size)
            grid.paste(picture.convert("RGB"), (left, top))
    draw_legend(grid, layout, colours)
    return grid


def draw_legend(grid: Image.Image, layout: GridLayout, colours: GridColours) -> None:
    canvas, (width, height) = ImageDraw.Draw(grid), layout.cell
    for column, lines in enumerate(layout.headings[: layout.columns]):
        middle = layout.place(column)[0] + width / 2
        draw_lines(canvas, lines, (middle, (layout.top - layout.height_of(lines)) / 2), layout, colours)
    for row, lines in enumerate(layout.margins[: layout.rows]):
        middle = layout.place(row * layout.columns)[1] + height / 2
        draw_lines(canvas, lines, (layout.left / 2, middle - layout.height_of(lines) / 2), layout, colours)


def draw_lines(
    canvas: ImageDraw.ImageDraw, lines: Sequence[LegendLine], start: tuple[float, float], layout: GridLayout,
    colours: GridColours,
) -> None:
    """Write lines below each other, each in the middle, smaller if it is too wide; strike those not in force."""
    x, y = start
    for line in lines:
        font = layout.fitting_font(line)
        centre = y + line.height / 2
        colour = colours.rgb("active" if line.active else "inactive")
        canvas.text((x, centre), line.text, fill=colour, font=font, anchor="mm")
        if not line.active:
            half = font.getlength(line.text) / 2
            canvas.line((x - half, centre, x + half, centre), fill=colour, width=STRIKE)
        y += line.height + layout.spacing
