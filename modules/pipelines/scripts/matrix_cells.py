"""Prompt matrix: one picture for each combination of a prompt's parts, and their grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from modules.imaging.picture_grid import GridLegend, GridText
from modules.params.prompt_matrix import DELIMITERS, PROMPT_TYPES, PromptMatrices, PromptMatrix, read_matrices
from modules.params.txt2img import counted_on
from modules.pipelines.grid_plan import GridPlan, GridSet
from modules.pipelines.networks import with_standing_networks
from modules.pipelines.scripts.script_cells import Cells, styled_cell
from modules.requests.resolve import Request, resolve_request
from modules.settings.options import Settings


def matrix_cells(params: Request, arguments: PromptMatrix, settings: Settings, saved: bool) -> Cells:
    """Return the requests of a matrix's pictures and its grid. Raises Invalid."""
    matrices = matrices_of(params, arguments)
    across, down = matrices.headings
    legend = GridLegend(matrix_headings(across), matrix_headings(down))
    grid = GridPlan(range(matrices.count), 2 ** len(across), 0, "prompt_matrix", legend, arguments.margin_size)
    requests = ((each, settings) for each in matrix_requests(params, arguments, matrices, settings))
    return Cells(requests, GridSet([grid]))


def matrices_of(params: Request, arguments: PromptMatrix) -> PromptMatrices:
    return read_matrices({name: getattr(params, name) for name in PROMPT_TYPES[arguments.prompt_type]})


def matrix_requests(
    params: Request, arguments: PromptMatrix, matrices: PromptMatrices, settings: Settings
) -> Iterator[Request]:
    one = replace(params, script_name="", script_args=(), n_iter=1, batch_size=1)
    delimiter = DELIMITERS[arguments.variations_delimiter]
    for number in range(matrices.count):
        own: dict[str, Any] = matrices.prompts(number, arguments.put_at_start, delimiter)
        each = replace(one, **own)
        if arguments.different_seeds:
            each = replace(each, seed=counted_on(params.seed, number))
        yield with_standing_networks(resolve_request(styled_cell(each, arguments.styles)), settings)


def matrix_headings(parts: Sequence[str]) -> list[list[GridText]]:
    """Return the parts in each combination, those that are left out not in force."""
    return [
        [GridText(part, bool(combination >> place & 1)) for place, part in enumerate(parts)]
        for combination in range(2 ** len(parts))
    ]
