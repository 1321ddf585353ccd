"""Line drawings of anime by pix2pix's network: eight halvings of the size and back, each level seen again on the way.

Isola, Zhu, Zhou, Efros 2017, "Image-to-Image Translation with Conditional Adversarial Networks", arXiv:1611.07004.
Names are those of the file `netG.pth`, in which each level lies within the one above it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modules.imaging.control.maps import MapOptions, in_resolution, in_three
from modules.imaging.control.resampling import CUBIC, Levels, resampled, resampled_cubic
from modules.models.annotators.building import annotator_network, checked_levels
from modules.models.layers import LEAKY_SLOPE, seen_pixels
from modules.sampling.annotation import Annotate, Annotation

# channels above and below each level, the innermost first
LEVELS_OF_DRAWER = (*[(512, 512)] * 4, (256, 512), (128, 256), (64, 128))
OUTERMOST_WIDTH, HALVED_SIDE = 64, 256      # sides that it sees are multiples of the latter


class DrawerLevel(nn.Module):
    """Half the size, what lies below, and the size again; what was seen before lies beside it."""

    def __init__(self, above: int, below: int, inner: DrawerLevel | None) -> None:
        super().__init__()
        within = [] if inner is None else [nn.InstanceNorm2d(below), inner]
        self.model = nn.Sequential(
            nn.LeakyReLU(LEAKY_SLOPE), halved_side(above, below), *within,
            nn.ReLU(), doubled_side(below if inner is None else 2 * below, above), nn.InstanceNorm2d(above),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(1, above, h, w) → (1, 2 · above, h, w)"""
        return torch.cat([x, self.model(x)], 1)


class AnimeDrawer(nn.Module):
    """The network."""

    def __init__(self) -> None:
        super().__init__()
        inner = None
        for above, below in LEVELS_OF_DRAWER:
            inner = DrawerLevel(above, below, inner)
        layers = halved_side(3, OUTERMOST_WIDTH), inner, nn.ReLU(), doubled_side(2 * OUTERMOST_WIDTH, 1), nn.Tanh()
        self.model = nn.ModuleDict({"model": nn.Sequential(*filter(None, layers))})

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) of −1 to 1 → (1, 1, H, W) of −1 to 1, dark lines on white; sides are multiples of 256."""
        drawn: Tensor = self.model["model"](x)
        return drawn


def halved_side(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)


def doubled_side(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)


def load_anime_drawer(path: Path, device: torch.device) -> AnimeDrawer:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, AnimeDrawer, device)


def anime_lines(net: Any, ask: Annotate) -> Annotation:
    """Return a picture's lines, light on black."""

    def lines(levels: Levels, options: MapOptions) -> Levels:
        height, width = levels.shape[:2]
        seen = resampled(levels, (width + -width % HALVED_SIDE, height + -height % HALVED_SIDE), CUBIC)
        drawn = net(seen_pixels(seen, net) / 127.5 - 1)[0, 0].cpu().numpy()
        whole = resampled_cubic(drawn[:, :, None], (width, height))[:, :, 0]
        return in_three(255 - checked_levels((whole + 1) / 2))

    return Annotation(in_resolution(lines)(ask.pixels, MapOptions(ask.resolution)))
