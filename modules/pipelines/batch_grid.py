"""The grid of an ordinary job's pictures, as the settings want it."""

from __future__ import annotations

from modules.params.txt2img import Generation
from modules.pipelines.grid_plan import Arrangement, GridPlan, GridSet
from modules.pipelines.scripts.table import IMAGE_SCRIPTS
from modules.settings.options import Settings


def batch_grids(params: Generation, settings: Settings, count: int, saved: bool) -> GridSet:
    """Return the grid of a job's pictures, or none; as in A1111, most jobs whose pictures are not saved have none.

    count: of its pictures
    """
    script, s = IMAGE_SCRIPTS.get(params.script_name), settings
    without = bool(params.script_name) and (script is None or not script.batch_grid)
    kept = s.return_grid or (s.grid_save and saved)
    if without or not count or not kept or not (saved or (script and script.grid_unsaved)):
        return GridSet()
    rows = s.n_rows if script is None or script.grid_rows is None else script.grid_rows
    arranged = Arrangement(rows, params.batch_size, s.grid_prevent_empty_spots, 2 if s.grid_only_if_multiple else 1)
    return GridSet([GridPlan(range(count), 1, 0, shown=s.return_grid, arranged=arranged)])
