"""Structural lines of manga, without its screentones: residual blocks down four halvings of the size and up again.

Li, Liu, Wong 2017, "Deep Extraction of Manga Structural Lines", ACM Transactions on Graphics 36(4). Names are those of
the file `erika.pth`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from modules.imaging.control.maps import MapOptions, in_resolution, in_three
from modules.imaging.control.resampling import Levels
from modules.models.annotators.building import annotator_network, checked_levels
from modules.models.layers import LEAKY_SLOPE, FrozenNorm, seen_pixels
from modules.sampling.annotation import Annotate, Annotation

# channels and residuals of the stages at each size; each but the first halves it with its last residual
DOWNWARD = ((24, 2), (48, 3), (96, 5), (192, 7), (384, 12))
UPWARD = ((192, 7), (96, 5), (48, 3), (24, 2))      # each doubles the size with its first residual
LAST_STAGE = 16, 2
MANGA_EPS = 1e-3


class NormedConv(nn.Module):
    """A normalisation, a leaky ReLU and a convolution; then perhaps twice the size."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, doubled: bool = False) -> None:
        super().__init__()
        larger = [nn.Upsample(scale_factor=2)] if doubled else []
        self.model = nn.Sequential(
            FrozenNorm(inputs, MANGA_EPS), nn.LeakyReLU(LEAKY_SLOPE),
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2), *larger,
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.model(x)
        return changed


class AsItGoes(nn.Module):
    """What is added to a residual: its input, brought to the same channels and size where they differ."""

    def __init__(self, inputs: int, outputs: int, stride: int, doubled: bool) -> None:
        super().__init__()
        self.model = None
        if inputs != outputs or stride > 1:
            larger = [nn.Upsample(scale_factor=2)] if doubled else []
            self.model = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride), *larger)

    def forward(self, x: Tensor) -> Tensor:
        return x if self.model is None else self.model(x)


class MangaResidual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, doubled: bool = False) -> None:
        super().__init__()
        self.conv1 = NormedConv(inputs, outputs, stride=stride, doubled=doubled)
        self.residual = NormedConv(outputs, outputs)
        self.shortcut = AsItGoes(inputs, outputs, stride, doubled)

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.shortcut(x) + self.residual(self.conv1(x))
        return summed


class MangaStage(nn.Module):
    """The residuals of one stage."""

    def __init__(self, *residuals: MangaResidual) -> None:
        super().__init__()
        self.model = nn.Sequential(*residuals)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.model(x)
        return changed


class MangaDrawer(nn.Module):
    """The network: stages downward, stages upward that are added to those of their size, and a last one."""

    def __init__(self) -> None:
        super().__init__()
        for number, stage in enumerate(stages_of_manga()):
            self.add_module(f"block{number}", stage)
        self.conv15 = NormedConv(LAST_STAGE[0], 1, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 1, H, W) of 0 to 255 → (1, 1, H, W) of 0 to 255, dark lines on white; sides are multiples of 16."""
        seen = []
        for number in range(len(DOWNWARD)):
            x = self.get_submodule(f"block{number}")(x)
            seen.append(x)
        for number, before in enumerate(reversed(seen[:-1]), len(DOWNWARD)):
            x = self.get_submodule(f"block{number}")(x) + before
        drawn: Tensor = self.conv15(self.get_submodule(f"block{len(DOWNWARD) + len(UPWARD)}")(x))
        return drawn


def stages_of_manga() -> Iterator[MangaStage]:
    """Yield the stages in order."""
    width = 1
    for place, (outputs, count) in enumerate(DOWNWARD):
        strides = [1] * (count - 1) + [2 if place else 1]
        inputs = [width, *[outputs] * (count - 1)]
        yield MangaStage(
            *(MangaResidual(own, outputs, stride) for own, stride in zip(inputs, strides, strict=True))
        )
        width = outputs
    for outputs, count in UPWARD:
        further = (MangaResidual(outputs, outputs) for _ in range(count - 1))
        yield MangaStage(MangaResidual(width, outputs, doubled=True), *further)
        width = outputs
    outputs, count = LAST_STAGE
    yield MangaStage(MangaResidual(width, outputs), *(MangaResidual(outputs, outputs) for _ in range(count - 1)))


def load_manga_drawer(path: Path, device: torch.device) -> MangaDrawer:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, MangaDrawer, device)


def manga_lines(net: Any, ask: Annotate) -> Annotation:
    """Return a picture's lines, light on black."""

    def lines(levels: Levels, options: MapOptions) -> Levels:
        grey = np.asarray(Image.fromarray(levels).convert("L"))
        drawn = net(seen_pixels(grey[:, :, None], net))[0, 0].cpu().numpy()
        return in_three(checked_levels(1 - drawn / 255))

    return Annotation(in_resolution(lines)(ask.pixels, MapOptions(ask.resolution)))
