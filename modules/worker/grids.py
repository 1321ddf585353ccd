"""Grids of a job's pictures, made from their files once these are done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from modules.engine.messages import NSFW_DETECTED, UNRETURNED, UNTOLD
from modules.imaging.picture_grid import GridColours, GridLayout, draw_grid, rows_of_batch
from modules.params.infotext import with_pairs
from modules.pipelines.grid_plan import Arrangement, GridPlan
from modules.settings.options import Settings
from modules.worker.job_kinds import JobPlan

PIXELS_OF_MEGAPIXEL = 1_000_000


@dataclass(frozen=True)
class DonePicture:
    """A picture that is done: its file, its generation data where they are still known, and files shown beside it.

    flagged: the safety checker's verdict, None without one
    """

    path: Path
    infotext: str = ""
    beside: Sequence[Path] = ()
    flagged: bool | None = None


@dataclass(frozen=True)
class GridMaker:
    """Makes the grids of one job.

    done: its pictures by number; those that failed are left out
    """

    plan: JobPlan
    done: Mapping[int, DonePicture]

    @cached_property
    def grids(self) -> Sequence[GridPlan]:
        """The job's grids, those of batches laid out by the pictures there are."""
        return [self.arranged(grid, grid.arranged) if grid.arranged else grid for grid in self.plan.grids.grids]

    def arranged(self, grid: GridPlan, how: Arrangement) -> GridPlan:
        found = sorted(
            (number, place) for place, (number, _) in self.cell_files.items() if number in grid.parts
        )
        rows = rows_of_batch(len(found), how.rows, how.batch_size, how.without_gaps)
        kept = grid.returned and len(found) >= how.least
        return replace(grid, parts=[place for _, place in found], columns=max(1, -(-len(found) // rows)), returned=kept)

    @cached_property
    def files(self) -> dict[int, Path]:
        """The file of each picture that is done, and of those shown beside one: these are numbered after the grids."""
        return {place: path for place, (_, path) in self.cell_files.items()}

    @cached_property
    def cell_files(self) -> dict[int, tuple[int, Path]]:
        """Number → the picture that it is, or stands beside, and the file."""
        beside = [(number, path) for number in sorted(self.done) for path in self.done[number].beside]
        first = len(self.plan.plans) + len(self.plan.grids.grids)
        pictures = {number: (number, picture.path) for number, picture in self.done.items()}
        return pictures | dict(enumerate(beside, first))

    @property
    def settings(self) -> Settings:
        return self.plan.settings

    @property
    def colours(self) -> GridColours:
        s = self.settings
        return GridColours(s.grid_background_color, s.grid_text_active_color, s.grid_text_inactive_color)

    def returned(self) -> Iterator[int]:
        """Yield the numbers of the grids that are kept and shown."""
        pictures = len(self.plan.plans)
        yield from (pictures + place for place, grid in enumerate(self.grids) if grid.returned)

    def grid(self, number: int) -> GridPlan:
        return self.grids[number - len(self.plan.plans)]

    def draw(self, number: int) -> Image.Image:
        """Return a grid. Raises OSError or ValueError for a picture's file that cannot be read."""
        grid = self.grid(number)
        return draw_grid(self.layouts[number], map(self.picture, grid.parts), self.colours)

    def picture(self, number: int) -> Image.Image | None:
        """Return a picture or another grid; None for a picture that failed."""
        if number in self.files:
            with Image.open(self.files[number]) as opened:
                return opened.convert("RGB")
        return self.draw(number) if number in self.layouts else None

    def megapixels(self, number: int) -> float:
        width, height = self.layouts[number].size
        return width * height / PIXELS_OF_MEGAPIXEL

    @cached_property
    def layouts(self) -> dict[int, GridLayout]:
        """The geometry of each grid, by its number; the grids of grids come before those that they consist of."""
        found: dict[int, GridLayout] = {}
        for place in reversed(range(len(self.grids))):
            grid = self.grids[place]
            sizes = [size for part in grid.parts if (size := self.size_of(part, found))]
            cell = max((size[0] for size in sizes), default=0), max((size[1] for size in sizes), default=0)
            found[len(self.plan.plans) + place] = GridLayout(
                cell if all(cell) else self.usual_size, len(grid.parts), grid.columns, grid.legend, grid.margin,
                self.settings.font,
            )
        return found

    def size_of(self, number: int, layouts: Mapping[int, GridLayout]) -> tuple[int, int] | None:
        if number in layouts:
            return layouts[number].size
        return self.sizes.get(number)

    @cached_property
    def sizes(self) -> dict[int, tuple[int, int]]:
        """The size of each picture that is done, or shown beside one."""
        found = {}
        for number, path in self.files.items():
            with Image.open(path) as opened:
                found[number] = opened.size
        return found

    @property
    def usual_size(self) -> tuple[int, int]:
        """The size of a picture where none is done: the request's."""
        return self.plan.plan(self.plan.numbers[0]).passes[-1].frame

    def infotext(self, number: int) -> str:
        """Return a grid's generation data: those of its first picture, and what the grid shows."""
        grid = self.grid(number)
        first = grid.first if grid.first in self.plan.numbers else self.plan.numbers[0]
        text = self.done[first].infotext if first in self.done else ""
        return with_pairs(text or self.plan.infotext(first, {}), grid.pairs)

    def facts(self, number: int) -> dict[str, Any]:
        """Return a grid's part of the API's `info`: its first picture's."""
        grid = self.grid(number)
        own = self.plan.facts(grid.first if grid.first in self.plan.numbers else self.plan.numbers[0])
        verdicts = [self.done[part].flagged for part in grid.parts if part in self.done]
        checked = {NSFW_DETECTED: any(verdicts)} if any(each is not None for each in verdicts) else {}
        return {**own, **checked, **({} if grid.shown else {UNRETURNED: UNTOLD})}
