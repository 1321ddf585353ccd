"""A grid plan: a picture made of a job's other pictures once these are done, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modules.imaging.picture_grid import GridLegend


@dataclass(frozen=True)
class Arrangement:
    """How a batch's grid is laid out: without places for pictures that were not made, with masks that are shown.

    rows: as the setting has them; 0 is the batch size, -1 finds a number; least: with fewer pictures there is no grid
    """

    rows: int
    batch_size: int
    without_gaps: bool = False
    least: int = 1


@dataclass(frozen=True)
class GridPlan:
    """A grid of pictures, or of other grids.

    parts: the numbers of its pictures, row by row; those of a job's grids count on from those of its pictures
    columns: pictures in a row; name: the start of its file's name
    pairs: generation data added to those of its first picture, whose number is `first`
    returned: True if it is kept, False if it is only a part of another grid
    shown: False if it is only saved: neither the page nor a reply has it
    arranged: how its pictures are laid out once it is known which there are; None if each has its place
    """

    parts: Sequence[int]
    columns: int
    first: int
    name: str = "grid"
    legend: GridLegend | None = None
    margin: int = 0
    pairs: Mapping[str, object] = field(default_factory=dict)
    returned: bool = True
    shown: bool = True
    arranged: Arrangement | None = None


@dataclass(frozen=True)
class GridSet:
    """A job's grids.

    order: the numbers of its pictures in the order of drawing; empty: as they are numbered
    lone: True if its pictures are returned beside its grids
    each: pictures of a cell; only the first is told of where pictures are
    forgiving: True if a picture that fails leaves its place empty and the others go on
    """

    grids: Sequence[GridPlan] = ()
    order: Sequence[int] = ()
    lone: bool = True
    each: int = 1
    forgiving: bool = False
