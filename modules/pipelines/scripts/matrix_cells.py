"""Prompt matrix: one picture for each combination of a prompt's parts, and their grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from modules.imaging.picture_grid import GridLegend, GridText
from modules.params.prompt_matrix import DELIMITERS, PROMPT_TYPES, Matrix, PromptMatrix, read_matrix
from modules.params.txt2img import counted_on
from modules.pipelines.grid_plan import GridPlan, GridSet
from modules.pipelines.networks import with_standing_networks
from modules.pipelines.scripts.script_cells import Cells, styled_cell
from modules.requests.resolve import Request, resolve_request
from modules.settings.options import Settings


def matrix_cells(params: Request, arguments: PromptMatrix, settings: Settings, saved: bool) -> Cells:
    """Return the requests of a matrix's pictures and its grid. Raises Invalid."""
    matrix = read_matrix(getattr(params, PROMPT_TYPES[arguments.prompt_type]))
    grid = GridPlan(
        range(matrix.rows * matrix.columns), matrix.columns, 0, "prompt_matrix", matrix_legend(matrix),
        arguments.margin_size,
    )
    requests = ((each, settings) for each in matrix_requests(params, arguments, matrix, settings))
    return Cells(requests, GridSet([grid]))


def matrix_requests(
    params: Request, arguments: PromptMatrix, matrix: Matrix, settings: Settings
) -> Iterator[Request]:
    one = replace(params, script_name="", script_args=(), n_iter=1, batch_size=1)
    prompts = matrix.prompts(arguments.put_at_start, DELIMITERS[arguments.variations_delimiter])
    for number, prompt in enumerate(prompts):
        own: dict[str, Any] = {PROMPT_TYPES[arguments.prompt_type]: prompt}
        each = replace(one, **own)
        if arguments.different_seeds:
            each = replace(each, seed=counted_on(params.seed, number))
        yield with_standing_networks(resolve_request(styled_cell(each, arguments.styles)), settings)


def matrix_legend(matrix: Matrix) -> GridLegend:
    """Return the legend: the first half of the parts heads the columns, the rest the rows."""
    half = len(matrix.parts) - len(matrix.parts) // 2
    return GridLegend(matrix_headings(matrix.parts[:half]), matrix_headings(matrix.parts[half:]))


def matrix_headings(parts: Sequence[str]) -> list[list[GridText]]:
    """Return the parts in each combination, those that are left out not in force."""
    return [
        [GridText(part, bool(combination >> place & 1)) for place, part in enumerate(parts)]
        for combination in range(2 ** len(parts))
    ]
