"""Upscaling within a flow. A model is asked tile by tile, so that it can be interrupted in between."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from modules.models.upscaling.tiles import Tiling, upscale_by_tiles
from modules.models.upscaling.upscaler import PILLOW, image_to_tensor, resize_lanczos, tensor_to_image, upscaled
from modules.params.extras import NO_UPSCALER
from modules.sampling.questions import Task, Upscale, Weights
from modules.settings.options import Settings

NO_CHECKPOINT = Weights("")      # upscalers and face restorers need no checkpoint


@dataclass(frozen=True)
class Enlarger:
    """An upscaler of that name.

    weights: those of the pass that follows, so that the scheduler keeps the batch together
    """

    name: str
    tiling: Tiling
    weights: Weights = NO_CHECKPOINT

    @classmethod
    def of(cls, name: str, settings: Settings, weights: Weights = NO_CHECKPOINT) -> Enlarger:
        return cls(name, Tiling(settings.ESRGAN_tile, settings.ESRGAN_tile_overlap), weights)

    def by(self, image: Image.Image, scale: float) -> Task[Image.Image]:
        """Enlarge a picture by a factor, about; its sides become multiples of 8, as in A1111's Extras.

        Raises Invalid if nothing would be left.
        """
        return (yield from upscaled(image, scale, self._once))

    def to(self, image: Image.Image, size: tuple[int, int]) -> Task[Image.Image]:
        """Resize a picture to this (width, height); the upscaler is asked only if the picture must grow."""
        scale = max(size[0] / image.width, size[1] / image.height)
        if scale > 1 and self.name != NO_UPSCALER:
            image = yield from self.by(image, scale)
        return resize_lanczos(image, size)

    def _once(self, image: Image.Image, scale: float) -> Task[Image.Image]:
        if self.name in PILLOW:
            return PILLOW[self.name](image, scale)
        return tensor_to_image((yield from upscale_by_tiles(self._tile, image_to_tensor(image), self.tiling)))

    def _tile(self, tile: Tensor) -> Task[Tensor]:
        return (yield Upscale(self.weights, tile, self.name))
