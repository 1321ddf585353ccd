"""All rows."""

from __future__ import annotations

from benchmarks.attacks import clocks, deaths, disks, load, pictures, wires
from benchmarks.attacks.row import Row

ROWS: tuple[Row, ...] = (*pictures.ROWS, *disks.ROWS, *clocks.ROWS, *load.ROWS, *wires.ROWS, *deaths.ROWS)
