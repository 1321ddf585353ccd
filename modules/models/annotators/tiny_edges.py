"""TEED, soft edges by a network of 58,000 weights: three maps of growing reach, and one that fuses them.

Soria, Li, Rouhani, Sappa 2023, "Tiny and Efficient Model for the Edge Detection Generalization", arXiv:2308.06468.
Names are those of the files `7_model.pth` and, of Anyline, `MTEED.pth`; it sees pixels of 0 to 255 as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from modules.imaging.control.maps import MapOptions, in_resolution, in_three, standard_lines
from modules.imaging.control.resampling import Levels
from modules.models.annotators.building import annotator_network, checked_levels
from modules.models.annotators.edges import few_levels
from modules.models.layers import conv3x3, seen_pixels
from modules.sampling.annotation import Annotate, Annotation

TINY_WIDTHS, TINY_MAPS, FUSED_PER_MAP = (16, 32, 48), 3, 8
INNER_MAPS = 16          # of a map that grows in two steps
FAINTEST, LEAST_PATCH = 1, 12      # the level of a faintest line, and the pixels of a patch of them


class Smish(nn.Module):
    """x · tanh(log(1 + σ(x))); Wang, Ren, Wang 2022, "Smish", doi:10.3390/electronics11040540."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.sigmoid().log1p().tanh()


class TinyPair(nn.Module):
    """Two convolutions."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.conv2 = conv3x3(outputs, outputs)
        self.smish = Smish()

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv2(self.smish(self.conv1(x)))
        return made


class TinyDense(nn.Module):
    """Two convolutions, of which the first reaches a pixel beyond the edges; the mean with what is beside them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=2)
        self.conv2 = nn.Conv2d(outputs, outputs, 3)
        self.smish = Smish()

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        made: Tensor = self.conv2(self.smish(self.conv1(self.smish(x))))
        return (made + beside) / 2


class MapFusion(nn.Module):
    """One map of three: each becomes eight, which are changed by themselves, added and summed."""

    def __init__(self) -> None:
        super().__init__()
        width = TINY_MAPS * FUSED_PER_MAP
        self.DWconv1 = nn.Conv2d(TINY_MAPS, width, 3, padding=1, groups=TINY_MAPS)
        self.DWconv2 = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.smish = Smish()

    def forward(self, maps: Tensor) -> Tensor:
        wide = self.DWconv1(self.smish(maps))
        fused: Tensor = self.smish((wide + self.DWconv2(self.smish(wide))).sum(1, keepdim=True))
        return fused


class TinyEdges(nn.Module):
    """The network."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = TINY_WIDTHS
        self.block_1, self.block_2 = TinyPair(3, first, stride=2), TinyPair(first, second)
        self.dblock_3 = nn.ModuleDict({"denselayer1": TinyDense(second, third)})
        self.side_1 = nn.ModuleDict({"conv": nn.Conv2d(first, second, 1, stride=2)})
        self.pre_dense_3 = nn.ModuleDict({"conv": nn.Conv2d(second, third, 1)})
        for number, width in enumerate(TINY_WIDTHS, 1):
            self.add_module(f"up_block_{number}", nn.ModuleDict({"features": grown_map(width, twice=number == 3)}))
        self.block_cat = MapFusion()
        self.smish = Smish()

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) of 0 to 255 → (1, 4, H, W), edges above 0; sides are multiples of 4."""
        first = self.smish(self.block_1(x))
        second = self.block_2(first)
        small = max_pool2d(second, 3, stride=2, padding=1)
        beside = self.pre_dense_3["conv"](small)
        third = self.dblock_3["denselayer1"](small + self.side_1["conv"](first), beside)
        seen = enumerate((first, second, third), 1)
        maps = torch.cat([self.get_submodule(f"up_block_{number}.features")(each) for number, each in seen], 1)
        return torch.cat([maps, self.block_cat(maps)], 1)


def grown_map(inputs: int, twice: bool) -> nn.Sequential:
    """Return the layers of a map of twice the size of its features, or of four times."""
    if not twice:
        return nn.Sequential(nn.Conv2d(inputs, 1, 1), Smish(), nn.ConvTranspose2d(1, 1, 2, stride=2))
    steps = ((inputs, INNER_MAPS), (INNER_MAPS, 1))
    layers = [
        (nn.Conv2d(wide, narrow, 1), Smish(), nn.ConvTranspose2d(narrow, narrow, 4, stride=2, padding=1))
        for wide, narrow in steps
    ]
    return nn.Sequential(*(layer for step in layers for layer in step))


def load_tiny_edges(path: Path, device: torch.device) -> TinyEdges:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, TinyEdges, device)


def tiny_edges(net: Any, ask: Annotate) -> Annotation:
    """Return the map of a picture's edges, in a few levels more than its slider tells."""

    def edges(levels: Levels, options: MapOptions) -> Levels:
        share = net(seen_pixels(levels, net)).mean(1)[0].sigmoid().cpu().numpy()
        found = in_three(checked_levels(few_levels(share, int(options.a))))
        return without_faintest(found, levels) if ask.name == "softedge_anyline" else found

    return Annotation(in_resolution(edges)(ask.pixels, MapOptions(ask.resolution, ask.a)))


def without_faintest(edges: Levels, levels: Levels) -> Levels:
    """Return edges as Anyline has them: as good as black in patches where `lineart_standard` is faintest."""
    from scipy.ndimage import label  # slow to import

    patches, _ = label(standard_lines(levels, MapOptions())[:, :, 0] == FAINTEST)
    large = np.bincount(patches.ravel()) >= LEAST_PATCH
    large[0] = False      # what is no patch
    return np.where(large[patches][:, :, None], np.uint8(FAINTEST), edges)
