"""What a script of an extension makes of a request: several pictures, and the grid that shows them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias


@dataclass(frozen=True)
class HeadingPart:
    """A text beside a column or a row of a grid; one that is not in force is struck through."""

    text: str
    in_force: bool = True


DrawingHeading: TypeAlias = "Sequence[HeadingPart]"


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One of a script's pictures. What is None is as the request has it.

    seed_offset: added to the request's seed
    """

    prompt: str | None = None
    negative_prompt: str | None = None
    steps: int | None = None
    sampler_name: str | None = None
    scheduler: str | None = None
    cfg_scale: float | None = None
    width: int | None = None            # in pixels
    height: int | None = None
    denoising_strength: float | None = None
    seed_offset: int = 0

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of the request that differ."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "seed_offset"}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class DrawingGrid:
    """A script's pictures, row by row: one for each heading above a column and each beside a row.

    pictures: asked for only when they are drawn, so it may be a generator
    margin: pixels between the pictures of the grid; name: the beginning of the grid's file name
    """

    pictures: Iterable[Drawing]
    across: Sequence[DrawingHeading]
    down: Sequence[DrawingHeading] = ((),)
    margin: int = 0
    name: str = "grid"

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and rows."""
        return len(self.across), len(self.down)
