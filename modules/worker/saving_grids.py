"""Saving of grids: into the outputs, in folders of their own, or into the cache."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from modules.base.border import outcome
from modules.base.errors import Invalid
from modules.base.files import write_new
from modules.engine.messages import JobSpec, Made
from modules.imaging.filename import NameFacts, file_stem, fill_pattern
from modules.imaging.save import FileFormat
from modules.requests.patterns import below_outputs, subfolders, usual_pattern
from modules.store.jobs import GRID
from modules.worker.grids import GridMaker
from modules.worker.naming import name_facts
from modules.worker.saving import Saved, Sheet, Where, cached_anywhere


def save_grid(maker: GridMaker, number: int, spec: JobSpec, where: Where) -> Saved:
    """Write a grid to the outputs if grids are saved, else to the cache, in the format of pictures.

    Raises Invalid for one that is too large.
    """
    s = maker.settings
    check_grid_size(maker.megapixels(number), s.img_max_size_mp)
    image, infotext = maker.draw(number), maker.infotext(number)
    how = FileFormat(s.grid_format, s.jpeg_quality, s.webp_lossless).fitting(image.size)
    sheet = Sheet(image, how, infotext if s.enable_pnginfo else "", {}, ())
    made = Made(spec.id, number, "", infotext, maker.facts(number), kind=GRID)
    problem: Exception | None = None
    if spec.save and s.grid_save:
        path = outcome(write_grid, sheet, maker, made, spec, where)
        if not isinstance(path, Exception):
            return Saved(replace(made, path=str(path)))
        problem = path
    shown = replace(sheet, how=FileFormat(s.samples_format, s.jpeg_quality, s.webp_lossless).fitting(image.size))
    path = cached_anywhere(shown, where, spec.id, number)
    return Saved(replace(made, path=str(path), saved=False), problem)


def check_grid_size(megapixels: float, most: float) -> None:
    if most and megapixels > most:
        raise Invalid(
            f"A grid of {megapixels:,.0f} megapixels is too large.", f"The setting img_max_size_mp allows {most:g}."
        )


def write_grid(sheet: Sheet, maker: GridMaker, made: Made, spec: JobSpec, where: Where) -> Path:
    """Write a grid to the outputs and return its path. Raises DiskFull or Unwritable."""
    if earlier := where.earlier(spec.id, made.index):
        return earlier
    s, grid = maker.settings, maker.grid(made.index)
    facts = grid_facts(maker, made.index, sheet.image, spec)
    folder = where.outputs / spec.folder
    folder = folder.joinpath(*below_outputs(s.outdir_grids or getattr(s, f"outdir_{spec.kind}_grids")))
    if s.grid_save_to_dirs:
        folder = folder.joinpath(*subfolders(facts, s))
    decoration = fill_pattern(s.samples_filename_pattern or usual_pattern(s), facts) if s.grid_extended_filename else ""
    return write_new(grid_paths(folder, grid.name, decoration, sheet.how.name), sheet.file, where.note(made))


def grid_facts(maker: GridMaker, number: int, image: Image.Image, spec: JobSpec) -> NameFacts:
    first = maker.grid(number).first
    known = first if first in maker.plan.numbers else maker.plan.numbers[0]
    return name_facts(maker.plan, known, np.asarray(image), spec)


def grid_paths(folder: Path, name: str, decoration: str, extension: str) -> Iterator[Path]:
    """Yield `name`-0042-`decoration`.png and so on, from the next free number."""
    pattern = re.compile(rf"{re.escape(name)}-(\d{{1,9}})[-.]")
    taken = os.scandir(folder) if folder.is_dir() else ()
    numbers = [int(found[1]) for entry in taken if (found := pattern.match(entry.name))]
    for number in count(max(numbers, default=-1) + 1):
        yield folder / f"{file_stem(decoration, f'{name}-{number:04}', '')}.{extension}"
