"""M-LSD, straight lines: MobileNetV2, whose levels are joined from the smallest to the largest; a line is its middle.

Gu et al. 2021, "Towards Light-weight and Real-time Line Segment Detection", arXiv:2106.00186. Names are those of the
file `mlsd_large_512_fp32.pth`. At each place of half the size the network gives whether a line's middle is there, and
from it the ways to the line's two ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from modules.imaging.control.maps import MapOptions, in_resolution
from modules.imaging.control.resampling import Levels
from modules.imaging.control.strokes import line_pixels
from modules.models.annotators.building import annotator_network
from modules.models.layers import FrozenNorm, seen_pixels, twice_as_large
from modules.sampling.annotation import Annotate, Annotation

FIRST_CHANNELS = 32
# of MobileNetV2's stages: how much wider they are inside, their channels, blocks, and stride of the first
MOBILE_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1))
JOINED_LEVELS = (1, 3, 6, 10, 13)      # the features that are joined, one of each stage
JOINED_WIDTH, LINE_OUTPUTS = 64, 16
LINE_CHANNELS = slice(7, 12)           # of the outputs: the middle, and x and y of both ends
MOST_STRAIGHT_LINES = 200
CELL_OF_LINES = 2                      # pixels from one place to the next


class CappedConv(nn.Sequential):
    """A convolution, its normalisation, and a ReLU of at most 6.

    even: a stride of 2 looks beyond all edges, as others do; else beyond the right and the foot alone
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, even: bool = False
    ) -> None:
        even = even or stride == 1
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 if even else 0, groups=groups, bias=False),
            FrozenNorm(outputs), nn.ReLU6(),
        )
        self.beyond = 0 if even else 1

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = super().forward(pad(x, (0, self.beyond, 0, self.beyond)))
        return changed


