"""All rows."""

from __future__ import annotations

from benchmarks.attacks import (
    browsers,
    clocks,
    deaths,
    disks,
    extensions,
    lists,
    load,
    models,
    pictures,
    requests,
    settings,
    wires,
)
from benchmarks.attacks.row import Row

ROWS: tuple[Row, ...] = (
    *pictures.ROWS, *disks.ROWS, *clocks.ROWS, *settings.ROWS, *models.ROWS, *load.ROWS, *lists.ROWS, *wires.ROWS,
    *requests.ROWS, *deaths.ROWS, *browsers.ROWS, *extensions.ROWS,
)
