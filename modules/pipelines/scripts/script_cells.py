"""Common parts of the scripts that draw one request for each cell of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modules.pipelines.grid_plan import GridSet
from modules.prompts.styles import Style
from modules.requests.resolve import Request
from modules.requests.styles import with_styles
from modules.settings.options import Settings


@dataclass(frozen=True)
class Cells:
    """The requests of a script's pictures, each with its settings; the grids of the pictures; remarks for the owner."""

    requests: Iterable[tuple[Any, Settings]]
    grids: GridSet
    notes: Sequence[str] = ()


def styled_cell(params: Request, styles: Mapping[str, tuple[str, str]]) -> Request:
    """Return a cell's request with its styles in its prompts. Raises UnknownName or PromptTooLong."""
    if not params.styles:
        return params
    return with_styles(params, {name: Style(name, *texts) for name, texts in styles.items()})
