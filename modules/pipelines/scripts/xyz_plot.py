"""X/Y/Z plot: one request for each cell, and the grids that show the cells by their values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from modules.imaging.picture_grid import GridLegend, GridText, rows_of_batch
from modules.params.plot_axes import Variant
from modules.params.plots import Plot, XyzPlot, plot_pairs, read_plot
from modules.params.txt2img import Generation
from modules.pipelines.grid_plan import GridPlan, GridSet
from modules.pipelines.networks import with_standing_networks
from modules.pipelines.scripts.script_cells import Cells, styled_cell
from modules.requests.resolve import Request, resolve_request
from modules.settings.options import Settings

MOST_SETTINGS = 1_000      # changed settings remembered, so that cells share them


def plot_cells(params: Request, arguments: XyzPlot, settings: Settings, saved: bool) -> Cells:
    """Return the requests of a plot's cells and its grids. Raises UnknownName or Invalid."""
    plot = read_plot(arguments, params, Settings)
    base = Variant(base_request(params, arguments, settings.return_grid and saved), {}, arguments.styles)
    notes = dict.fromkeys(note for number in plot.edge_cells() for note in plot.variant(base, number).notes)
    empty = [f"The {axis.axis.name} axis has no values, so nothing is drawn." for axis in plot.axes if not axis.values]
    return Cells(cell_requests(plot, base, settings), grid_set(plot, base.params, settings), [*notes, *empty])


def base_request(params: Request, arguments: XyzPlot, batches: bool) -> Request:
    """Return the request that cells start from: of one picture, unless a cell is a whole batch's grid."""
    changes: dict[str, Any] = {} if batches else {"n_iter": 1, "batch_size": 1}
    changes |= dict.fromkeys(arguments.drawn, -1)
    return replace(params, script_name="", script_args=(), **changes)


def cell_requests(plot: Plot, base: Variant[Request], settings: Settings) -> Iterator[tuple[Request, Settings]]:
    """Yield each cell's request and settings, in the order of the grid."""
    known: dict[tuple[tuple[str, Any], ...], Settings] = {(): settings}
    for number, variant in enumerate(plot.variants(base)):
        changed = tuple(variant.settings.items())
        if changed not in known:
            if len(known) > MOST_SETTINGS:
                known.clear()
            known[changed] = replace(settings, **variant.settings)
        request = styled_cell(plot.with_own_seeds(variant, number), base.styles)
        yield with_standing_networks(resolve_request(request), known[changed]), known[changed]


# Grids -----------------------------------------------------------------------------------------------


def grid_set(plot: Plot, params: Generation, settings: Settings) -> GridSet:
    """Return a plot's grids: whole ones, that of each Z value, and that of each cell of several pictures.

    There is one whole grid for each combination of the further axes.
    """
    count, each = len(plot.cells), params.pictures
    if not count:
        return GridSet()
    given, (columns, rows, depth), folds = plot.arguments, plot.shape[:3], plot.folds
    first_sub = count * each + folds              # after the pictures come the whole grids
    first_cell = first_sub + depth * folds        # then the sub grids, then the cells
    numbers = [number if each == 1 else first_cell + number for number in range(count)]
    area = columns * rows
    subs = [sub_grid(plot, z, numbers[z * area : (z + 1) * area], each) for z in range(depth * folds)]
    pairs = plot_pairs(plot, with_z=True)
    wholes = [
        GridPlan(
            range(first_sub + fold * depth, first_sub + (fold + 1) * depth), depth, fold * area * depth * each,
            "xyz_grid", z_legend(plot, fold), 0, pairs,
        )
        for fold in range(folds)
    ]
    batches = [
        batch_grid(range(n * each, (n + 1) * each), settings, params.batch_size, given)
        for n in range(count if each > 1 else 0)
    ]
    order = [n * each + k for n in plot.drawing_order for k in range(each)]
    return GridSet([*wholes, *subs, *batches], order, given.include_lone_images and each == 1, each, forgiving=True)


def sub_grid(plot: Plot, z: int, parts: Sequence[int], each: int) -> GridPlan:
    given, (columns, rows) = plot.arguments, plot.shape[:2]
    return GridPlan(
        parts, columns, z * columns * rows * each, "xyz_grid", legend_of_cells(plot), given.margin_size,
        plot_pairs(plot, with_z=False), given.include_sub_grids,
    )


def batch_grid(parts: Sequence[int], settings: Settings, batch_size: int, given: XyzPlot) -> GridPlan:
    """Return the grid that a cell of several pictures is."""
    rows = rows_of_batch(len(parts), settings.n_rows, batch_size, settings.grid_prevent_empty_spots)
    return GridPlan(parts, -(-len(parts) // rows), parts[0], returned=given.include_lone_images)


def legend_of_cells(plot: Plot) -> GridLegend | None:
    x, y = plot.axes[:2]
    return GridLegend(headings_of(x.labels), headings_of(y.labels)) if plot.arguments.draw_legend else None


def z_legend(plot: Plot, fold: int) -> GridLegend | None:
    """Return the legend of a whole grid: Z's values above, those of the further axes beside."""
    if not plot.arguments.draw_legend:
        return None
    places = plot.cells[fold * math.prod(plot.shape[:3])][3:]
    beside = [GridText(axis.labels[place]) for axis, place in zip(plot.axes[3:], places, strict=True)]
    return GridLegend(headings_of(plot.axes[2].labels), [beside or [GridText("")]])


def headings_of(labels: Sequence[str]) -> list[list[GridText]]:
    return [[GridText(label)] for label in labels]
