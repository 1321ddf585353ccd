"""The canvas of a picture of `p`: A1111's fields that a request has not are obeyed here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from modules.params.img2img import ORIGINAL, Img2Img
from modules.pipelines.canvas import Canvas, Load, canvas_for, under
from modules.pipelines.upscaling import Enlarger
from modules.sampling.questions import Task
from modules.settings.options import Settings

WIDEST_BLUR_OF_P = 256      # pixels; a request's own is at most `WIDEST_BLUR`


@dataclass(frozen=True)
class CanvasOfP:
    """Makes the canvas of the picture at a place in p's batch.

    Beside the request's fields it obeys `p.latent_mask`, where the model paints if that is not where the painting
    shows, `p.color_corrections`, the pictures whose colours are matched, and blurs that are wider than a request's.
    """

    p: Any
    place: int

    def __call__(self, params: Img2Img, settings: Settings, load: Load, enlarger: Enlarger, name: str) -> Task[Canvas]:
        """Return the canvas. Raises InvalidImage."""
        p = self.p
        across, down = (min(int(each or 0), WIDEST_BLUR_OF_P) for each in (p.mask_blur_x, p.mask_blur_y))
        params = replace(params, mask_blur=None, mask_blur_x=across, mask_blur_y=down)
        if p.latent_mask is None:
            canvas = yield from canvas_for(params, settings, load, enlarger, name)
        else:
            unfilled = replace(params, inpainting_fill=ORIGINAL)
            plain = yield from canvas_for(unfilled, settings, load, enlarger, name)
            hole = p.latent_mask.convert("L").resize(plain.image.size)
            canvas = replace(plain, image=under(plain.image, hole, params), mask=hole)
        colours = getattr(p, "color_corrections", None) or ()
        return replace(canvas, colours=colours[self.place]) if self.place < len(colours) else canvas
