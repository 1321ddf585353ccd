"""All upscalers, and A1111's way to the size that was asked for.

A model has a scale of its own. It is run until the picture is large enough, three times at most, and the rest is done
by Lanczos. Sides become multiples of 8, as the VAE needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.base.errors import Invalid, UnknownName
from modules.base.registry import Registry
from modules.imaging.resize import LANCZOS
from modules.library.catalog import Catalog
from modules.library.upscalers import upscaler_files
from modules.models.upscaling.architectures import Net, build_upscaler
from modules.models.upscaling.read_state import read_state
from modules.models.upscaling.tiles import run_upscaler
from modules.params.extras import NO_UPSCALER
from modules.sampling.questions import Task

SIDE_MULTIPLE = 8            # pixels
MOST_PASSES = 3

# (RGB picture, wanted scale) → a larger one, by its own scale
ResizeImage = Callable[[Image.Image, float], Image.Image]
UpscaleImage = Callable[[Image.Image, float], Task[Image.Image]]      # the same, asking the device


@dataclass(frozen=True, slots=True)
class Upscaler:
    """An upscaler in the list; without a `path` it is one of Pillow's."""

    name: str
    path: Path | None = None
    problem: str = ""                   # why it cannot be used, as far as its first bytes show
    aliases: tuple[str, ...] = ()


class Upscalers:
    """The list, and the model used last. Any thread may `refresh` and look; `enlarge` is for the engine's alone."""

    def __init__(self, catalog: Catalog, device: torch.device, dtype: torch.dtype) -> None:
        self.catalog, self.device, self.dtype = catalog, device, dtype
        self.refresh()

    def refresh(self) -> None:
        """Read the folders again; the list is replaced as a whole, and the model is loaded anew."""
        self.catalog.refresh()
        found = upscaler_files(self.catalog)
        models = [
            Upscaler(name, file.path, file.problem, (file.path.stem,))
            for name, file in found.items()
            if name not in PILLOW
        ]
        self._registry = Registry("upscaler", [*map(Upscaler, PILLOW), *models])
        self._ready: tuple[Path, Net] | None = None

    def list(self) -> list[Upscaler]:
        return list(self._registry)

    def find(self, name: str) -> Upscaler:
        """Return the upscaler of that name or file name, in any case. Raises UnknownName."""
        return self._registry[name]

    def enlarge(self, name: str, tile: Tensor) -> Tensor:
        """Enlarge (3, h, w) uint8 by the model's scale.

        Raises UnknownName, NotANumber, ModelError naming the file.
        """
        path = self.find(name).path
        if path is None:
            raise UnknownName("upscaler with a model", name, [each.name for each in self._registry if each.path])
        return run_upscaler(self._net(path), tile)

    def _net(self, path: Path) -> Net:
        ready = self._ready
        if ready is None or ready[0] != path:
            ready = self._ready = path, build_upscaler(path.name, read_state(path), self.device, self.dtype)
        return ready[1]


def upscaled(image: Image.Image, scale: float, enlarge: UpscaleImage) -> Task[Image.Image]:
    """Enlarge by about `scale`, the sides multiples of 8: by `enlarge` until it is large enough, then by Lanczos.

    Raises Invalid.
    A scale of 1 is one pass: models of ×1 clean pictures up.
    """
    size = target_size(image, scale)
    colours = image.convert("RGB")
    for number in range(MOST_PASSES):
        enough = colours.width >= size[0] and colours.height >= size[1]
        if enough and (number or scale != 1):
            break
        before = colours.size
        colours = yield from enlarge(colours, scale)
        if colours.size == before:
            break
    return with_alpha_of(image, resize_lanczos(colours, size))


def target_size(image: Image.Image, scale: float) -> tuple[int, int]:
    width, height = (int(side * scale // SIDE_MULTIPLE * SIDE_MULTIPLE) for side in image.size)
    if min(width, height) < SIDE_MULTIPLE:
        problem = f"A picture of {image.width}×{image.height} would shrink to nothing at ×{scale:g}."
        raise Invalid(problem, f"Sides are at least {SIDE_MULTIPLE} pixels.")
    return width, height


def resize_lanczos(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, LANCZOS)


def with_alpha_of(image: Image.Image, result: Image.Image) -> Image.Image:
    """Return `result` with `image`'s transparency: networks process colours only."""
    if image.has_transparency_data:
        result.putalpha(resize_lanczos(image.convert("RGBA").getchannel("A"), result.size))
    return result


def image_to_tensor(image: Image.Image) -> Tensor:
    """Convert RGB to (3, h, w) uint8."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def tensor_to_image(values: Tensor) -> Image.Image:
    """Convert (3, h, w) uint8 to RGB."""
    return Image.fromarray(values.permute(1, 2, 0).contiguous().numpy())


def resize_by(method: Image.Resampling) -> ResizeImage:
    return lambda image, scale: image.resize((int(image.width * scale), int(image.height * scale)), method)


# Upscalers without a model, in order. "None" leaves all to the resize at the end.
PILLOW: dict[str, ResizeImage] = {
    NO_UPSCALER: lambda image, _: image,
    "Lanczos": resize_by(LANCZOS),
    "Nearest": resize_by(Image.Resampling.NEAREST),
}
