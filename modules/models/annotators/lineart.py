"""Line drawings by a network: three blocks of residuals between two halvings and two doublings of the size.

Chan, Durand, Isola 2022, "Learning to generate line drawings that convey geometry and semantics", arXiv:2203.12691.
Names are those of its files, `sk_model.pth` and `sk_model2.pth`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modules.imaging.control.maps import MapOptions, in_resolution, in_three
from modules.imaging.control.resampling import Levels
from modules.models.annotators.building import annotator_network, checked_levels
from modules.models.layers import seen_pixels
from modules.sampling.annotation import Annotate, Annotation

NARROW, RESIDUAL_BLOCKS = 64, 3


class ReflectedResidual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class LineDrawer(nn.Module):
    """The generator of line drawings."""

    def __init__(self) -> None:
        super().__init__()
        self.model0 = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, NARROW, 7), nn.InstanceNorm2d(NARROW), nn.ReLU()
        )
        self.model1 = nn.Sequential(*halving(NARROW), *halving(2 * NARROW))
        self.model2 = nn.Sequential(*(ReflectedResidual(4 * NARROW) for _ in range(RESIDUAL_BLOCKS)))
        self.model3 = nn.Sequential(*doubling(4 * NARROW), *doubling(2 * NARROW))
        self.model4 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(NARROW, 1, 7), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) of 0 to 1 → (1, 1, H, W), dark lines on white; sides are multiples of 4."""
        drawn: Tensor = self.model4(self.model3(self.model2(self.model1(self.model0(x)))))
        return drawn


def halving(width: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.InstanceNorm2d(2 * width), nn.ReLU()


def doubling(width: int) -> tuple[nn.Module, ...]:
    larger = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1)
    return larger, nn.InstanceNorm2d(width // 2), nn.ReLU()


def load_line_drawer(path: Path, device: torch.device) -> LineDrawer:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, LineDrawer, device)


def drawn_lines(net: Any, ask: Annotate) -> Annotation:
    """Return a picture's lines, light on black."""

    def lines(levels: Levels, options: MapOptions) -> Levels:
        drawn = net(seen_pixels(levels, net) / 255)
        return in_three(255 - checked_levels(drawn[0, 0].cpu().numpy()))

    return Annotation(in_resolution(lines)(ask.pixels, MapOptions(ask.resolution)))
