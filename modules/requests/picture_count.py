"""The number of images that a job will have, before the worker has planned it. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from modules.app.jobs import ResolvedRequest
from modules.base.errors import WebUIError
from modules.params.prompt_lines import parse_lines
from modules.params.scripts import Loopback, PromptsFromFile, script_arguments
from modules.params.txt2img import Generation
from modules.plugins.host import Host
from modules.requests.plot_jobs import cell_map, plotted_request
from modules.store.jobs import JobRecord
from modules.store.migrations import pictures_of


def picture_count(asked: ResolvedRequest, host: Host) -> int:
    """Return the number of images that a request will have, with those that its script adds.

    The worker counts again: what cannot be read here is its to refuse.
    """
    usual = pictures_of(asked.params)
    if not asked.params.get("script_name"):
        return usual
    record = JobRecord("", "", asked.kind, asked.params, asdict(asked.settings), asked.save)
    try:
        if cells := cell_map(record, host):
            return math.prod(cells.shape) * cells.each
        request = plotted_request(record)
        count = OTHER_COUNTS.get(type(arguments)) if request and (arguments := script_arguments(request)) else None
        return count(request, arguments) if request and count else usual
    except WebUIError:
        return usual


def images_of_lines(request: Generation, arguments: PromptsFromFile) -> int:
    return sum(
        line.get("n_iter", request.n_iter) * line.get("batch_size", request.batch_size)
        for line in parse_lines(arguments.text)
    )


def images_of_loops(request: Generation, arguments: Loopback) -> int:
    return request.n_iter if request.n_iter > 1 else arguments.loops


OTHER_COUNTS: Mapping[type, Callable[[Any, Any], int]] = {PromptsFromFile: images_of_lines, Loopback: images_of_loops}
