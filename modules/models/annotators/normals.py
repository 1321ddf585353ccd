"""Normals of surfaces by a network: EfficientNet-B5, then the size is doubled step by step, each with its normals.

Bae, Budvytis, Cipolla 2021, "Estimating and Exploiting the Aleatoric Uncertainty in Surface Normal Estimation",
arXiv:2109.09881. Names are those of the file `scannet.pt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from modules.imaging.control.maps import MapOptions, in_resolution
from modules.imaging.control.resampling import Levels
from modules.models.annotators.building import (
    IMAGENET,
    annotator_network,
    checked_levels,
    names_without_module,
    standardised,
)
from modules.models.annotators.efficient_net import HEAD_WIDTH, EfficientNet
from modules.models.layers import FrozenNorm, seen_pixels, twice_as_large
from modules.sampling.annotation import Annotate, Annotation

# channels of the encoder's features from the smallest on, and of what is made with each
SEEN_WIDTHS, MADE_WIDTHS = (176, 64, 40, 24), (1024, 512, 256, 128)
NORMAL_OUTPUTS, NORMAL_INNER = 4, 128      # x, y, z and how sure they are
UNUSED_NORM = "encoder.original_model.bn2."


class SeenAndMade(nn.Module):
    """What was made so far in the next larger size, with the encoder's features of that size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self._net = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), FrozenNorm(outputs), nn.LeakyReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), FrozenNorm(outputs), nn.LeakyReLU(),
        )

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        larger = interpolate(x, seen.shape[2:], mode="bilinear", align_corners=True)
        made: Tensor = self._net(torch.cat([larger, seen], 1))
        return made


class NormalDecoder(nn.Module):
    """From features to normals, first of an eighth of the size; each size begins with those of the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2 = nn.Conv2d(HEAD_WIDTH, HEAD_WIDTH, 1)
        width = HEAD_WIDTH
        for number, (seen, made) in enumerate(zip(SEEN_WIDTHS, MADE_WIDTHS, strict=True), 1):
            self.add_module(f"up{number}", SeenAndMade(width + seen, made))
            width = made
        self.out_conv_res8 = nn.Conv2d(MADE_WIDTHS[1], NORMAL_OUTPUTS, 3, padding=1)
        self.out_conv_res4, self.out_conv_res2, self.out_conv_res1 = map(pixel_layers, MADE_WIDTHS[1:])

    def forward(self, seen: list[Tensor], x: Tensor) -> Tensor:
        x, made = self.conv2(x), []
        for number, features in enumerate(reversed(seen), 1):
            x = self.get_submodule(f"up{number}")(x, features)
            made.append(x)
        found = unit_normals(self.out_conv_res8(made[1]))
        for share, features in zip((4, 2, 1), made[1:], strict=True):
            found = unit_normals(self.refined(share, torch.cat([features, found], 1)))
        return found

    def refined(self, share: int, known: Tensor) -> Tensor:
        """Return (1, 4, 2h, 2w) from what is known in (1, C, h, w), each pixel by itself."""
        larger = twice_as_large(known)
        found: Tensor = self.get_submodule(f"out_conv_res{share}")(larger.flatten(2))
        return found.unflatten(2, larger.shape[2:])


class NormalNet(nn.Module):
    """Encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"original_model": EfficientNet()})
        self.decoder = NormalDecoder()

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W), standardised → (1, 3, H, W) of −1 to 1; sides are multiples of 32."""
        found: Tensor = self.decoder(*self.encoder["original_model"](x))[:, :3]
        return found


def pixel_layers(features: int) -> nn.Sequential:
    widths = features + NORMAL_OUTPUTS, *[NORMAL_INNER] * 3
    inner = [layer for one, two in pairwise(widths) for layer in (nn.Conv1d(one, two, 1), nn.ReLU())]
    return nn.Sequential(*inner, nn.Conv1d(NORMAL_INNER, NORMAL_OUTPUTS, 1))


def unit_normals(found: Tensor) -> Tensor:
    """Return normals (1, 4, …) of length 1; the fourth channel, how sure they are, above 0.01."""
    normals, sure = found[:, :3], found[:, 3:]
    return torch.cat([normals / (normals.norm(dim=1, keepdim=True) + 1e-10), nn.functional.elu(sure) + 1.01], 1)


def load_normal_net(path: Path, device: torch.device) -> NormalNet:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, NormalNet, device, without_unused)


def without_unused(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a file's tensors without those of a normalisation after the last convolution, which nothing sees."""
    own = names_without_module(tensors)
    return {own[name]: tensor for name, tensor in tensors.items() if not own[name].startswith(UNUSED_NORM)}


def surface_normals(net: Any, ask: Annotate) -> Annotation:
    """Return the map of a picture's normals: x, y and z as red, green and blue."""

    def normals(levels: Levels, options: MapOptions) -> Levels:
        found = net(standardised(seen_pixels(levels, net) / 255, IMAGENET))
        return checked_levels(((found[0] + 1) / 2).permute(1, 2, 0).cpu().numpy())

    return Annotation(in_resolution(normals)(ask.pixels, MapOptions(ask.resolution)))
