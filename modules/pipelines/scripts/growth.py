"""The growth of a picture on each side when it is outpainted."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from modules.base.errors import Invalid
from modules.params.scripts import OutpaintSide

WHOLE = 64      # the grown picture's sides are multiples of so many pixels
MOST_GROWN_PIXELS = 8_000_000


@dataclass(frozen=True)
class Growth:
    """The growth of each side, in pixels."""

    left: int
    right: int
    up: int
    down: int

    @classmethod
    def of(cls, size: tuple[int, int], pixels: int, sides: tuple[OutpaintSide, ...]) -> Growth:
        """Return a growth of at least `pixels` on each of these sides, rounded up to whole sizes.

        Raises Invalid if no side grows, or the picture grows too large.
        """
        if not sides:
            raise Invalid("No side of the picture is to grow.", "Name left, right, up or down.", field="script_args")
        left, right, up, down = (pixels * (side in sides) for side in ("left", "right", "up", "down"))
        found = cls(*split_growth(size[0], left, right), *split_growth(size[1], up, down))
        if (size[0] + found.left + found.right) * (size[1] + found.up + found.down) > MOST_GROWN_PIXELS:
            raise Invalid(
                "The picture is too large to grow.",
                f"It may have {MOST_GROWN_PIXELS:,} pixels in the end.",
                field="init_images",
            )
        return found


def split_growth(length: int, before: int, after: int) -> tuple[int, int]:
    """Return the growth at each end that makes the whole length a multiple; an end without growth keeps none."""
    if not before and not after:
        return 0, 0
    added = rounded_up(length + before + after) - length
    first = before * added // (before + after)
    return (first, added - first) if after else (added, 0)


def rounded_up(length: int) -> int:
    return ceil(length / WHOLE) * WHOLE
