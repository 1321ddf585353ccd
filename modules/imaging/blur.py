"""Pictures of which only their colours are left."""

from __future__ import annotations

from PIL import Image

BLUR_CELLS = 8      # along the longer side; no more of the picture is left


def blurred_picture(image: Image.Image) -> Image.Image:
    """Return the picture as a few soft spots of colour: the means of at most 8 × 8 cells, and nothing else of it.

    A Gaussian blur could be undone in part; a mean cannot.
    """
    scale = BLUR_CELLS / max(image.size)
    cells = [max(1, min(side, round(side * scale))) for side in image.size]
    return image.resize((cells[0], cells[1]), Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)
