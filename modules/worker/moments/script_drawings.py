"""The requests and the grid of an extension's script: what it returned, as the worker plans it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from easel.scripts import Drawing, DrawingGrid, DrawingHeading
from modules.base.errors import Invalid
from modules.imaging.picture_grid import GridLegend, GridText
from modules.params.txt2img import Generation, counted_on
from modules.pipelines.grid_plan import GridPlan, GridSet
from modules.pipelines.networks import with_standing_networks
from modules.pipelines.scripts.script_cells import Cells, styled_cell
from modules.plugins.native_scripts import NativeScript
from modules.requests.resolve import resolve_request
from modules.settings.options import Settings
from modules.worker.moments.plans import changed_request

TEXT_ALONE = frozenset({"prompt", "negative_prompt"})


def cells_of_script(script: NativeScript, params: Generation, settings: Settings) -> Cells:
    """Return the requests of a script's pictures, and their grid. Raises Invalid, UnknownName or CallFailed."""
    arguments = script.arguments(params)
    made = script.grid(params, arguments)
    drawings = drawings_in(script, made)
    legend = GridLegend(grid_headings(made.across), grid_headings(made.down))
    grid = GridPlan(range(len(drawings)), len(made.across), 0, made.name, legend, made.margin)
    requests = ((each, settings) for each in drawn_requests(params, drawings, arguments, settings))
    return Cells(requests, GridSet([grid]))


def drawings_in(script: NativeScript, made: DrawingGrid) -> Sequence[Drawing]:
    """Return the pictures, which may come from a generator. Raises Invalid if they are not as many as its places."""
    columns, rows = made.shape
    drawings: list[Drawing] = script.call(list, made.pictures)
    if len(drawings) != columns * rows:
        raise Invalid(
            f"{script.declared.where}: {len(drawings)} pictures for {columns} × {rows} headings.",
            "Its author can mend that.", "script_name",
        )
    return drawings


def drawn_requests(
    params: Generation, drawings: Sequence[Drawing], arguments: Any, settings: Settings
) -> Iterator[Generation]:
    """Yield the request of each picture."""
    one = replace(params, script_name="", script_args=(), n_iter=1, batch_size=1)
    for each in drawings:
        changes = each.changes
        own = replace(one, **changes) if changes.keys() <= TEXT_ALONE else changed_request(one, changes)
        if each.seed_offset:
            own = replace(own, seed=counted_on(params.seed, each.seed_offset))
        yield with_standing_networks(resolve_request(styled_cell(own, arguments.styles)), settings)


def grid_headings(headings: Sequence[DrawingHeading]) -> list[list[GridText]]:
    return [[GridText(part.text, part.in_force) for part in heading] for heading in headings]
