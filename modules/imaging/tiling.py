"""The places of a picture's tiles, as in A1111."""

from __future__ import annotations

from math import ceil


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Return the starts of tiles along one side: as few as cover it, evenly spread, the last one at the border.

    Neighbours share `overlap` or more.
    """
    if tile >= length:
        return [0]
    count = ceil((length - overlap) / (tile - overlap))
    gap = (length - tile) / (count - 1)
    return [*(int(number * gap) for number in range(count - 1)), length - tile]
