"""HED, soft edges by a network: VGG's five stages, each with a side output; the map is the sigmoid of their mean.

Xie and Tu 2015, "Holistically-Nested Edge Detection", arXiv:1504.06375. Names and levels are those of ControlNet's file
`ControlNetHED.pth`, which sees pixels of 0 to 255 less a mean of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

from modules.imaging.control.maps import MapOptions, in_resolution, in_three
from modules.imaging.control.resampling import Levels, blurred_floats, blurred_levels
from modules.imaging.control.thinning import ridges
from modules.models.annotators.building import annotator_network, checked_levels
from modules.models.layers import seen_pixels
from modules.sampling.annotation import Annotate, Annotation

# inputs, outputs and convolutions of each
HED_STAGES = ((3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3))
QUANTISED_STEPS = 2            # of maps that are quantised, which hide what pictures are made of
SCRIBBLE_SIGMA, SCRIBBLE_FLOOR, SCRIBBLE_LIT = 3.0, 127, 4


class HedStage(nn.Module):
    """One of VGG's stages and its side output."""

    def __init__(self, inputs: int, outputs: int, convolutions: int) -> None:
        super().__init__()
        widths = [inputs, *[outputs] * (convolutions - 1)]
        self.convs = nn.Sequential(*(nn.Conv2d(width, outputs, 3, padding=1) for width in widths))
        self.projection = nn.Conv2d(outputs, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(1, C, h, w) → (1, outputs, h, w), and the side output (1, 1, h, w)."""
        for layer in self.convs:
            x = relu(layer(x))
        return x, self.projection(x)


class Hed(nn.Module):
    """The five stages."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Parameter(torch.zeros(1, 3, 1, 1))
        for number, sizes in enumerate(HED_STAGES, 1):
            self.add_module(f"block{number}", HedStage(*sizes))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(1, 3, H, W) of 0 to 255 → five side outputs, each of half the size of the one before."""
        x, sides = x - self.norm, []
        for number in range(1, len(HED_STAGES) + 1):
            x, side = self.get_submodule(f"block{number}")(x if number == 1 else max_pool2d(x, 2))
            sides.append(side)
        return sides


def load_hed(path: Path, device: torch.device) -> Hed:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, Hed, device)


def soft_edges(net: Any, ask: Annotate) -> Annotation:
    """Return the map of a picture's edges: soft, in few levels, or as a scribble."""

    def edges(levels: Levels, options: MapOptions) -> Levels:
        x = seen_pixels(levels, net)
        sides = [interpolate(side, x.shape[2:], mode="bilinear") for side in net(x)]
        share = torch.stack(sides).mean(0).sigmoid()[0, 0].cpu().numpy()
        if ask.name.endswith("_safe"):
            share = few_levels(share)
        return in_three(checked_levels(share))

    found = in_resolution(edges)(ask.pixels, MapOptions(ask.resolution))
    return Annotation(scribbled(found) if ask.name.startswith("scribble") else found)


def few_levels(shares: np.ndarray, steps: int = QUANTISED_STEPS) -> np.ndarray:
    """Return shares of 0 to 1 in one level more than so many steps; without a step as they are."""
    found: np.ndarray = np.floor(shares * (steps + 1)) / steps if steps else shares
    return found


def scribbled(edges: Levels) -> Levels:
    """Return soft edges as strokes of even width, black or white."""
    sharp = ridges(blurred_floats(edges[:, :, :1].astype(np.float32), SCRIBBLE_SIGMA)[:, :, 0])
    lit = np.where(sharp > SCRIBBLE_FLOOR, 255, 0).astype(np.uint8)
    wide = blurred_levels(lit[:, :, None], SCRIBBLE_SIGMA)[:, :, 0]
    return in_three(np.where(wide > SCRIBBLE_LIT, 255, 0).astype(np.uint8))
