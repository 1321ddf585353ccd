"""LeReS, depth by a ResNeXt whose features are put together from the smallest on.

Yin et al. 2021, "Learning to Recover 3D Scene Shape from a Single Image", arXiv:2012.09365, with ResNeXt-101 32×8d (Xie
et al. 2017, arXiv:1611.05431). Names are those of the file `res101.pth`, of which the parts for shapes are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from modules.imaging.control.maps import MapOptions, in_resolution, in_three
from modules.imaging.control.resampling import Levels
from modules.models.annotators.building import IMAGENET, annotator_network, finite_map, standardised
from modules.models.layers import FrozenNorm, conv3x3, seen_pixels, twice_as_large
from modules.sampling.annotation import Annotate, Annotation

STEM_CHANNELS, GROUPS_OF_BLOCK = 64, 32
BLOCKS_OF_LAYER, CHANNELS_OF_LAYER = (3, 4, 23, 3), (256, 512, 1024, 2048)      # of ResNeXt-101
SMALLEST_MADE, MADE_CHANNELS = 512, 256      # channels of what is made of the smallest features, and of all others
MOST_DEPTH = 65_535      # depths are whole numbers of 16 bits before they are levels


class ResNeXtBlock(nn.Module):
    """Across channels, in groups of them, across them again; and their input added."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 1, bias=False), FrozenNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, 1, groups=GROUPS_OF_BLOCK, bias=False)
        self.conv3, self.bn2 = nn.Conv2d(outputs, outputs, 1, bias=False), FrozenNorm(outputs)
        self.bn3 = FrozenNorm(outputs)
        resized = (nn.Conv2d(inputs, outputs, 1, stride, bias=False), FrozenNorm(outputs))
        self.downsample = nn.Sequential(*(resized if inputs != outputs else ()))

    def forward(self, x: Tensor) -> Tensor:
        inner = relu(self.bn2(self.conv2(relu(self.bn1(self.conv1(x))))))
        return relu(self.bn3(self.conv3(inner)) + self.downsample(x))


class ResNeXt(nn.Module):
    """Four layers of blocks, without what would name the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 7, stride=2, padding=3, bias=False)
        self.bn1, width = FrozenNorm(STEM_CHANNELS), STEM_CHANNELS
        for number, (blocks, outputs) in enumerate(zip(BLOCKS_OF_LAYER, CHANNELS_OF_LAYER, strict=True), 1):
            first = ResNeXtBlock(width, outputs, 1 if number == 1 else 2)
            self.add_module(f"layer{number}", nn.Sequential(
                first, *(ResNeXtBlock(outputs, outputs, 1) for _ in range(blocks - 1))
            ))
            width = outputs

    def forward(self, x: Tensor) -> list[Tensor]:
        """(1, 3, H, W) → the layers' features, of a quarter of the size, and each of half that of the one before."""
        x, seen = max_pool2d(relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1), []
        for number in range(1, len(BLOCKS_OF_LAYER) + 1):
            x = self.get_submodule(f"layer{number}")(x)
            seen.append(x)
        return seen


class DepthFeatures(nn.Module):
    """A convolution, and two more whose result is added to its own."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, outputs)
        self.conv_branch = nn.Sequential(
            nn.Identity(), conv3x3(outputs, outputs), FrozenNorm(outputs), nn.ReLU(), conv3x3(outputs, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.conv1(x))
        return relu(x + self.conv_branch(x))


class DepthStep(nn.Module):
    """Features of a size with what was made of the smaller ones, in twice the size."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.ftb1, self.ftb2 = DepthFeatures(inputs, MADE_CHANNELS), DepthFeatures(MADE_CHANNELS, MADE_CHANNELS)

    def forward(self, seen: Tensor, made: Tensor) -> Tensor:
        return twice_as_large(self.ftb2(self.ftb1(seen) + made))


class DepthDecoder(nn.Module):
    """From features of all sizes to depths."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = DepthFeatures(CHANNELS_OF_LAYER[-1], SMALLEST_MADE)
        self.conv1 = conv3x3(SMALLEST_MADE, MADE_CHANNELS)
        self.ffm0, self.ffm1, self.ffm2 = map(DepthStep, CHANNELS_OF_LAYER[:-1])
        half = MADE_CHANNELS // 2
        layers = conv3x3(MADE_CHANNELS, half), FrozenNorm(half), nn.ReLU(), conv3x3(half, 1)
        self.outconv = nn.ModuleDict({"adapt_conv": nn.Sequential(*layers)})

    def forward(self, seen: list[Tensor]) -> Tensor:
        made = twice_as_large(self.conv1(self.conv(seen[3])))
        for step, features in zip((self.ffm2, self.ffm1, self.ffm0), seen[2::-1], strict=True):
            made = step(features, made)
        return twice_as_large(self.outconv["adapt_conv"](made))


class Leres(nn.Module):
    """Encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        encoder = nn.ModuleDict({"encoder": ResNeXt()})
        self.depth_model = nn.ModuleDict({"encoder_modules": encoder, "decoder_modules": DepthDecoder()})

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) → (1, 1, H, W), more where it is farther; sides are multiples of 32."""
        seen = self.get_submodule("depth_model.encoder_modules.encoder")(x)
        depth: Tensor = self.depth_model["decoder_modules"](seen)
        return depth


def load_leres(path: Path, device: torch.device) -> Leres:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, Leres, device)


def relative_depth(net: Any, ask: Annotate) -> Annotation:
    """Return the map of a picture's depth, near things light; what is nearest or farthest of it black.

    As in ControlNet's set the network sees blue, green and red of 0 to 255, less means of 0 to 1.
    """

    def depth(levels: Levels, options: MapOptions) -> Levels:
        found = finite_map(net(standardised(seen_pixels(levels[:, :, ::-1], net), IMAGENET)))[0]
        return in_three(near_is_light(depth_levels(found), options.a, options.b))

    return Annotation(in_resolution(depth)(ask.pixels, MapOptions(ask.resolution, ask.a, ask.b)))


def depth_levels(depth: np.ndarray) -> np.ndarray:
    """Return depths as uint8, of which the least is 0 and the greatest 255; all 0 if they are equal."""
    low, high = depth.min(), depth.max()
    if high - low <= np.finfo(float).eps:
        return np.zeros(depth.shape, np.uint8)
    whole = (MOST_DEPTH * (depth - low) / (high - low)).astype(np.uint16)
    return np.rint(whole * (255 / MOST_DEPTH)).astype(np.uint8)


def near_is_light(levels: np.ndarray, near: float, background: float) -> np.ndarray:
    """Return depths (H, W) uint8 the other way round.

    near, background: percent of the depths that are taken for the nearest, and of the result that is black
    """
    light = 255 - kept_above(levels, near)
    return kept_above(light, background)


def kept_above(levels: np.ndarray, percent: float) -> np.ndarray:
    """Return the levels above so many percent, and 0 in the place of all others."""
    return np.where(levels > int(percent / 100 * 255), levels, 0).astype(np.uint8) if percent else levels