class InvertedBlock(nn.Module):
    """MobileNetV2's block: wider, in each channel alone, and narrow again."""

    def __init__(self, inputs: int, outputs: int, stride: int, wider: int, even: bool = False) -> None:
        super().__init__()
        inner, self.adds = inputs * wider, stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *([CappedConv(inputs, inner, 1)] if wider > 1 else []), CappedConv(inner, inner, 3, stride, inner, even),
            nn.Conv2d(inner, outputs, 1, bias=False), FrozenNorm(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileLevels(nn.Module):
    """MobileNetV2's first five stages."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [CappedConv(4, FIRST_CHANNELS, stride=2)]
        width = FIRST_CHANNELS
        for wider, outputs, count, stride in MOBILE_STAGES:
            for place in range(count):
                layers.append(InvertedBlock(width, outputs, stride if place == 0 else 1, wider))
                width = outputs
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(1, 4, H, W) → each stage's (1, C, h, w), from H / 2 to H / 16, the last two of one size."""
        found = []
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in JOINED_LEVELS:
                found.append(x)
        return found


class JoinedLevels(nn.Module):
    """What a level sees beside what the smaller ones have given."""

    def __init__(self, inputs: int, below: int, doubled: bool = True) -> None:
        super().__init__()
        self.conv1, self.conv2 = normed_conv(below, JOINED_WIDTH, 1), normed_conv(inputs, JOINED_WIDTH, 1)
        self.doubled = doubled

    def forward(self, x: Tensor, below: Tensor) -> Tensor:
        below = self.conv1(below)
        if self.doubled:
            below = twice_as_large(below)
        return torch.cat([self.conv2(x), below], 1)


class NarrowedLevels(nn.Module):
    """A residual, then half the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = normed_conv(2 * JOINED_WIDTH, 2 * JOINED_WIDTH, 3)
        self.conv2 = normed_conv(2 * JOINED_WIDTH, JOINED_WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        narrowed: Tensor = self.conv2(self.conv1(x) + x)
        return narrowed


class LineHead(nn.Module):
    """From the joined levels to what is asked of each place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = normed_conv(JOINED_WIDTH, JOINED_WIDTH, 3, reach=5)
        self.conv2 = normed_conv(JOINED_WIDTH, JOINED_WIDTH, 3)
        self.conv3 = nn.Conv2d(JOINED_WIDTH, LINE_OUTPUTS, 1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv3(self.conv2(self.conv1(x)))
        return found


class LineFinder(nn.Module):
    """The network; its blocks have the numbers 15 to 23."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = MobileLevels()
        self.block15, self.block16 = JoinedLevels(64, 96, doubled=False), NarrowedLevels()
        self.block17, self.block18 = JoinedLevels(32, JOINED_WIDTH), NarrowedLevels()
        self.block19, self.block20 = JoinedLevels(24, JOINED_WIDTH), NarrowedLevels()
        self.block21, self.block22 = JoinedLevels(16, JOINED_WIDTH), NarrowedLevels()
        self.block23 = LineHead()

    def forward(self, x: Tensor) -> Tensor:
        """(1, 4, H, W) → (1, 5, H / 2, W / 2): the middle's logit, the ways to both ends; sides: multiples of 16."""
        *levels, x = self.backbone(x)
        for number in (15, 17, 19, 21):
            x = self.get_submodule(f"block{number}")(levels.pop(), x)
            x = self.get_submodule(f"block{number + 1}")(x)
        found: Tensor = self.block23(x)[:, LINE_CHANNELS]
        return found


def normed_conv(inputs: int, outputs: int, kernel: int, reach: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2 * reach, dilation=reach)
    return nn.Sequential(convolution, FrozenNorm(outputs), nn.ReLU())


def load_line_finder(path: Path, device: torch.device) -> LineFinder:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, LineFinder, device)


# Lines -------------------------------------------------------------------------------------------------


def straight_lines(net: Any, ask: Annotate) -> Annotation:
    """Return a picture's straight lines, white on black, one pixel wide.

    Of the question, `a` is the least score of a line and `b` its least length in the network's places.
    """

    def lines(levels: Levels, options: MapOptions) -> Levels:
        pixels = pad(seen_pixels(levels, net), (0, 0, 0, 0, 0, 1), value=1)      # the fourth channel is 1 everywhere
        found = net(pixels / 127.5 - 1)[0]
        if not found.isfinite().all():
            raise FloatingPointError
        return lines_drawn(found_lines(found, options), levels.shape[:2])

    return Annotation(in_resolution(lines)(ask.pixels, MapOptions(ask.resolution, ask.a, ask.b)))


def found_lines(answer: Tensor, options: MapOptions) -> np.ndarray:
    """Return (n, 4), x and y of both ends of each line in pixels, from an answer (5, h, w)."""
    heat = answer[None, 0].sigmoid()
    peaks = torch.where(max_pool2d(heat, 3, stride=1, padding=1) == heat, heat, 0).flatten()
    scores, places = peaks.topk(min(MOST_STRAIGHT_LINES, len(peaks)))
    ways = answer[1:].flatten(1)[:, places].T
    middles = torch.stack([places % answer.shape[2], places // answer.shape[2]], 1).repeat(1, 2)
    long = (ways[:, :2] - ways[:, 2:]).norm(dim=1) > options.b
    ends: np.ndarray = ((middles + ways) * CELL_OF_LINES)[(scores > options.a) & long].cpu().numpy()
    return ends


def lines_drawn(ends: np.ndarray, shape: tuple[int, int]) -> Levels:
    """Return lines as a map of that height and width; what lies beyond it is cut off."""
    levels = np.zeros((*shape, 3), np.uint8)
    for left, top, right, bottom in ends.clip(-max(shape), 2 * max(shape)).astype(int).tolist():
        for x, y in line_pixels((left, top), (right, bottom)):
            if 0 <= x < shape[1] and 0 <= y < shape[0]:
                levels[y, x] = 255
    return levels
