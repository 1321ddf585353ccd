"""The maps that a ControlNet learns to follow: files of their own, or made of the pictures by preprocessors."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.imaging.control.fitting import fitted_map
from modules.imaging.control.maps import MAPS, MapOptions
from modules.imaging.control.resampling import Levels
from modules.imaging.dataset.dataset import TrainingPicture
from modules.imaging.dataset.samples import is_flipped, load_sample, varies
from modules.params.control import STRETCH_MAP
from modules.params.preprocessors import find_preprocessor
from modules.sampling.annotation import Annotate
from modules.sampling.questions import Task
from modules.sampling.weights import Weights
from modules.training.noise import DrawPlace

PACKING = 1      # zlib's fastest level: most of a map is black


@dataclass(frozen=True, slots=True)
class PackedMap:
    """A map (H, W, 3) in memory."""

    content: bytes
    shape: tuple[int, ...]

    @property
    def levels(self) -> Levels:
        return np.frombuffer(zlib.decompress(self.content), np.uint8).reshape(self.shape)


@dataclass(eq=False)
class PictureMaps:
    """Makes the maps of a run's pictures.

    preprocessors: one is drawn for each picture and step; their values are the usual ones, and they see pictures as
        large as they are trained at; keeps: maps of pictures that do not vary are kept in memory
    """

    weights: Weights
    preprocessors: tuple[str, ...]
    keeps: bool = True
    _kept: dict[tuple[str, bool, str], PackedMap] = field(default_factory=dict)

    def of(self, picture: TrainingPicture, place: DrawPlace) -> Task[Tensor]:
        """Return a picture's map as its step sees it, (3, H, W) in [0, 1]. Asks preprocessors that are networks."""
        choice = int(place.draws("preprocessor").integers(len(self.preprocessors)))
        name = "" if picture.map else find_preprocessor(self.preprocessors[choice]).name
        key = str(picture.path), is_flipped(picture, place.draws("picture")), name
        if key in self._kept:
            return map_tensor(self._kept[key].levels)
        sample = load_sample(picture, place.draws("picture"))
        levels = np.asarray(sample.map) if sample.map else (yield from self._made(sample.image, name))
        if self.keeps and not varies(picture):
            self._kept[key] = PackedMap(zlib.compress(levels.tobytes(), PACKING), levels.shape)
        return map_tensor(levels)

    def _made(self, image: Image.Image, name: str) -> Task[Levels]:
        _, a, b = find_preprocessor(name).effective(-1, -1, -1)
        if name in MAPS:
            levels = MAPS[name](np.asarray(image), MapOptions(min(image.size), a, b))
        else:
            levels = (yield Annotate(self.weights, np.asarray(image), name, min(image.size), a, b)).levels
        return fitted_map(levels, image.size, STRETCH_MAP)


def map_tensor(levels: Levels) -> Tensor:
    """Return a map (H, W, 3) as (3, H, W) in [0, 1]."""
    return torch.from_numpy(levels.astype(np.float32) / 255).permute(2, 0, 1).contiguous()
